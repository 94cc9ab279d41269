"""Pod garbage collection: pods bound to a node that there is not are removed by force, after a quarantine.

It looks only while a node has gone. Source: k/k pkg/controller/podgc/gc_controller.go gcOrphaned.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.attribution import Link, root
from simulator.cluster.access import Access
from simulator.cluster.objects import has_ended, key_of
from simulator.cluster.podstatus import ended_status
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch
from simulator.streams import entity
from simulator.tasks import Story, Task


class PodGarbage:
    """Remembers the nodes that have gone, and since when it knows."""

    def __init__(self, access: Access, store: Store, watch: Watch, timestamp: Callable[[], str]) -> None:
        """Follow nodes."""
        self._agenda = access.agenda
        self._store = store
        self._watch = watch
        self._timestamp = timestamp
        self._client = access.controller_client("pod-garbage-collector")
        self._period_ns = access.constant_ns("pod_gc.period")
        self._quarantine_ns = access.constant_ns("pod_gc.quarantine")
        stream = access.streams.stream("node-lifecycle")
        self._phase_ns = round(self._period_ns * stream.uniform(entity("pod-gc")))
        self._gone: dict[str, int | None] = {}
        self._ticking = False
        self.is_halted = False
        watch.subscribe(("Node",), self._node_changed)

    def load(self) -> None:
        """Look for pods that were orphans before time 0."""
        nodes = self._watch.cache.get("Node", {})
        for pod in self._watch.cache.get("Pod", {}).values():
            name = pod["spec"].get("nodeName")
            if name and ("", name) not in nodes:
                self._gone[name] = None
        if self._gone:
            self._arm()

    def _node_changed(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        name = (after or before or {})["metadata"]["name"]
        if after is None:
            self._gone[name] = None
            self._arm()
        elif before is None:
            self._gone.pop(name, None)  # it has come back

    def _arm(self) -> None:
        if not self._ticking:
            self._ticking = True
            now = self._agenda.now
            self._agenda.after((self._phase_ns - now) % self._period_ns, self._tick)

    def _tick(self, _entry: Any) -> None:
        now = self._agenda.now
        for name, since in list(self._gone.items()):
            if self.is_halted:
                self._gone[name] = None  # whoever comes after knows nothing of it
            elif since is None:
                self._gone[name] = now
            elif now >= since + self._quarantine_ns and not self._collect(name):
                del self._gone[name]
        self._ticking = bool(self._gone)
        if self._ticking:
            self._agenda.after(self._period_ns, self._tick)

    def _collect(self, name: str) -> int:
        """Remove the node's pods; return how many there were."""
        pods = self._watch.cache.get("Pod", {})
        orphans = [pods[key] for key in sorted(pods) if pods[key]["spec"].get("nodeName") == name]
        for pod in orphans:
            Task(self._agenda, self._remove(pod))
        return len(orphans)

    def _remove(self, pod: Resource) -> Story:
        key = "/".join(key_of(pod))
        call = self._client.write(
            partial(self._fail, pod), self._client.repeated(f"orphan/{key}"), root(self._agenda.now),
            ("patch", "Pod"),
        )  # fmt: skip
        yield call
        ref = Ref("Pod", pod["metadata"]["name"], pod["metadata"].get("namespace", ""))
        if call.error is None:
            yield self._client.write(
                partial(self._store.delete, ref, uid=pod["metadata"]["uid"], grace_s=0),
                self._client.repeated(f"orphan/{key}"),
                call.link,
                ("delete", "Pod"),
            )

    def _fail(self, pod: Resource, link: Link) -> None:
        """Write Failed, which a controller that counts pods must see before the pod is gone."""
        found = self._store.objects.get("Pod", {}).get(key_of(pod))
        if found is None or found["metadata"]["uid"] != pod["metadata"]["uid"] or has_ended(found):
            return
        namespace, name = key_of(pod)
        try:
            status = ended_status(found, now=self._timestamp(), phase="Failed")
            self._store.set_status(Ref("Pod", name, namespace), status, link)
        except ApiError:
            return
