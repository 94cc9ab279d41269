"""Disruption budgets: the controller that keeps their status, and the eviction that spends it.

Eviction follows pkg/registry/core/pod/storage/eviction.go: a pod that does not run, or that no budget
covers, is deleted; several budgets, refuse (500); one with nothing left, or whose change its controller has
not seen, refuse (429); else spend one disruption and delete. A pod that is not ready spends nothing while the
budget is healthy, or where its unhealthyPodEvictionPolicy is AlwaysAllow.
"""

from collections.abc import Generator
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from engine.core.errors import NotFound, ServerError, TooManyRequests
from simulator.attribution import Link
from simulator.cluster.apiserver import Client
from simulator.cluster.changes import ENDED, GOING, GONE, NEW, READY
from simulator.cluster.objects import is_active, is_ready, key_of, matches, owner_of
from simulator.cluster.rolling import resolve
from simulator.cluster.store import Key, Store
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable

BUDGET = "PodDisruptionBudget"
# k/k pkg/controller/disruption/disruption.go DeletionTimeout: who is evicted and does not go counts again.
DELETION_TIMEOUT_NS = 120_000_000_000


def _budgets(objects: dict[str, dict[Key, Resource]], pod: Resource) -> list[Resource]:
    namespace, _ = key_of(pod)
    labels = pod["metadata"].get("labels")
    return [
        budget
        for key, budget in objects.get(BUDGET, {}).items()
        if key[0] == namespace and matches(budget["spec"].get("selector"), labels)
    ]


def evict(store: Store, ref: Ref, uid: str | None, link: Link) -> None:
    """Carry out an eviction in one go; raises `TooManyRequests` where a budget forbids it."""
    pod = store.get(ref)
    store.check_uid(ref, pod, uid)
    if not is_spared(pod):
        budget = budget_of(store, ref, pod)
        if budget is not None:
            spend(store, ref, pod, budget, link)
    store.delete(ref, link, uid)


def is_spared(pod: Resource) -> bool:
    """Say whether a pod is evicted without a look at budgets: it does not run, or goes already."""
    return (pod.get("status") or {}).get("phase") != "Running" or not is_active(pod)


def budget_of(store: Store, ref: Ref, pod: Resource) -> Resource | None:
    """Return the budget that covers a pod, if one does; raises `ServerError` where several do."""
    budgets = _budgets(store.objects, pod)
    if len(budgets) > 1:
        message = f"{ref} has more than one PodDisruptionBudget, which the eviction API does not support"
        raise ServerError(message)
    return budgets[0] if budgets else None


def spend(store: Store, ref: Ref, pod: Resource, budget: Resource, link: Link) -> bool:
    """Take one disruption of the budget, unless an unready pod needs none; raises `TooManyRequests`.

    Return whether it was taken.
    """
    metadata, status = budget["metadata"], budget.get("status") or {}
    name = metadata["name"]
    healthy = status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) > 0
    always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
    if (healthy or always) and not is_ready(pod):
        return False
    if status.get("observedGeneration", 0) < metadata.get("generation", 1):
        message = f"Cannot evict {ref}: the disruption budget {name!r} is still being processed"
        raise TooManyRequests(message)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        message = f"Cannot evict {ref} as it would violate the pod's disruption budget {name!r}"
        raise TooManyRequests(message)
    store.check_space()
    spent = {"disruptionsAllowed": allowed - 1, "disruptedPods": {ref.name: "evicted"}}
    store.patch(Ref(BUDGET, name, ref.namespace), {"status": spent}, link)
    return True


