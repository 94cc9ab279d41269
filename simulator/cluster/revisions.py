"""A Deployment's ReplicaSets, sorted into the one of today's template and the old ones."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.core.effects import Resource
from simulator.cluster.objects import condition_named

REVISION = "deployment.kubernetes.io/revision"
TEMPLATE_HASH = "pod-template-hash"


def same_template(deployment: Resource, replicaset: Resource) -> bool:
    """Compare pod templates as the controller does: without the hash label."""
    theirs = replicaset["spec"]["template"]
    labels = {k: v for k, v in (theirs["metadata"].get("labels") or {}).items() if k != TEMPLATE_HASH}
    ours = deployment["spec"]["template"]
    return bool(
        theirs["spec"] == ours["spec"]
        and labels == (ours["metadata"].get("labels") or {})
        and (theirs["metadata"].get("annotations") or {}) == (ours["metadata"].get("annotations") or {})
    )


class Revisions:
    """What a Deployment owns, with the sums that its controller reckons with."""

    __slots__ = ("available", "new", "old", "owned", "ready", "replicas", "status_replicas")

    def __init__(self, owned: Iterable[Resource], is_new: Callable[[Resource], bool]) -> None:
        """Sort by age; the oldest with today's template is the new one, as the controller picks it."""
        self.owned = list(owned)
        self.new: Resource | None
        self.old: list[Resource]
        if len(self.owned) == 1:  # by far the most frequent
            only = self.owned[0]
            self.new, self.old = (only, []) if is_new(only) else (None, [only])
        else:
            self.owned.sort(key=_age)
            self.new = next((one for one in self.owned if is_new(one)), None)
            self.old = [one for one in self.owned if one is not self.new]
        self.replicas = self.available = self.ready = self.status_replicas = 0
        for one in self.owned:
            status = one.get("status") or {}
            self.replicas += one["spec"]["replicas"]  # pods wanted, over all
            self.available += status.get("availableReplicas", 0)
            self.ready += status.get("readyReplicas", 0)
            self.status_replicas += status.get("replicas", 0)  # pods that exist, over all

    def update(self, replicaset: Resource) -> None:
        """Put what was just written in the place of what was read."""
        name = replicaset["metadata"]["name"]
        self.owned = [replicaset if one["metadata"]["name"] == name else one for one in self.owned]
        if self.new is not None and self.new["metadata"]["name"] == name:
            self.new = replicaset
        self.old = [one for one in self.owned if one is not self.new]

    @staticmethod
    def number(replicaset: Resource) -> int:
        """Return the revision number of one, 0 without."""
        return int((replicaset["metadata"].get("annotations") or {}).get(REVISION, 0))

    @property
    def next_number(self) -> int:
        """Return the number after the highest, the new one's own not counted if it is the highest."""
        return max((self.number(one) for one in self.owned), default=0) + 1

    @property
    def updated(self) -> int:
        """Return the pods of today's template."""
        return _count(self.new, "replicas") if self.new else 0

    @property
    def updated_wanted(self) -> int:
        """Return the pods wanted of today's template."""
        wanted: int = self.new["spec"]["replicas"] if self.new else 0
        return wanted

    @property
    def updated_available(self) -> int:
        """Return the pods of today's template that are available."""
        return _count(self.new, "availableReplicas") if self.new else 0

    @property
    def failure(self) -> Mapping[str, Any] | None:
        """Return the condition of a ReplicaSet that cannot create pods, the new one's first."""
        for one in self.owned if self.new is None else [self.new, *self.old]:
            conditions = (one.get("status") or {}).get("conditions")
            failure = condition_named(conditions, "ReplicaFailure") if conditions else None
            if failure is not None:
                return failure
        return None

    def is_complete(self, wanted: int) -> bool:
        """Say whether all pods are of today's template and available."""
        return self.status_replicas == self.available == wanted == self.updated

    def reductions(self, available_min: int) -> list[tuple[Resource, int]]:
        """Return (ReplicaSet, new size) of the old ones that may shrink (reconcileOldReplicaSets)."""
        if self.new is None or not any(one["spec"]["replicas"] for one in self.old):
            return []
        new_unavailable = self.new["spec"]["replicas"] - _count(self.new, "availableReplicas")
        allowed = self.replicas - available_min - new_unavailable
        if allowed <= 0:
            return []
        sizes = {one["metadata"]["name"]: one["spec"]["replicas"] for one in self.old}
        left = allowed
        for one in self.old:  # first those that do not work anyway
            unhealthy = one["spec"]["replicas"] - _count(one, "availableReplicas")
            cut = min(left, max(0, unhealthy))
            sizes[one["metadata"]["name"]] -= cut
            left -= cut
        spare = self.available - available_min
        for one in self.old:
            if spare <= 0:
                break
            cut = min(spare, sizes[one["metadata"]["name"]])
            sizes[one["metadata"]["name"]] -= cut
            spare -= cut
        return [
            (one, sizes[one["metadata"]["name"]])
            for one in self.old
            if sizes[one["metadata"]["name"]] != one["spec"]["replicas"]
        ]

    def resized(self, wanted: int, most: Callable[[Resource | None], int]) -> list[tuple[Resource, int]]:
        """Return (ReplicaSet, new size) for a changed number of replicas (sync.go scale).

        The only one that has pods, or the newest if none has, gets all; several grow or shrink in
        proportion, what is left over going to the largest. `most` tells how many pods there may be with
        surge: now (None), or when a ReplicaSet was last sized.
        """
        active = [one for one in self.owned if one["spec"]["replicas"]]
        if len(active) <= 1:
            only = active or ([self.new] if self.new is not None else self.owned[-1:])
            return [(one, wanted) for one in only]
        if self.updated_available == wanted == self.updated_wanted:
            return [(one, 0) for one in active if one is not self.new]
        room = (most(None) if wanted else 0) - self.replicas
        active.sort(key=_age, reverse=room > 0)
        active.sort(key=lambda one: -one["spec"]["replicas"])
        left = room
        sizes = []
        for one in active:
            size = one["spec"]["replicas"]
            before = max(1, most(one))
            share = (2 * size * most(None) + before) // (2 * before) - size if wanted else -size
            share = min(share, left) if room > 0 else max(share, left)
            sizes.append(size + share)
            left -= share
        sizes[0] = max(0, sizes[0] + left)
        return list(zip(active, sizes, strict=True))

    def beyond(self, limit: int) -> list[Resource]:
        """Return the old ones to delete: empty, settled, oldest first, as many as exceed `limit`."""
        empty = [one for one in self.old if not one["spec"]["replicas"] and not _count(one, "replicas")]
        return sorted(empty, key=self.number)[: max(0, len(self.old) - limit)]


def _age(replicaset: Resource) -> tuple[str, str]:
    metadata = replicaset["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["name"]


def _count(replicaset: Resource, name: str) -> int:
    status: dict[str, Any] = replicaset.get("status") or {}
    value: int = status.get(name, 0)
    return value
