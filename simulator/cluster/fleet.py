"""The scheduler's view of the nodes, and the choice of one for a pod.

Pods that ask for the same (equal demands) share one table of scores by node, brought up to date where
something has changed since it was last asked (kube-scheduler does the same with its snapshot's generations).
In a large cluster kube-scheduler looks for enough feasible nodes only, from where it left off, and scores
those: so is it done here, which is also what makes the choice cheap. Of equal nodes the first in that order
is taken, where kube-scheduler draws lots.
"""

from collections.abc import Iterable, Mapping
from math import log
from typing import NamedTuple

from engine.core.effects import Resource
from simulator.cluster.neighbours import Group, Neighbours, Signature
from simulator.cluster.objects import matches
from simulator.cluster.placement import (
    SCORE_MAX,
    Demand,
    NodeFree,
    Refusal,
    allocation_score,
    fits,
    refusal,
    untolerated_count,
)
from simulator.cluster.store import Key
from simulator.cluster.surroundings import HOSTNAME, ZONE, Bearer, Filter, Surroundings, rounded, spread_out

# Weights of the scores: apis/config/v1/default_plugins.go.
TAINT_WEIGHT, NODE_WEIGHT, SPREAD_WEIGHT, AFFINITY_WEIGHT = 3, 2, 2, 2
FEASIBLE_MIN, SHARE_MIN = 100, 5  # schedule_one.go minFeasibleNodesToFind, minFeasibleNodesPercentageToFind
_NO = -1  # the score of a node that the pod does not fit on
_TABLES_MAX = 1 << 21  # scores kept in all
_REGIONS = ("topology.kubernetes.io/region", ZONE)
_HOSTNAME_SKEW = 3


