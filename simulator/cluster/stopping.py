"""How long containers take to stop: their hook counts against the grace, and sidecars go last."""

from collections.abc import Sequence
from typing import Final

from engine.core.effects import Resource
from simulator.cluster.behaviour import Behaviours
from simulator.cluster.container import SIDECAR, Container, pre_stop_ns

GRACE_NS: Final = 30_000_000_000  # where nobody says how long: k/k pkg/apis/core/v1/defaults.go
GRACE_NS_MIN: Final = 2_000_000_000  # kuberuntime minimumGracePeriodInSeconds: SIGKILL comes no sooner


def stops_ns(behaviours: Behaviours, pod: Resource, one: Container, grace_ns: int) -> int:
    """Return how long a container takes to stop within a grace, its preStop hook included."""
    hook_ns = min(pre_stop_ns(one.spec, behaviours.pre_stop_ns(pod)), grace_ns)
    return hook_ns + min(behaviours.exit_ns(pod), max(grace_ns - hook_ns, GRACE_NS_MIN))


def pod_stops_ns(behaviours: Behaviours, pod: Resource, running: Sequence[Container], grace_ns: int) -> int:
    """Return how long a pod takes: all but sidecars at once, then these, the last started first."""
    main = [stops_ns(behaviours, pod, one, grace_ns) for one in running if one.kind != SIDECAR]
    total = max(main, default=0)
    for one in reversed(running):
        if one.kind == SIDECAR:
            total += stops_ns(behaviours, pod, one, max(grace_ns - total, GRACE_NS_MIN))
    return total
