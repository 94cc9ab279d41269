"""The taint eviction controller: deletes pods from nodes tainted NoExecute, when they may stay no longer.

It follows pods only from the first such taint on: until then it costs nothing.
Source: k/k pkg/controller/tainteviction/taint_eviction.go.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from engine.core.effects import Ref, Resource
from engine.core.errors import ApiError
from simulator.attribution import Link, root
from simulator.cluster.access import Access
from simulator.cluster.changes import GONE, NEW, SPEC
from simulator.cluster.nodetaints import executing, stays_s
from simulator.cluster.objects import is_terminating, key_of, with_condition
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.tasks import Story, Task

SECOND_NS: Final = 1_000_000_000
RETRIES_MAX: Final = 5
RETRY_NS: Final = 10_000_000
_REASON: Final = {
    "reason": "DeletionByTaintManager",
    "message": "Taint manager: deleting due to NoExecute taint",
}


class TaintEviction:
    """Knows the nodes that are tainted so, and which of their pods go when."""

    def __init__(self, access: Access, store: Store, watch: Watch, timestamp: Callable[[], str]) -> None:
        """Follow nodes."""
        self._agenda = access.agenda
        self._store = store
        self._watch = watch
        self._timestamp = timestamp
        self._client = access.controller_client("taint-eviction-controller")
        self._taints: dict[str, list[Any]] = {}
        self._due: dict[Key, tuple[str, str, int]] = {}  # pod -> (node, uid, when)
        self._follows_pods = False
        self.is_halted = False
        watch.subscribe(("Node",), self._node_changed)

    def load(self, link: Link) -> None:
        """Look at the nodes that exist before time 0."""
        for node in self._watch.cache.get("Node", {}).values():
            self._node_changed(None, node, link)

    def halt(self) -> None:
        """Stop, as when the controller manager is down."""
        self.is_halted = True

    def resume(self, link: Link) -> None:
        """Start again with nothing in mind: pods may stay as long as if the taints were new."""
        self.is_halted = False
        self._taints.clear()
        self._due.clear()
        self.load(link)

    def _node_changed(self, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        if self.is_halted:
            return
        if after is None:
            self._taints.pop((_before or {})["metadata"]["name"], None)
            return
        name = after["metadata"]["name"]
        taints = executing(after)
        if taints == self._taints.get(name, []):
            return
        if not taints:
            del self._taints[name]
            for key in [key for key, (node, _, _) in self._due.items() if node == name]:
                del self._due[key]
            return
        self._taints[name] = taints
        if not self._follows_pods:
            self._follows_pods = True
            self._watch.subscribe(("Pod",), self._pod_changed, NEW + SPEC + GONE)
        pods = self._watch.cache.get("Pod", {})
        for key in sorted(pods):
            if pods[key]["spec"].get("nodeName") == name:
                self._consider(pods[key])

    def _pod_changed(self, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        if after is None:
            self._due.pop(key_of(_before or {}), None)
        elif after["spec"].get("nodeName") in self._taints and not self.is_halted:
            self._consider(after)

    def _consider(self, pod: Resource) -> None:
        """Let the pod go when its tolerations end; what was said before may only be earlier."""
        node = pod["spec"]["nodeName"]
        key, uid = key_of(pod), pod["metadata"]["uid"]
        stays = stays_s(pod, self._taints[node])
        if stays is None or is_terminating(pod):
            self._due.pop(key, None)
            return
        now = self._agenda.now
        due = now + round(stays * SECOND_NS)
        known = self._due.get(key)
        if known is not None and known[1] == uid and known[2] <= due:
            return
        self._due[key] = (node, uid, due)
        self._agenda.after(due - now, partial(self._go, key, self._due[key]))

    def _go(self, key: Key, entry: tuple[str, str, int], _entry: Any = None) -> None:
        if self._due.get(key) is entry and not self.is_halted:
            del self._due[key]
            Task(self._agenda, self._delete(key, entry[1]))

    def _delete(self, key: Key, uid: str) -> Story:
        """Say why in the pod's status, then delete it; a failure is tried again, a few times."""
        link = root(self._agenda.now)
        name = "/".join(key)
        for attempt in range(RETRIES_MAX):
            call = self._client.write(
                partial(self._say_why, key, uid),
                self._client.repeated(f"evict/{name}"),
                link,
                ("patch", "Pod"),
            )
            yield call
            if call.error is None:
                ref = Ref("Pod", key[1], key[0])
                call = self._client.write(
                    partial(self._store.delete, ref, uid=uid),
                    self._client.repeated(f"evict/{name}"),
                    call.link,
                    ("delete", "Pod"),
                )
                yield call
            if call.error is None or attempt == RETRIES_MAX - 1:
                return
            link = call.link
            yield RETRY_NS

    def _say_why(self, key: Key, uid: str, link: Link) -> None:
        found = self._store.objects.get("Pod", {}).get(key)
        if found is None or found["metadata"]["uid"] != uid:
            return
        conditions = list((found.get("status") or {}).get("conditions") or ())
        told = with_condition(conditions, "DisruptionTarget", "True", self._timestamp(), **_REASON)
        try:
            self._store.set_status(Ref("Pod", key[1], key[0]), {"conditions": told}, link)
        except ApiError:
            return
