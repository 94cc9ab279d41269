"""What other nodes' pods say of a place: pod affinity, anti-affinity and topology spread, for one pod.

The filters and scores of kube-scheduler's InterPodAffinity and PodTopologySpread. They are worked out once
a pod, as its PreFilter and PreScore do, and then asked for each node.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import log
from typing import Any

from engine.core.effects import Resource
from simulator.cluster.neighbours import Group, Neighbours
from simulator.cluster.objects import matches
from simulator.cluster.placement import SCORE_MAX, Demand, NodeFree, Refusal, tolerates
from simulator.cluster.podrules import Constraint, PodTerm, Rules

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
# kube-scheduler's "System" spreading of pods that say nothing (podtopologyspread/plugin.go).
DEFAULT_SKEWS = ((HOSTNAME, 3), (ZONE, 5))
HARD_AFFINITY_WEIGHT = 1  # defaults.go DefaultHardPodAffinityWeight
_MISSING = "node(s) didn't match pod topology spread constraints (missing required label)"

Filter = Callable[[NodeFree], Refusal | None]
Namespaces = Mapping[tuple[str, str], Resource]


class Bearer:
    """A pod that has a node and terms of its own, which others may come to fall under."""

    __slots__ = ("labels", "namespace", "node", "rules")

    def __init__(self, namespace: str, labels: Mapping[str, str], rules: Rules, node: str) -> None:
        """Say whose terms they are."""
        self.namespace = namespace
        self.labels = labels
        self.rules = rules
        self.node = node


class Surroundings:
    """One pod's view of everything that has a place."""

    def __init__(
        self,
        pod: Resource,
        demand: Demand,
        nodes: Mapping[str, NodeFree],
        neighbours: Neighbours,
        bearers: Iterable[Bearer],
        namespaces: Namespaces,
    ) -> None:
        """Look around from `pod`, which is not among `neighbours`."""
        metadata = pod["metadata"]
        self._namespace: str = metadata.get("namespace", "")
        self._labels: Mapping[str, str] = metadata.get("labels") or {}
        self._demand = demand
        self._rules = demand.rules or Rules()
        self._nodes = nodes
        self._neighbours = neighbours
        self._bearers = list(bearers)
        self._namespaces = namespaces

    def filters(self) -> list[Filter]:
        """Return the filters that concern the pod, in kube-scheduler's order."""
        found = [self._spread_filter(one) for one in self._rules.hard_spread]
        found += [self._away_filter(term) for term in self._rules.anti_affinity]
        if self._rules.affinity:
            # The pods that all terms select count (satisfyPodAffinity); the first of its kind goes anywhere.
            found.insert(len(self._rules.hard_spread), self._near_filter())
        repelled = self._repelled()
        if repelled:
            found.append(_repelling(repelled))
        return found

    # Pod affinity.

    def _group(self, term: PodTerm, namespace: str, labels: Mapping[str, str]) -> Group:
        """Return the pods that a term of a pod in `namespace` with `labels` selects."""
        names: tuple[str, ...] | None = term.namespaces or (
            (namespace,) if term.namespace_selector is None else ()
        )
        if term.namespace_selector is not None:
            if not term.namespace_selector:
                names = None
            else:
                chosen = [
                    key[1]
                    for key, one in self._namespaces.items()
                    if matches(term.namespace_selector, one["metadata"].get("labels"))
                ]
                names = (*(names or ()), *chosen)
        selector = _with_keys(term.selector, term.match_label_keys, labels)
        selector = _with_keys(selector, term.mismatch_label_keys, labels, operator="NotIn")
        return self._neighbours.group(names, selector)

    def _own(self, term: PodTerm) -> Group:
        return self._group(term, self._namespace, self._labels)

    def _by_domain(self, counts: Mapping[str, int], topology_key: str) -> dict[str, int]:
        """Sum counts over the nodes of each domain."""
        found: dict[str, int] = {}
        for name, count in counts.items():
            node = self._nodes.get(name)
            value = node.labels.get(topology_key) if node is not None else None
            if count and value is not None:
                found[value] = found.get(value, 0) + count
        return found

    def _near_filter(self) -> Filter:
        terms = self._rules.affinity
        groups = [self._own(term) for term in terms]
        all_of_them = [
            one
            for one in groups[0].signatures()
            if all(group.selects(one.namespace, one.labels) for group in groups)
        ]
        counts: dict[str, int] = {}
        for signature in all_of_them:
            for where in (signature.standing, signature.going):
                for name, count in where.items():
                    counts[name] = counts.get(name, 0) + count
        domains = [(term.topology_key, self._by_domain(counts, term.topology_key)) for term in terms]
        first = not any(found for _, found in domains) and all(
            group.selects(self._namespace, self._labels) for group in groups
        )
        words = "node(s) didn't match pod affinity rules"

        def check(node: NodeFree) -> Refusal | None:
            for key, found in domains:
                value = node.labels.get(key)
                if value is None:
                    return Refusal("InterPodAffinity", (words,), resolvable=False)
                if not found.get(value) and not first:
                    return Refusal("InterPodAffinity", (words,), resolvable=False)
            return None

        return check

    def _away_filter(self, term: PodTerm) -> Filter:
        found = self._by_domain(self._own(term).all_counts(), term.topology_key)
        words = "node(s) didn't match pod anti-affinity rules"

        def check(node: NodeFree) -> Refusal | None:
            if found.get(node.labels.get(term.topology_key, ""), 0):
                return Refusal("InterPodAffinity", (words,))
            return None

        return check

    def _repelled(self) -> list[tuple[str, str]]:
        """Return the domains whose pods have an anti-affinity to this one."""
        found: dict[tuple[str, str], None] = {}
        for bearer in self._bearers:
            labels = self._labels_of(bearer.node)
            for term in bearer.rules.anti_affinity:
                if term.topology_key in labels and self._falls_under(bearer, term):
                    found[term.topology_key, labels[term.topology_key]] = None
        return list(found)

    def _labels_of(self, name: str) -> Mapping[str, str]:
        node = self._nodes.get(name)
        return node.labels if node is not None else {}

    def _falls_under(self, bearer: Bearer, term: PodTerm) -> bool:
        group = self._group(term, bearer.namespace, bearer.labels)
        return group.selects(self._namespace, self._labels)

    def affinity_scores(self, feasible: Sequence[NodeFree]) -> list[int] | None:
        """Return the normalised scores of InterPodAffinity; None if nobody prefers anything."""
        weights: dict[tuple[str, str], int] = {}
        for term in self._rules.preferred_pods:
            for value, count in self._by_domain(self._own(term).all_counts(), term.topology_key).items():
                _weigh(weights, term.topology_key, value, term.weight * count)
        for bearer in self._bearers:
            labels = self._labels_of(bearer.node)
            wanted = [(term, term.weight) for term in bearer.rules.preferred_pods]
            wanted += [(term, HARD_AFFINITY_WEIGHT) for term in bearer.rules.affinity]
            for term, weight in wanted:
                if term.topology_key in labels and self._falls_under(bearer, term):
                    _weigh(weights, term.topology_key, labels[term.topology_key], weight)
        if not weights:
            return None
        raw = [
            sum(weight for (key, value), weight in weights.items() if node.labels.get(key) == value)
            for node in feasible
        ]
        least, most = min(raw), max(raw)
        if most == least:
            return [0] * len(raw)
        return [int(SCORE_MAX * ((one - least) / (most - least))) for one in raw]

    # Topology spread.

    def _selected(self, constraint: Constraint) -> Group:
        selector = _with_keys(constraint.selector, constraint.match_label_keys, self._labels)
        return self._neighbours.group((self._namespace,), selector)

    def _counts_in(self, node: NodeFree, constraint: Constraint, keys: Sequence[str]) -> bool:
        """Say whether the pods of a node are counted for a constraint."""
        if any(key not in node.labels for key in keys):
            return False
        if constraint.honours_affinity and not self._wants(node):
            return False
        return not constraint.honours_taints or tolerates(node, self._demand)

    def _wants(self, node: NodeFree) -> bool:
        selector = self._demand.node_selector
        return (
            all(node.labels.get(key) == value for key, value in selector)
            and self._rules.admits_node(node.name, node.labels)
            and self._demand.node in ("", node.name)
        )

    def _spread_filter(self, constraint: Constraint) -> Filter:
        keys = [one.topology_key for one in self._rules.hard_spread]
        key = constraint.topology_key
        group = self._selected(constraint)
        counts = group.counts()
        domains: dict[str, int] = {}
        for node in self._nodes.values():
            if self._counts_in(node, constraint, keys):
                value = node.labels[key]
                domains[value] = domains.get(value, 0) + counts.get(node.name, 0)
        least = min(domains.values(), default=0) if len(domains) >= constraint.min_domains else 0
        itself = group.selects(self._namespace, self._labels)

        def check(node: NodeFree) -> Refusal | None:
            value = node.labels.get(key)
            if value is None:
                return Refusal("PodTopologySpread", (_MISSING,), resolvable=False)
            if domains.get(value, 0) + itself - least > constraint.max_skew:
                words = "node(s) didn't match pod topology spread constraints"
                return Refusal("PodTopologySpread", (words,))
            return None

        return check

    def spread_scores(self, feasible: Sequence[NodeFree], default: Group | None) -> list[int] | None:
        """Return the normalised scores of PodTopologySpread; None if the pod is not to be spread.

        `default` are the pods to spread it from if it says nothing itself.
        """
        if self._rules.spreads:
            constraints, strict = self._rules.soft_spread, True
            groups = [self._selected(one) for one in constraints]
        elif default is not None:
            constraints, strict = tuple(Constraint(key, skew, None) for key, skew in DEFAULT_SKEWS), False
            groups = [default, default]
        else:
            return None
        if not constraints:
            return None
        keys = [one.topology_key for one in constraints] if strict else []
        ignored = [any(key not in node.labels for key in keys) for node in feasible]
        scored = [node for node, out in zip(feasible, ignored, strict=True) if not out]
        raw = [0.0] * len(scored)
        for constraint, group in zip(constraints, groups, strict=True):
            self._add_spread(raw, scored, constraint, group.counts(), keys)
        whole = [rounded(one) for one in raw]
        normalised = iter(spread_out(whole))
        return [0 if out else next(normalised) for out in ignored]

    def _add_spread(
        self,
        raw: list[float],
        scored: Sequence[NodeFree],
        constraint: Constraint,
        counts: Mapping[str, int],
        keys: Sequence[str],
    ) -> None:
        """Add a constraint's part of the score of each node that has the key."""
        key, skew = constraint.topology_key, constraint.max_skew
        if key == HOSTNAME:
            weight = log(len(scored) + 2)
            for position, node in enumerate(scored):
                if key in node.labels:
                    raw[position] += counts.get(node.name, 0) * weight + (skew - 1)
            return
        values = dict.fromkeys((node.labels.get(key, "") for node in scored), 0)
        for name, count in counts.items():
            there = self._nodes.get(name)
            if there is not None and self._counts_in(there, constraint, keys):
                value = there.labels.get(key, "")
                if value in values:
                    values[value] += count
        weight = log(len(values) + 2)
        for position, node in enumerate(scored):
            if key in node.labels:
                raw[position] += values[node.labels[key]] * weight + (skew - 1)


