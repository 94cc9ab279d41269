"""The DaemonSet controller: one pod on every node that it selects, replaced node by node.

Which nodes, and the rolling update with maxUnavailable (1 by default) or maxSurge, follow
pkg/controller/daemon: daemon_controller.go and update.go. A cordoned node keeps its pod and gets one, as the
pods tolerate that. Creations go out in batches that double, as a ReplicaSet's.
"""

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from engine.core.errors import NotFound
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.injection import CREATE_POD, DELETE_POD
from simulator.cluster.objects import has_ended, is_active, is_ready
from simulator.cluster.podrules import pinned_to
from simulator.cluster.rolling import resolve
from simulator.cluster.setcontroller import SetController, Steps
from simulator.cluster.sets import daemon_pod, revision_of, runs_on
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.tasks import Gather, Waitable


class DaemonSetController(SetController):
    """Keeps a pod of every DaemonSet on its nodes."""

    kind = "DaemonSet"

    def __init__(
        self, store: Store, watch: Watch, client: Client, slow_start: int, timestamp: Callable[[], str]
    ) -> None:
        """Begin batches of creations with `slow_start` pods."""
        super().__init__(store, watch, client, timestamp)
        self._slow_start = slow_start
        self._places: dict[str, int] = {}  # of nodes, in the order in which they were first seen
        self._generations: dict[tuple[Key, str], int] = {}
        watch.subscribe(("Node",), self._node_changed)

    def load(self, link: Link) -> None:
        """Take in the nodes, the sets and their pods that exist before time 0."""
        for key in sorted(self._watch.cache.get("Node", {})):
            self._places.setdefault(key[1], len(self._places))
        super().load(link)

    def _loaded(self, owner: Key, pod: Resource) -> None:
        self._generations[owner, _node_of(pod)] = 0

    @staticmethod
    def _has_left(pod: Resource) -> bool:
        return not is_active(pod)

    def _node_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        node = after or before or {}
        self._places.setdefault(node["metadata"]["name"], len(self._places))
        if before and after and before.get("spec") == after.get("spec") and _labels(before) == _labels(after):
            return
        for key in self._watch.cache.get("DaemonSet", {}):
            self.queue.add(key, link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Create and delete what is due, then write the status."""
        found = self._watch.cache.get("DaemonSet", {}).get(key)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return False
        revision = revision_of(found)
        self._failed[key] = False
        if not self._awaits(key):
            link = yield from self._manage(key, found, link)
        if not self._awaits(key) and not self._failed.get(key):
            link = yield from self._update(key, found, revision, link)
        yield from self._write_status(key, found, revision, link)
        return self._failed.get(key, False)

    def _by_node(self, key: Key) -> dict[str, list[Resource]]:
        """Return the pods that count, by node; the oldest first."""
        result: dict[str, list[Resource]] = {}
        for name, pod in sorted(self._pods.get(key, {}).items()):
            if name not in self._awaited.get(key, {}):
                result.setdefault(_node_of(pod), []).append(pod)
        for pods in result.values():
            pods.sort(key=lambda pod: pod["metadata"].get("creationTimestamp", ""))
        return result

    def _manage(self, key: Key, found: Resource, link: Link) -> Steps:
        """Give every node that lacks one its pod; remove what is on others, surplus, or has ended."""
        by_node = self._by_node(key)
        missing, surplus = list[str](), list[Resource]()
        surge = _surge(found, 1)
        nodes = self._watch.cache.get("Node", {})
        for name in self._places:
            node, pods = nodes.get(("", name)), by_node.pop(name, [])
            active = [pod for pod in pods if is_active(pod)]
            surplus += [pod for pod in pods if has_ended(pod) and "deletionTimestamp" not in pod["metadata"]]
            if node is None or not runs_on(found, node, already=bool(active)):
                surplus += active
            elif not pods:
                missing.append(name)
            else:
                surplus += active[1:] if not surge else self._beyond_surge(key, found, active)
        if surplus:
            link = yield from self._delete(key, surplus, link)
        batch = self._slow_start
        while missing and not self._failed.get(key):
            link = yield from self._create(key, found, missing[:batch], link)
            missing, batch = missing[batch:], batch * 2
        return link

    def _beyond_surge(self, key: Key, found: Resource, active: list[Resource]) -> list[Resource]:
        """Return a node's pods but the oldest of today's revision and the oldest of others."""
        revision = revision_of(found)
        new = [pod for pod in active if self._revisions.of(key, pod) == revision]
        old = [pod for pod in active if self._revisions.of(key, pod) != revision]
        return new[1:] + old[1:]

    def _create(self, key: Key, found: Resource, nodes: list[str], link: Link) -> Steps:
        calls, names = [], []
        for node in nodes:
            generation = self._generations[key, node] = self._generations.get((key, node), -1) + 1
            pod = daemon_pod(found, node, self._places[node], generation)
            name = pod["metadata"]["name"]
            self._awaited.setdefault(key, {})[name] = None
            number = self._client.repeated(f"create/{key[0]}/{name}")
            calls.append(self._client.write(partial(self._store.create, pod), number, link, CREATE_POD))
            names.append((name, node))
        gathered = Gather(calls)
        yield gathered
        for (name, node), call in zip(names, calls, strict=True):
            self._tell(key, "create", name)
            if call.error is not None:
                self._awaited.get(key, {}).pop(name, None)
                self._generations[key, node] -= 1  # so that the next try is the same pod
                self._failed[key] = True
        return gathered.link

    def _delete(self, key: Key, pods: list[Resource], link: Link) -> Steps:
        calls = []
        for pod in pods:
            name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
            self._awaited.setdefault(key, {})[name] = None
            number = self._client.repeated(f"delete/{key[0]}/{name}")
            operation = partial(self._remove, key, Ref("Pod", name, key[0]), uid)
            calls.append(self._client.write(operation, number, link, DELETE_POD))
        gathered = Gather(calls)
        yield gathered
        for pod, call in zip(pods, calls, strict=True):
            self._tell(key, "delete", pod["metadata"]["name"])
            if call.error is not None:
                self._awaited.get(key, {}).pop(pod["metadata"]["name"], None)
        gathered.check()
        return gathered.link

    def _remove(self, key: Key, ref: Ref, uid: str, link: Link) -> None:
        try:
            self._store.delete(ref, link, uid)
        except NotFound:
            self._awaited.get(key, {}).pop(ref.name, None)

    def _update(self, key: Key, found: Resource, revision: str, link: Link) -> Steps:
        """Delete pods of an older revision, as many as may be unavailable; those that are go first."""
        strategy = found["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return link
        wanted = self._desired(found)
        surge = _surge(found, len(wanted))
        if surge:
            return (yield from self._surge_over(key, found, revision, surge, link))
        allowed = resolve(
            (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), len(wanted), up=True
        )
        by_node = self._by_node(key)
        available = self._available(key, found, self._pods.get(key, {}).values(), link)
        unavailable, old_unavailable, old_available = 0, list[Resource](), list[Resource]()
        for node in wanted:
            pods = by_node.get(node, [])
            if not any(is_active(pod) and pod["metadata"]["name"] in available for pod in pods):
                unavailable += 1
            for pod in pods:
                if is_active(pod) and self._revisions.of(key, pod) != revision:
                    (old_available if pod["metadata"]["name"] in available else old_unavailable).append(pod)
        due = old_unavailable + old_available[: max(0, allowed - unavailable)]
        return (yield from self._delete(key, due, link)) if due else link

    def _surge_over(self, key: Key, found: Resource, revision: str, surge: int, link: Link) -> Steps:
        """Put a new pod beside the old one on `surge` nodes at once; the old goes when it is available."""
        by_node = self._by_node(key)
        available = self._available(key, found, self._pods.get(key, {}).values(), link)
        surging, at_once, next_ones, over = 0, list[str](), list[str](), list[Resource]()
        for node in self._desired(found):
            active = [pod for pod in by_node.get(node, []) if is_active(pod)]
            new = [pod for pod in active if self._revisions.of(key, pod) == revision]
            old = [pod for pod in active if pod not in new]
            if not old:
                continue
            if not new:
                (next_ones if old[0]["metadata"]["name"] in available else at_once).append(node)
            elif new[0]["metadata"]["name"] in available:
                over += old
            else:
                surging += 1
        if over:
            link = yield from self._delete(key, over, link)
        nodes = at_once + next_ones[: max(0, surge - surging)]
        return (yield from self._create(key, found, nodes, link)) if nodes else link

    def _desired(self, found: Resource) -> list[str]:
        nodes = self._watch.cache.get("Node", {})
        return [name for name in self._places if ("", name) in nodes and runs_on(found, nodes["", name])]

    def _write_status(self, key: Key, found: Resource, revision: str, link: Link) -> Steps:
        wanted = self._desired(found)
        by_node = {node: [pod for pod in pods if is_active(pod)] for node, pods in self._by_node(key).items()}
        on = [by_node[node][0] for node in wanted if by_node.get(node)]
        ready, available = sum(map(is_ready, on)), len(self._available(key, found, on, link))
        status = {
            "observedGeneration": found["metadata"].get("generation", 1),
            "desiredNumberScheduled": len(wanted),
            "currentNumberScheduled": len(on),
            "numberMisscheduled": sum(bool(pods) for node, pods in by_node.items() if node not in wanted),
            "numberReady": ready,
            "numberAvailable": available,
            "numberUnavailable": len(wanted) - available,
            "updatedNumberScheduled": sum(self._revisions.of(key, pod) == revision for pod in on),
        }
        return (yield from self._write(key, found, status, link))


def _surge(daemonset: Resource, nodes: int) -> int:
    """Return on how many nodes a rolling update may have two pods at once."""
    strategy = daemonset["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    return resolve(rolling.get("maxSurge", 0), nodes, up=True)


def _node_of(pod: Resource) -> str:
    """Return the node that a DaemonSet's pod is bound to, or will be."""
    return str(pod["spec"].get("nodeName") or pinned_to(pod["spec"]))


def _labels(node: Resource) -> Any:
    return node["metadata"].get("labels")
