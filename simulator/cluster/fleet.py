"""The choice of a node for a pod.

In a large cluster kube-scheduler looks for enough feasible nodes only, from where it left off, and scores
those: so is it done here, which is also what makes the choice cheap. Of equal nodes the first in that order
is taken, where kube-scheduler draws lots.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import log

from engine.core.effects import Resource
from simulator.cluster.census import UNFIT, Census
from simulator.cluster.placement import (
    SCORE_MAX,
    Demand,
    NodeFree,
    Refusal,
    fits,
    refusal,
    untolerated_count,
)
from simulator.cluster.store import Key
from simulator.cluster.surroundings import HOSTNAME, ZONE, Filter, Surroundings, rounded, spread_out

# Weights of the scores: apis/config/v1/default_plugins.go.
TAINT_WEIGHT, NODE_WEIGHT, SPREAD_WEIGHT, AFFINITY_WEIGHT = 3, 2, 2, 2
FEASIBLE_MIN, SHARE_MIN = 100, 5  # schedule_one.go minFeasibleNodesToFind, minFeasibleNodesPercentageToFind
_HOSTNAME_SKEW = 3


def nodes_to_find(nodes: int, percentage: int = 0) -> int:
    """Return how many feasible nodes are enough (numFeasibleNodesToFind); 0: a share by the size."""
    if nodes < FEASIBLE_MIN:
        return nodes
    share = percentage or max(50 - nodes // 125, SHARE_MIN)
    return max(nodes * share // 100, FEASIBLE_MIN) if share < 100 else nodes


class Fleet(Census):
    """The choice of a node, on top of what is known."""

    def __init__(self, objects: Mapping[str, Mapping[Key, Resource]], *, most: bool = False) -> None:
        """`objects` are looked into for owners, Services and namespaces; `most` fills nodes up."""
        super().__init__(objects, most=most)
        self.percentage = 0
        self._start = 0

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
            best = max(scores, default=UNFIT)
            return order[scores.index(best)] if best > UNFIT else None
        window = self._window(scores)
        if not window:
            return None
        counts = self._spread_counts(pod)
        if counts or (counts is not None and not self._alike):
            return self._least_spread(scores, window, counts)
        seen = _slice(scores, window)
        best = max(seen)
        return order[window[seen.index(best)] % count] if best > UNFIT else None

    def _window(self, scores: list[int]) -> range:
        """Return the positions looked at, in order and modulo the number of nodes; the next begin after."""
        count = len(scores)
        wanted = nodes_to_find(count, self.percentage)
        start = end = self._start % count
        found = 0
        while found < wanted and end < start + count:
            more = range(end, min(end + wanted - found, start + count))
            seen = _slice(scores, more)
            found += len(seen) - seen.count(UNFIT)
            end = more.stop
        self._start = end % count
        return range(start, end)

    def _least_spread(self, scores: list[int], window: range, counts: Mapping[str, int]) -> NodeFree | None:
        """Choose in the window, an owner's pods being spread over nodes and zones."""
        order, size = self._order, len(self._order)
        seen = _slice(scores, window) if window.stop > size or len(window) < size else scores
        if self._zoned or not self._hosted:
            feasible = [position for position, score in enumerate(seen) if score > UNFIT]
            if not feasible:
                return None
            nodes = [order[(window.start + position) % size] for position in feasible]
            spread = self._zone_spread(nodes, counts)
            best, chosen = UNFIT, nodes[0]
            for position, node, apart in zip(feasible, nodes, spread, strict=True):
                total = seen[position] + SPREAD_WEIGHT * apart
                if total > best:
                    best, chosen = total, node
            return chosen
        return self._host_spread(seen, window.start, counts)

    def _host_spread(self, seen: list[int], start: int, counts: Mapping[str, int]) -> NodeFree | None:
        """Without zones only nodes that have some of the pods score otherwise than all the rest."""
        order, size = self._order, len(self._order)
        feasible = len(seen) - seen.count(UNFIT)
        if not feasible:
            return None
        weight = _log_of(feasible + 2)
        position_of = self._position
        having: dict[int, int] = {}  # position in `seen` -> raw score
        for name, count in counts.items():
            position = position_of.get(name)
            if position is not None:
                position = (position - start) % size
                if position < len(seen) and seen[position] > UNFIT:
                    having[position] = int(count * weight + (_HOSTNAME_SKEW - 0.5))  # rounded, one less
        nothing = _HOSTNAME_SKEW - 1
        most = max(having.values(), default=nothing)
        least = nothing if len(having) < feasible else min(having.values())
        best, chosen = UNFIT, 0
        if len(having) < feasible:
            rest = seen
            if having:
                rest = seen.copy()
                for position in having:
                    rest[position] = UNFIT
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
            if scores[position] > UNFIT and not any(check(node) is not None for check in filters)
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
            if scores[position] > UNFIT:
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

    def _reserve(self, scores: list[int], key: Key, demand: Demand, priority: int) -> list[int]:
        """Leave out nodes that do not hold the pod beside what is nominated there, of no lower priority."""
        held: dict[str, list[Demand]] = {}
        for other, nominee in self.nominees.items():
            if other != key and nominee.priority >= priority and other not in self.placed:
                held.setdefault(nominee.node, []).append(nominee.demand)
        result = scores
        for name, demands in held.items():
            position = self._position.get(name)
            if position is None or scores[position] == UNFIT:
                continue
            if not self._fits_beside(self._order[position], demand, demands):
                result = scores.copy() if result is scores else result
                result[position] = UNFIT
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


@lru_cache(maxsize=1 << 13)
def _log_of(size: int) -> float:
    return log(size)


def _slice(scores: list[int], window: range) -> list[int]:
    size = len(scores)
    start, stop = window.start, window.stop
    if start >= size:
        start, stop = start - size, stop - size
    return scores[start:stop] if stop <= size else scores[start:] + scores[: stop - size]
