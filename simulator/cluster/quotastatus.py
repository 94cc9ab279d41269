"""Who keeps the status of quotas, as load: the API server as it admits a pod, a controller once it is over.

What a namespace uses is reckoned in `simulator.cluster.quota`.
"""

from engine.core.effects import Resource
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.changes import ENDED, GONE, NEW
from simulator.cluster.objects import has_ended, key_of
from simulator.cluster.store import Key
from simulator.cluster.upkeep import Upkeep
from simulator.cluster.watch import Watch
from simulator.streams import entity


class QuotaStatus:
    """Follows the pods of namespaces with quotas."""

    def __init__(self, watch: Watch, admission: Client, controller: Upkeep) -> None:
        """`admission` is the API server's own client, `controller` the resource quota controller."""
        self._watch = watch
        self._admission = admission
        self._controller = controller
        watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + ENDED)

    def _pod_changed(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        if after is None and has_ended(before or {}):
            return  # it had been given back before
        pod = after or before or {}
        for quota in self._of(key_of(pod)[0]):
            if before is None:
                self._admission.unattended(entity("/".join((quota[1], *key_of(pod)))), _whenever)
            else:
                self._controller.changed(quota)

    def _of(self, namespace: str) -> list[Key]:
        return [key for key in self._watch.cache.get("ResourceQuota", {}) if key[0] == namespace]


def _whenever(_end_ns: int) -> None:
    """Nothing waits for it."""