class DisruptionController:
    """Keeps the status of every budget true to its pods."""

    def __init__(self, store: Store, watch: Watch, client: Client) -> None:
        """Follow budgets and pods."""
        self.queue: WorkQueue
        self._store = store
        self._watch = watch
        self._client = client
        self._versions: dict[Key, int] = {}  # that the last status made of a budget
        self._behind: dict[Key, None] = {}  # budgets to look at once the cache has that version
        self._evicted: dict[Key, dict[str, int]] = {}  # by budget: pods evicted, and since when that is known
        self._rechecks: dict[Key, int] = {}  # when a budget is looked at for those that do not go
        watch.subscribe((BUDGET,), self._budget_changed)
        watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + GOING + READY + ENDED)

    def load(self, link: Link) -> None:
        """Look at every budget once."""
        for key, budget in self._watch.cache.get(BUDGET, {}).items():
            self._note_evicted(budget, link)
            self.queue.add(key, link)

    def _budget_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if after is None:
            for known in (self._versions, self._behind, self._evicted, self._rechecks):
                known.pop(key_of(before or {}), None)
            return
        self._note_evicted(after, link)
        if before is None or before["spec"] != after["spec"] or key_of(after) in self._behind:
            self._behind.pop(key_of(after), None)
            self.queue.add(key_of(after), link)

    def _note_evicted(self, budget: Resource, link: Link) -> None:
        """Come back to a budget when the pods evicted of it have to have gone."""
        key, now = key_of(budget), self.queue.now
        known = self._evicted.get(key, {})
        evicted = (budget.get("status") or {}).get("disruptedPods") or {}
        self._evicted[key] = {name: known.get(name, now) for name in evicted}
        if evicted and key not in self._rechecks:
            left = min(self._evicted[key].values()) + DELETION_TIMEOUT_NS - now
            self._rechecks[key] = now + left
            self.queue.add_after(left, key, link, Cause.EVICTION_RETRY)

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        if not self._watch.cache.get(BUDGET):
            return
        if before and after and is_ready(before) == is_ready(after) and is_active(before) == is_active(after):
            return
        for budget in _budgets(self._watch.cache, after or before or {}):
            self.queue.add(key_of(budget), link)

    def sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        """Count the budget's pods and write what may be disrupted."""
        budget = self._watch.cache[BUDGET].get(key)
        if budget is None:
            return False
        selector = budget["spec"].get("selector")
        pods = [
            pod
            for pod_key, pod in self._watch.cache.get("Pod", {}).items()
            if pod_key[0] == key[0] and matches(selector, pod["metadata"].get("labels"))
        ]
        known = (budget.get("status") or {}).get("disruptedPods") or {}
        overdue = self._overdue(key, budget, link)
        disrupted = {name: None for name in known if name in overdue or self._is_gone(key[0], name)}
        healthy = sum(
            is_ready(pod)
            for pod in pods
            if is_active(pod)
            and (pod["metadata"]["name"] not in known or pod["metadata"]["name"] in disrupted)
        )
        expected, desired = self._expected_and_desired(budget, pods)
        status = {
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": expected,
            "disruptionsAllowed": max(0, healthy - desired) if expected > 0 else 0,
            "observedGeneration": budget["metadata"].get("generation", 1),
        }
        written = budget.get("status") or {}
        version = budget["metadata"]["resourceVersion"]
        if not disrupted and all(written.get(name) == value for name, value in status.items()):
            if int(version) < self._versions.get(key, 0):  # that is not what stands there
                self._behind[key] = None
            return False
        call = self._client.write(
            partial(
                self._write, Ref(BUDGET, key[1], key[0]), {**status, "disruptedPods": disrupted}, version
            ),
            self._client.repeated(f"status/{BUDGET}/{key[0]}/{key[1]}"),
            link,
            ("update", BUDGET),
        )
        yield call
        if call.error is not None:
            self._behind[key] = None  # it may stand there all the same
        call.check()
        self._versions[key] = call.value
        return False

    def _write(self, ref: Ref, status: dict[str, Any], version: str, link: Link) -> int:
        """Write a status over the version that it was made of; return the version that it has made."""
        try:
            return int(
                self._store.patch(ref, {"status": status}, link, version)["metadata"]["resourceVersion"]
            )
        except NotFound:
            return 0

    def _overdue(self, key: Key, budget: Resource, link: Link) -> list[str]:
        """Return the pods evicted that have not gone in time, if it is time to ask."""
        now = self.queue.now
        if now < self._rechecks.get(key, now + 1):
            return []
        del self._rechecks[key]
        since = self._evicted.get(key, {})
        overdue = [name for name, at in since.items() if at + DELETION_TIMEOUT_NS <= now]
        self._evicted[key] = {name: at for name, at in since.items() if name not in overdue}
        self._note_evicted(budget, link)  # what is still there by then has been written in vain
        return overdue

    def _is_gone(self, namespace: str, name: str) -> bool:
        """Say whether the watch has seen an evicted pod go (its deletion is on record or done)."""
        pod = self._watch.cache.get("Pod", {}).get((namespace, name))
        return pod is None or not is_active(pod)

    def _expected_and_desired(self, budget: Resource, pods: list[Resource]) -> tuple[int, int]:
        """Return how many pods there should be and how many of them must be healthy (getExpectedPodCount)."""
        spec = budget["spec"]
        if "maxUnavailable" in spec:
            expected = self._scale(pods)
            return expected, max(0, expected - resolve(spec["maxUnavailable"], expected, up=True))
        least = spec.get("minAvailable", 1)
        expected = self._scale(pods) if isinstance(least, str) else len(pods)
        return expected, resolve(least, expected, up=True)

    def _scale(self, pods: list[Resource]) -> int:
        """Sum the replicas of what owns the pods, Deployments above all; a pod of nobody's counts itself."""
        scales: dict[tuple[str, Key], int] = {}
        bare = 0
        for pod in pods:
            owner = self._controller(pod)
            if owner is None:
                bare += 1
            else:
                scales[owner["kind"], key_of(owner)] = owner["spec"]["replicas"]
        return sum(scales.values()) + bare

    def _controller(self, pod: Resource) -> Resource | None:
        name = owner_of(pod, "ReplicaSet")
        replicaset = self._watch.cache.get("ReplicaSet", {}).get(name) if name else None
        if name is None:
            held = owner_of(pod, "StatefulSet")
            return self._watch.cache.get("StatefulSet", {}).get(held) if held else None
        above = owner_of(replicaset, "Deployment") if replicaset else None
        deployment = self._watch.cache.get("Deployment", {}).get(above) if above else None
        return deployment or replicaset
