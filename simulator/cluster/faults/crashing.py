"""A workload whose containers crash, those that run and those that are started, as long as a fault lasts."""

from functools import partial

from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cluster.behaviour import Life, workload_of
from simulator.cluster.cluster import Cluster


class Crashing:
    """One such fault. Lives that were drawn before any began are drawn anew, and ask at each start."""

    def __init__(self, agenda: Agenda, cluster: Cluster, workload: str, after_ns: int) -> None:
        """Let the containers of `workload` (``namespace/name``) crash so long after their start."""
        self._agenda = agenda
        self._cluster = cluster
        self._workload = workload
        self._after_ns = after_ns
        behaviours = cluster.nodes.behaviours
        if not isinstance(behaviours.trouble, _Loops):
            behaviours.trouble = _Loops()
        self._loops = behaviours.trouble

    def begin(self) -> None:
        """Let running containers crash, and every start after that."""
        self._loops.after_ns.setdefault(self._workload, []).append(self._after_ns)
        link = root(self._agenda.now)
        pods = self._cluster.store.objects.get("Pod", {})
        for key in sorted(pods):
            kubelet = self._cluster.kubelets.get(pods[key]["spec"].get("nodeName", ""))
            if kubelet is not None and workload_of(pods[key]) == self._workload:
                kubelet.look_again(pods[key], link)

    def end(self) -> None:
        """Let the next start of each succeed, unless another such fault lasts."""
        self._loops.after_ns[self._workload].remove(self._after_ns)


class _Loops:
    """After how long the containers of each workload crash: the soonest of the faults that last.

    It stays once there is one: lives that were drawn under a fault ask it until their pods are gone.
    """

    def __init__(self) -> None:
        self.after_ns: dict[str, list[int]] = {}

    def __call__(self, pod: Resource, life: Life) -> Life:
        """Let a life ask for its crashes."""
        life.crash = partial(self._crashes_after, workload_of(pod))
        return life

    def _crashes_after(self, workload: str) -> int | None:
        return min(self.after_ns.get(workload) or (), default=None)
