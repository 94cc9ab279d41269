"""What surrounds the processes of the engine in a run of the fuzz, and outlives them."""

from dataclasses import dataclass

from simulator.agenda import Agenda
from simulator.checkers import ClusterChecker
from simulator.cluster.cluster import Cluster
from simulator.outside import Outside
from simulator.streams import Streams
from tests.fuzz.draws import Case
from tests.fuzz.notes import Notes


@dataclass
class Scene:
    """The clock, the cluster and its checker, what lies outside of it, and the notes."""

    case: Case
    agenda: Agenda
    streams: Streams
    cluster: Cluster
    checker: ClusterChecker
    outside: Outside
    notes: Notes


def scene_of(case: Case) -> Scene:
    """Build what the engine of a case finds at time 0."""
    agenda, streams = Agenda(), Streams(case.seed, 0)
    cluster = Cluster(agenda, case.cluster, case.engine, streams)
    outside = Outside(agenda, cluster.store, case.cluster, streams)
    return Scene(case, agenda, streams, cluster, ClusterChecker(cluster.store), outside, Notes())
