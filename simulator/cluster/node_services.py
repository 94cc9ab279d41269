"""What all the pods of one node share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.cluster.behaviour import Behaviours
from simulator.cluster.cpu import NodeCpu
from simulator.cluster.images import Images
from simulator.cluster.reporter import Reporter
from simulator.stations import Seats
from simulator.streams import Sampler, Stream


@dataclass(frozen=True, slots=True)
class KubeletSettings:
    """The kubelet's own durations, and how many pods it starts at once."""

    pleg_period_ns: int
    volume_setup: Sampler
    container_start: Sampler
    stream: Stream
    start_seats: int
    container_extra: Sampler  # of a container that joins others in their sandbox
    teardown: Sampler | None = None  # of a pod's sandbox; None: in no time
    sync_ns: int = 0  # from a pod's arrival to its first status
    slower_per_pod: float = 0.0  # by which share a start takes longer for each other pod on the node


def mounted(_pod: Resource) -> None:
    """Nothing is waited for: there are no claims in this cluster."""


@dataclass(slots=True)
class NodeServices:
    """The node's seats, images, volumes and reporter."""

    node: str
    agenda: Agenda
    settings: KubeletSettings
    behaviours: Behaviours
    images: Images
    starts: Seats
    reporter: Reporter
    cpu: NodeCpu | None = None  # None: nothing in the cluster declares what CPU it uses
    pods_count: int = 0  # pods on the node when the last one came
    mount: Callable[[Resource], Any] = mounted  # what is waited for before volumes are there