def rounded(value: float) -> int:
    """Round as Go's math.Round does a number that is not negative: halves away from zero."""
    whole = int(value)
    return whole + (value - whole >= 0.5)


def spread_out(raw: Sequence[int]) -> list[int]:
    """Normalise the scores of spreading: the fewer, the better (podtopologyspread/scoring.go)."""
    most, least = max(raw, default=0), min(raw, default=0)
    if most == 0:
        return [SCORE_MAX] * len(raw)
    return [SCORE_MAX * (most + least - one) // most for one in raw]


def _with_keys(
    selector: Mapping[str, Any] | None,
    keys: Sequence[str],
    labels: Mapping[str, str],
    operator: str = "In",
) -> Mapping[str, Any] | None:
    """Add what a pod's own labels say under `keys` to a selector."""
    more = [{"key": key, "operator": operator, "values": [labels[key]]} for key in keys if key in labels]
    if selector is None or not more:
        return selector
    return {**selector, "matchExpressions": [*(selector.get("matchExpressions") or ()), *more]}


def _repelling(domains: Sequence[tuple[str, str]]) -> Filter:
    words = "node(s) didn't satisfy existing pods anti-affinity rules"

    def check(node: NodeFree) -> Refusal | None:
        if any(node.labels.get(key) == value for key, value in domains):
            return Refusal("InterPodAffinity", (words,))
        return None

    return check


def _weigh(weights: dict[tuple[str, str], int], key: str, value: str, weight: int) -> None:
    weights[key, value] = weights.get((key, value), 0) + weight
