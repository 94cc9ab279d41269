"""Whether the cluster is whole: what is ready, not what is said of it.

A pod counts while its status says ready, its node is not lost, and its container did not go down with its
node unreported. Counts are kept by workload, and only while somebody asks.
"""

from collections.abc import Callable
from typing import Final

from engine.core.effects import Resource
from simulator.cluster.objects import condition_of, is_active, is_ready, key_of
from simulator.cluster.store import Key, Store

Workload = tuple[str, str, str]
"""(kind, namespace, name)."""
_SCALED: Final = ("Deployment", "StatefulSet", "ReplicaSet")


class Wholeness:
    """Counts ready pods by workload."""

    def __init__(self, store: Store, is_up: Callable[[str], bool]) -> None:
        """Ask `is_up` whether a node's kubelet is at work."""
        self.lost: dict[str, None] = {}  # nodes whose containers nobody reaches
        self.stale: dict[Key, str] = {}  # pods whose containers went down unreported, with their uid
        self._store = store
        self._is_up = is_up
        self._counts: dict[Workload, int] = {}
        self._owners: dict[str, Workload] = {}  # of ReplicaSets by uid, also of those that are gone
        self._witness: Workload | None = None  # one that was short
        self._short_before: dict[Workload, None] = {}

    def begin(self) -> None:
        """Note what is short of pods before anything has happened."""
        self.recount()
        self._short_before = {workload: None for workload in self._workloads() if self._is_short(workload)}

    def recount(self) -> None:
        """Count all pods anew: nodes were lost, or have returned."""
        self._counts = {}
        for pod in self._store.objects.get("Pod", {}).values():
            self._count(pod, 1)

    def crashed(self, node: str) -> None:
        """Note that the containers of a node are gone, whatever the status of its pods says.

        Those that are not ready yet become so by what is told after the crash.
        """
        for key, pod in self._store.objects.get("Pod", {}).items():
            if pod["spec"].get("nodeName") == node and is_ready(pod):
                self.stale[key] = pod["metadata"]["uid"]

    def pod_written(self, before: Resource | None, after: Resource | None) -> None:
        """Follow a write of a pod."""
        if before is not None:
            self._count(before, -1)
            key = key_of(before)
            if key in self.stale and (
                after is None or not is_ready(after) or after["metadata"]["uid"] != self.stale[key]
            ):
                del self.stale[key]
        if after is not None:
            self._count(after, 1)

    def is_restored(self) -> bool:
        """Say whether every workload has its wanted number of ready pods."""
        if self._witness is not None and self._is_short(self._witness):
            return False
        self._witness = next(
            (
                workload
                for workload in self._workloads()
                if workload not in self._short_before and self._is_short(workload)
            ),
            None,
        )
        return self._witness is None

    def are_nodes_ready(self) -> bool:
        """Say whether every node is ready, its kubelet at work."""
        return not self.lost and all(
            condition_of(node, "Ready") in ("True", "") and self._is_up(name)
            for (_, name), node in self._store.objects.get("Node", {}).items()
        )

    def _count(self, pod: Resource, sign: int) -> None:
        if not is_active(pod) or not is_ready(pod) or pod["spec"].get("nodeName") in self.lost:
            return
        if self.stale.get(key_of(pod)) == pod["metadata"]["uid"]:
            return
        workload = self._workload_of(pod)
        if workload is not None:
            self._counts[workload] = self._counts.get(workload, 0) + sign

    def _workload_of(self, pod: Resource) -> Workload | None:
        namespace = pod["metadata"].get("namespace", "")
        for owner in pod["metadata"].get("ownerReferences") or ():
            if not owner.get("controller"):
                continue
            if owner["kind"] != "ReplicaSet":
                return owner["kind"], namespace, owner["name"]
            if owner["uid"] not in self._owners:
                self._owners[owner["uid"]] = self._deployment_of((namespace, owner["name"]), owner["uid"])
            return self._owners[owner["uid"]]
        return None

    def _deployment_of(self, key: Key, uid: str) -> Workload:
        """Return the workload above a ReplicaSet; for one that was gone before its pod came, itself."""
        found = self._store.objects.get("ReplicaSet", {}).get(key)
        if found is not None and found["metadata"]["uid"] == uid:
            for owner in found["metadata"].get("ownerReferences") or ():
                if owner.get("controller"):
                    return owner["kind"], key[0], owner["name"]
        return "ReplicaSet", *key

    def _workloads(self) -> list[Workload]:
        objects = self._store.objects
        scaled = [
            (kind, *key)
            for kind in _SCALED
            for key, one in objects.get(kind, {}).items()
            if kind != "ReplicaSet" or not one["metadata"].get("ownerReferences")
        ]
        return [*scaled, *(("DaemonSet", *key) for key in objects.get("DaemonSet", {}))]

    def _is_short(self, workload: Workload) -> bool:
        kind, namespace, name = workload
        found = self._store.objects.get(kind, {}).get((namespace, name))
        if found is None:
            return False
        if kind == "DaemonSet":
            wanted = int((found.get("status") or {}).get("desiredNumberScheduled", 0)) - len(self.lost)
        else:
            wanted = int(found["spec"].get("replicas", 1))
        return self._counts.get(workload, 0) < wanted
