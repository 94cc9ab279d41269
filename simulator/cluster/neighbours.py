"""Which pods are where, by their labels: what affinity and spreading count.

Pods of the same namespace and labels (those of one ReplicaSet, say) count as one *signature*, so that a
selector is matched once a signature and not once a pod.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.core.effects import Resource
from simulator.cluster.objects import matches

Json = Mapping[str, Any]
Label = tuple[str, str]


class Signature:
    """The pods of one namespace that bear the same labels, counted by node."""

    __slots__ = ("going", "groups", "labels", "namespace", "standing")

    def __init__(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Start without pods."""
        self.namespace = namespace
        self.labels = labels
        self.standing: dict[str, int] = {}
        self.going: dict[str, int] = {}  # those that have been asked to go
        self.groups: dict[str, Group | None] = {}  # how pods of an owner are spread if they say nothing


class Group:
    """The pods that a selector selects."""

    __slots__ = ("_bucket", "_matched", "_namespaces", "_seen", "_selectors")

    def __init__(
        self, namespaces: tuple[str, ...] | None, selectors: tuple[Json | None, ...], bucket: list[Signature]
    ) -> None:
        """Select by all of `selectors`, in `namespaces` (None: all), out of `bucket`, which grows."""
        self._namespaces = namespaces
        self._selectors = selectors
        self._bucket = bucket
        self._seen = 0
        self._matched: list[Signature] = []

    def selects(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Say whether a pod with these labels is one of them."""
        return (self._namespaces is None or namespace in self._namespaces) and all(
            matches(selector, labels) for selector in self._selectors
        )

    def signatures(self) -> list[Signature]:
        """Return the signatures that it selects."""
        bucket = self._bucket
        if self._seen < len(bucket):
            self._matched += [one for one in bucket[self._seen :] if self.selects(one.namespace, one.labels)]
            self._seen = len(bucket)
        return self._matched

    def counts(self) -> Mapping[str, int]:
        """Return how many there are on each node, but for those that have been asked to go."""
        found = self.signatures()
        if len(found) == 1:
            return found[0].standing
        return _sum(one.standing for one in found)

    def all_counts(self) -> Mapping[str, int]:
        """Return how many there are on each node."""
        found = self.signatures()
        return _sum([one.standing for one in found] + [one.going for one in found])


class Neighbours:
    """Every pod that has a node, by signature."""

    def __init__(self) -> None:
        """Start without pods."""
        self._signatures: dict[tuple[Any, ...], Signature] = {}
        self._by_label: dict[Label, list[Signature]] = {}
        self._all: list[Signature] = []
        self._by_owner: dict[str, tuple[Any, Signature]] = {}
        self._groups: dict[tuple[Any, ...], Group] = {}

    def signature(self, pod: Resource) -> Signature:
        """Return the signature of a pod."""
        metadata = pod["metadata"]
        labels = metadata.get("labels")
        owners = metadata.get("ownerReferences")
        if not owners:
            return self._signature(metadata.get("namespace", ""), labels or {})
        uid = owners[0]["uid"]
        known = self._by_owner.get(uid)
        if known is not None and (known[0] is labels or known[0] == labels):
            return known[1]
        found = self._signature(metadata.get("namespace", ""), labels or {})
        self._by_owner[uid] = (labels, found)
        return found

    def _signature(self, namespace: str, labels: Mapping[str, str]) -> Signature:
        name = (namespace, *sorted(labels.items()))
        found = self._signatures.get(name)
        if found is None:
            found = self._signatures[name] = Signature(namespace, labels)
            self._all.append(found)
            for label in labels.items():
                self._by_label.setdefault(label, []).append(found)
        return found

    def group(self, namespaces: tuple[str, ...] | None, *selectors: Json | None) -> Group:
        """Return the pods that all of the selectors select."""
        name = (namespaces, *(_canonical(selector) for selector in selectors))
        found = self._groups.get(name)
        if found is None:
            buckets = [
                self._by_label.setdefault(label, [])
                for selector in selectors
                for label in ((selector or {}).get("matchLabels") or {}).items()
            ]
            bucket = min(buckets, key=len, default=self._all)
            found = self._groups[name] = Group(namespaces, selectors, bucket)
        return found

    def forget_groups(self) -> None:
        """A Service or the owner of pods has changed: how their pods are spread is asked anew."""
        for signature in self._all:
            signature.groups.clear()


def _canonical(selector: Json | None) -> tuple[Any, ...] | None:
    if selector is None:
        return None
    return (
        tuple(sorted((selector.get("matchLabels") or {}).items())),
        tuple(
            (one["key"], one["operator"], tuple(one.get("values") or ()))
            for one in selector.get("matchExpressions") or ()
        ),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for node, count in one.items():
            total[node] = total.get(node, 0) + count
    return total
