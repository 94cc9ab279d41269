"""A workload whose containers crash, those that run and those that are started, as long as a fault lasts."""

from collections.abc import Callable

from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cluster.behaviour import Life, workload_of
from simulator.cluster.cluster import Cluster


class Crashing:
    """One such fault. Lives that were drawn before it began are drawn anew, and ask it."""

    def __init__(self, agenda: Agenda, cluster: Cluster, workload: str, after_ns: int) -> None:
        """Let the containers of `workload` (``namespace/name``) crash so long after their start."""
        self._agenda = agenda
        self._cluster = cluster
        self._workload = workload
        self._after_ns = after_ns
        self._before: Callable[[Resource, Life], Life] | None = None
        self.is_on = False

    def begin(self) -> None:
        """Let running containers crash, and every start after that."""
        self.is_on = True
        behaviours = self._cluster.nodes.behaviours
        self._before, behaviours.trouble = behaviours.trouble, self._life
        link = root(self._agenda.now)
        pods = self._cluster.store.objects.get("Pod", {})
        for key in sorted(pods):
            kubelet = self._cluster.kubelets.get(pods[key]["spec"].get("nodeName", ""))
            if kubelet is not None and workload_of(pods[key]) == self._workload:
                kubelet.look_again(pods[key], link)

    def end(self) -> None:
        """Let the next start of each succeed."""
        self.is_on = False
        behaviours = self._cluster.nodes.behaviours
        if behaviours.trouble == self._life:
            behaviours.trouble = self._before

    def _life(self, pod: Resource, life: Life) -> Life:
        if self._before is not None:
            life = self._before(pod, life)
        if workload_of(pod) == self._workload:
            life.crash = self._crashes_after
        return life

    def _crashes_after(self) -> int | None:
        return self._after_ns if self.is_on else None