def nodes_to_find(nodes: int, percentage: int = 0) -> int:
    """Return how many feasible nodes are enough (numFeasibleNodesToFind); 0: a share by the size."""
    if nodes < FEASIBLE_MIN:
        return nodes
    share = percentage or max(50 - nodes // 125, SHARE_MIN)
    return max(nodes * share // 100, FEASIBLE_MIN) if share < 100 else nodes


class Placed:
    """A pod that has a node, or is about to."""

    __slots__ = ("bearer", "demand", "going", "node", "signature")

    def __init__(self, node: str, demand: Demand, signature: Signature) -> None:
        """Note where, and what it holds there."""
        self.node = node
        self.demand = demand
        self.signature = signature
        self.going = False
        self.bearer: Bearer | None = None


class Nominee(NamedTuple):
    """A pod that waits for its victims to leave a node."""

    node: str
    priority: int
    demand: Demand


class _Table:
    """The scores of every node for one demand."""

    __slots__ = ("cursor", "scores")

    def __init__(self, scores: list[int], cursor: int) -> None:
        self.scores = scores
        self.cursor = cursor


class Fleet:
    """The nodes, the pods on them, and what is kept so that a choice is quick."""

    def __init__(self, objects: Mapping[str, Mapping[Key, Resource]], *, most: bool = False) -> None:
        """`objects` are looked into for owners, Services and namespaces; `most` fills nodes up."""
        self.percentage = 0
        self.neighbours = Neighbours()
        self.placed: dict[Key, Placed] = {}
        self.nominees: dict[Key, Nominee] = {}
        self._objects = objects
        self._most = most
        self._by_name: dict[str, NodeFree] = {}
        self._on: dict[str, dict[Key, Placed]] = {}
        self._bearers: dict[Key, Bearer] = {}
        self._order: list[NodeFree] = []
        self._position: dict[str, int] = {}
        self._unordered = True
        self._start = 0
        self._tables: dict[Demand, _Table] = {}
        self._log: list[int] = []
        self._discourages = self._zoned = self._hosted = False
        self._alike = True  # as to the labels that spreading looks for: then no pods, no difference

    # What there is.

    @property
    def nodes(self) -> Mapping[str, NodeFree]:
        """The nodes by name, as they were told of."""
        return self._by_name

    def ordered(self) -> list[NodeFree]:
        """Return the nodes in kube-scheduler's order: zone after zone in turn."""
        if self._unordered:
            self._put_in_order()
        return self._order

    def on(self, node: str) -> Mapping[Key, Placed]:
        """Return the pods of a node."""
        return self._on.get(node, {})

    def set_node(self, node: Resource) -> None:
        """Take in a node, or what has changed of it."""
        fresh = NodeFree.of(node)
        before = self._by_name.get(fresh.name)
        for placed in self._on.get(fresh.name, {}).values():
            fresh.take(placed.demand)
        self._by_name[fresh.name] = fresh
        if (
            before is None
            or self._unordered
            or before.labels != fresh.labels
            or _looks(before) != _looks(fresh)
        ):
            self._unordered = True
            return
        position = self._position[fresh.name]
        self._order[position] = fresh
        self._log.append(position)

    def remove_node(self, name: str) -> None:
        """Forget a node; pods keep their place, in case it comes back."""
        if self._by_name.pop(name, None) is not None:
            self._unordered = True

    def place(self, key: Key, node: str, demand: Demand, pod: Resource) -> None:
        """Count a pod in."""
        signature = self.neighbours.signature(pod)
        placed = self.placed[key] = Placed(node, demand, signature)
        if demand.rules is not None and (
            demand.rules.affinity or demand.rules.anti_affinity or demand.rules.preferred_pods
        ):
            placed.bearer = Bearer(signature.namespace, signature.labels, demand.rules, node)
        self.put_back(key, placed)
        if "deletionTimestamp" in pod["metadata"]:
            self.going(key)

    def put_back(self, key: Key, placed: Placed) -> None:
        """Count in again what `take_away` has counted out."""
        node = placed.node
        on = self._on.get(node)
        if on is None:
            on = self._on[node] = {}
        on[key] = placed
        counts = placed.signature.going if placed.going else placed.signature.standing
        counts[node] = counts.get(node, 0) + 1
        if placed.bearer is not None:
            self._bearers[key] = placed.bearer
        free = self._by_name.get(node)
        if free is not None:
            free.take(placed.demand)
            self._touched(node)

    def take_away(self, key: Key, placed: Placed) -> None:
        """Count a pod out, but remember it."""
        node = placed.node
        self._on[node].pop(key, None)
        counts = placed.signature.going if placed.going else placed.signature.standing
        left = counts[node] - 1
        if left:
            counts[node] = left
        else:
            del counts[node]
        if placed.bearer is not None:
            self._bearers.pop(key, None)
        free = self._by_name.get(node)
        if free is not None:
            free.give_back(placed.demand)
            self._touched(node)

    def release(self, key: Key) -> Placed | None:
        """Count a pod out for good; return what it held, or None."""
        placed = self.placed.pop(key, None)
        if placed is not None:
            self.take_away(key, placed)
        return placed

    def going(self, key: Key) -> None:
        """A pod has been asked to go: it holds its place, but spreading counts it no more."""
        placed = self.placed.get(key)
        if placed is None or placed.going:
            return
        placed.going = True
        standing, going, node = placed.signature.standing, placed.signature.going, placed.node
        going[node] = going.get(node, 0) + 1
        standing[node] -= 1
        if not standing[node]:
            del standing[node]

    def _touched(self, node: str) -> None:
        if self._unordered:
            return
        self._log.append(self._position[node])
        if len(self._log) > 4 * len(self._order) + 8192:
            self._log.clear()
            self._tables.clear()

    def _put_in_order(self) -> None:
        zones: dict[tuple[str, ...], list[NodeFree]] = {}
        for node in self._by_name.values():
            zones.setdefault(tuple(node.labels.get(key, "") for key in _REGIONS), []).append(node)
        longest = max(map(len, zones.values()), default=0)
        self._order = [of[turn] for turn in range(longest) for of in zones.values() if turn < len(of)]
        self._position = {node.name: position for position, node in enumerate(self._order)}
        self._unordered = False
        self._tables.clear()
        self._log.clear()
        self._discourages = any(node.discouraging for node in self._order)
        self._zoned = any(ZONE in node.labels for node in self._order)
        self._hosted = all(HOSTNAME in node.labels for node in self._order)
        self._alike = len({(HOSTNAME in one.labels, ZONE in one.labels) for one in self._order}) < 2
        self._start %= max(1, len(self._order))

    # The choice.

    def choose(self, pod: Resource, key: Key, demand: Demand, priority: int = 0) -> NodeFree | None:
        """Return the node that the pod goes to; None if there is none."""
        if self._unordered:
            self._put_in_order()
        if demand.node:
            node = self._by_name.get(demand.node)
            return node if node is not None and self.admits(node, pod, key, demand, priority) else None
        scores = self._scores(demand)
        if self.nominees:
            nominated = self.nominees.get(key)
            if nominated is not None:
                node = self._by_name.get(nominated.node)
                if node is not None and self.admits(node, pod, key, demand, priority):
                    return node
            scores = self._reserve(scores, key, demand, priority)
        rules = demand.rules
        if self._bearers or self._discourages or (rules is not None and rules.looks_around):
            return self._choose_slowly(pod, demand, scores)
        return self._choose_quickly(pod, scores)

    def _choose_quickly(self, pod: Resource, scores: list[int]) -> NodeFree | None:
        """Choose where only a node's own state and the spread of the pod's owner decide."""
        order = self._order
        count = len(order)
        if count < FEASIBLE_MIN:
            counts = self._spread_counts(pod)
            if counts or (counts is not None and not self._alike):
                return self._least_spread(scores, range(count), counts)
            best = max(scores, default=_NO)
            return order[scores.index(best)] if best > _NO else None
        window = self._window(scores)
        if not window:
            return None
        counts = self._spread_counts(pod)
        if counts or (counts is not None and not self._alike):
            return self._least_spread(scores, window, counts)
        seen = _slice(scores, window)
        best = max(seen)
        return order[window[seen.index(best)] % count] if best > _NO else None

    def _window(self, scores: list[int]) -> range:
        """Return the positions looked at, in order and modulo the number of nodes; the next begin after."""
        count = len(scores)
        wanted = nodes_to_find(count, self.percentage)
        start = end = self._start
        found = 0
        while found < wanted and end < start + count:
            more = range(end, min(end + wanted - found, start + count))
            seen = _slice(scores, more)
            found += len(seen) - seen.count(_NO)
            end = more.stop
        self._start = end % count
        return range(start, end)

    def _least_spread(self, scores: list[int], window: range, counts: Mapping[str, int]) -> NodeFree | None:
        """Choose in the window, an owner's pods being spread over nodes and zones."""
        order, size = self._order, len(self._order)
        seen = _slice(scores, window) if window.stop > size or len(window) < size else scores
        if self._zoned or not self._hosted:
            feasible = [position for position, score in enumerate(seen) if score > _NO]
            if not feasible:
                return None
            nodes = [order[(window.start + position) % size] for position in feasible]
            spread = self._zone_spread(nodes, counts)
            best, chosen = _NO, nodes[0]
            for position, node, apart in zip(feasible, nodes, spread, strict=True):
                total = seen[position] + SPREAD_WEIGHT * apart
                if total > best:
                    best, chosen = total, node
            return chosen
        return self._host_spread(seen, window.start, counts)

    def _host_spread(self, seen: list[int], start: int, counts: Mapping[str, int]) -> NodeFree | None:
        """Without zones only nodes that have some of the pods score otherwise than all the rest."""
        order, size = self._order, len(self._order)
        feasible = len(seen) - seen.count(_NO)
        if not feasible:
            return None
        weight = log(feasible + 2)
        position_of = self._position
        having: dict[int, int] = {}  # position in `seen` -> raw score
        for name, count in counts.items():
            position = position_of.get(name)
            if position is not None:
                position = (position - start) % size
                if position < len(seen) and seen[position] > _NO:
                    having[position] = rounded(count * weight + (_HOSTNAME_SKEW - 1))
        nothing = _HOSTNAME_SKEW - 1
        most = max(having.values(), default=nothing)
        least = nothing if len(having) < feasible else min(having.values())
        best, chosen = _NO, 0
        if len(having) < feasible:
            rest = seen
            if having:
                rest = seen.copy()
                for position in having:
                    rest[position] = _NO
            best = max(rest)
            chosen = rest.index(best)
            best += SPREAD_WEIGHT * (SCORE_MAX * (most + least - nothing) // most)
        for position, raw in having.items():
            total = seen[position] + SPREAD_WEIGHT * (SCORE_MAX * (most + least - raw) // most)
            if total > best or (total == best and position < chosen):
                best, chosen = total, position
        return order[(start + chosen) % size]

    def _zone_spread(self, nodes: list[NodeFree], counts: Mapping[str, int]) -> list[int]:
        """Return the spread scores of nodes by "System" spreading, as `Surroundings.spread_scores` does."""
        zones = dict.fromkeys((node.labels.get(ZONE, "") for node in nodes), 0)
        by_name = self._by_name
        for name, count in counts.items():
            there = by_name.get(name)
            if there is not None:
                zone = there.labels.get(ZONE, "")
                if zone in zones:
                    zones[zone] += count
        host_weight, zone_weight = log(len(nodes) + 2), log(len(zones) + 2)
        raw = []
        for node in nodes:
            labels = node.labels
            score = counts.get(node.name, 0) * host_weight + 2 if HOSTNAME in labels else 0.0
            if ZONE in labels:
                score += zones[labels[ZONE]] * zone_weight + 4
            raw.append(rounded(score))
        return spread_out(raw)

    def _choose_slowly(self, pod: Resource, demand: Demand, scores: list[int]) -> NodeFree | None:
        """Choose with all filters and scores."""
        around = self._around(pod, demand)
        feasible = self._feasible(scores, around.filters())
        if not feasible:
            return None
        totals = self._totals(pod, demand, scores, around, feasible)
        return self._order[feasible[totals.index(max(totals))]]

    def _totals(
        self, pod: Resource, demand: Demand, scores: list[int], around: Surroundings, feasible: list[int]
    ) -> list[int]:
        """Return the weighted sums of all scores."""
        nodes = [self._order[position] for position in feasible]
        totals = [scores[position] for position in feasible]
        for weight, more in self._weighed(pod, demand, around, nodes):
            totals = [total + weight * one for total, one in zip(totals, more, strict=True)]
        return totals

    def scores(self, pod: Resource, demand: Demand) -> dict[str, int]:
        """Return the score of every feasible node, without a limit to how many are looked at."""
        order = self.ordered()
        around = self._around(pod, demand)
        filters = around.filters()
        scores = self._scores(demand)
        feasible = [
            position
            for position, node in enumerate(order)
            if scores[position] > _NO and not any(check(node) is not None for check in filters)
        ]
        if not feasible:
            return {}
        totals = self._totals(pod, demand, scores, around, feasible)
        return {order[position].name: total for position, total in zip(feasible, totals, strict=True)}

    def _feasible(self, scores: list[int], filters: list[Filter]) -> list[int]:
        count = len(scores)
        wanted = nodes_to_find(count, self.percentage)
        feasible: list[int] = []
        looked_at = 0
        while looked_at < count and len(feasible) < wanted:
            position = (self._start + looked_at) % count
            looked_at += 1
            if scores[position] > _NO:
                node = self._order[position]
                if not any(check(node) is not None for check in filters):
                    feasible.append(position)
        if count >= FEASIBLE_MIN:
            self._start = (self._start + looked_at) % count
        return feasible

    def _weighed(
        self, pod: Resource, demand: Demand, around: Surroundings, nodes: list[NodeFree]
    ) -> Iterable[tuple[int, list[int]]]:
        """Yield (weight, scores) of each score that weighs nodes against one another."""
        worst = [untolerated_count(node, demand) for node in nodes]
        most = max(worst)
        yield TAINT_WEIGHT, [SCORE_MAX - SCORE_MAX * one // most if most else SCORE_MAX for one in worst]
        rules = demand.rules
        if rules is not None and rules.preferred_nodes:
            wanted = [
                sum(weight for weight, term in rules.preferred_nodes if term.holds(node.name, node.labels))
                for node in nodes
            ]
            most = max(wanted)
            yield NODE_WEIGHT, [SCORE_MAX * one // most if most else 0 for one in wanted]
        spread = around.spread_scores(nodes, self._spread_group(pod))
        if spread is not None:
            yield SPREAD_WEIGHT, spread
        affinity = around.affinity_scores(nodes)
        if affinity is not None:
            yield AFFINITY_WEIGHT, affinity

    def _around(self, pod: Resource, demand: Demand) -> Surroundings:
        return Surroundings(
            pod,
            demand,
            self._by_name,
            self.neighbours,
            self._bearers.values(),
            self._objects.get("Namespace", {}),
        )

    def _scores(self, demand: Demand) -> list[int]:
        table = self._tables.get(demand)
        changed = self._log
        order, most = self._order, self._most
        if table is None:
            if (len(self._tables) + 1) * len(order) > _TABLES_MAX:
                self._tables.clear()
            scores = [allocation_score(one, demand, most=most) if fits(one, demand) else _NO for one in order]
            self._tables[demand] = _Table(scores, len(changed))
            return scores
        scores = table.scores
        if table.cursor < len(changed):
            for position in dict.fromkeys(changed[table.cursor :]):
                node = order[position]
                scores[position] = allocation_score(node, demand, most=most) if fits(node, demand) else _NO
            table.cursor = len(changed)
        return scores

    def _reserve(self, scores: list[int], key: Key, demand: Demand, priority: int) -> list[int]:
        """Leave out nodes that do not hold the pod beside what is nominated there, of no lower priority."""
        held: dict[str, list[Demand]] = {}
        for other, nominee in self.nominees.items():
            if other != key and nominee.priority >= priority and other not in self.placed:
                held.setdefault(nominee.node, []).append(nominee.demand)
        result = scores
        for name, demands in held.items():
            position = self._position.get(name)
            if position is None or scores[position] == _NO:
                continue
            if not self._fits_beside(self._order[position], demand, demands):
                result = scores.copy() if result is scores else result
                result[position] = _NO
        return result

    @staticmethod
    def _fits_beside(node: NodeFree, demand: Demand, others: list[Demand]) -> bool:
        for other in others:
            node.take(other)
        found = fits(node, demand)
        for other in others:
            node.give_back(other)
        return found

    # What is asked besides.

    def admits(self, node: NodeFree, pod: Resource, key: Key, demand: Demand, priority: int) -> bool:
        """Say whether the pod may go to a node now, beside what is nominated there."""
        others = [
            nominee.demand
            for other, nominee in self.nominees.items()
            if other != key
            and nominee.node == node.name
            and nominee.priority >= priority
            and other not in self.placed
        ]
        if not (self._fits_beside(node, demand, others) if others else fits(node, demand)):
            return False
        rules = demand.rules
        if not self._bearers and (rules is None or not rules.looks_around):
            return True
        return not any(check(node) is not None for check in self._around(pod, demand).filters())

    def refusals(self, pod: Resource, demand: Demand) -> list[Refusal | None]:
        """Return for each node in order why it does not take the pod."""
        filters = self._around(pod, demand).filters()
        result: list[Refusal | None] = []
        for node in self.ordered():
            found = refusal(node, demand)
            for check in filters:
                found = found if found is not None else check(node)
            result.append(found)
        return result

    def _spread_counts(self, pod: Resource) -> Mapping[str, int] | None:
        group = self._spread_group(pod)
        return group.counts() if group is not None else None

    def _spread_group(self, pod: Resource) -> Group | None:
        """Return the pods that a pod is spread from by default (helper.DefaultSelector); None: no matter."""
        signature = self.neighbours.signature(pod)
        owners = pod["metadata"].get("ownerReferences")
        owner = next((one for one in owners if one.get("controller")), None) if owners else None
        uid = owner["uid"] if owner is not None else ""
        known = signature.groups
        if uid in known:
            return known[uid]
        services: dict[str, str] = {}
        for key, service in self._objects.get("Service", {}).items():
            selector = (service.get("spec") or {}).get("selector")
            if (
                key[0] == signature.namespace
                and selector
                and matches({"matchLabels": selector}, signature.labels)
            ):
                services.update(selector)
        selectors = [{"matchLabels": services}] if services else []
        if owner is not None and owner["kind"] in ("ReplicaSet", "StatefulSet", "ReplicationController"):
            found = self._objects.get(owner["kind"], {}).get((signature.namespace, owner["name"]))
            if found is not None and (found.get("spec") or {}).get("selector"):
                selectors.append(found["spec"]["selector"])
        group = self.neighbours.group((signature.namespace,), *selectors) if selectors else None
        known[uid] = group
        return group


def _slice(scores: list[int], window: range) -> list[int]:
    size = len(scores)
    start, stop = window.start, window.stop
    if start >= size:
        start, stop = start - size, stop - size
    return scores[start:stop] if stop <= size else scores[start:] + scores[: stop - size]


def _looks(node: NodeFree) -> tuple[object, ...]:
    """Return what of a node the tables' short cuts depend on."""
    return (bool(node.discouraging),)
