"""What the scheduler knows of nodes and pods, and a table of scores for each kind of pod.

Pods that ask for the same (equal demands) share one table of scores by node, brought up to date where
something has changed since it was last asked (kube-scheduler does the same with its snapshot's generations).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from engine.core.effects import Resource
from simulator.cluster.neighbours import Group, Neighbours, Signature
from simulator.cluster.objects import matches
from simulator.cluster.placement import Demand, NodeFree, node_score
from simulator.cluster.store import Key
from simulator.cluster.surroundings import HOSTNAME, ZONE, Bearer

UNFIT: Final = -1  # the score of a node that the pod does not fit on
_TABLES_MAX = 1 << 21  # scores kept in all
_REGIONS = ("topology.kubernetes.io/region", ZONE)


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


class Census:
    """The nodes, the pods on them, and tables of scores that follow both."""

    def __init__(self, objects: Mapping[str, Mapping[Key, Resource]], *, most: bool = False) -> None:
        """`objects` are looked into for owners, Services and namespaces; `most` fills nodes up."""
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

    def _scores(self, demand: Demand) -> list[int]:
        table = self._tables.get(demand)
        changed = self._log
        order, most = self._order, self._most
        if table is None:
            if (len(self._tables) + 1) * len(order) > _TABLES_MAX:
                self._tables.clear()
            scores = [node_score(one, demand, most=most) for one in order]
            self._tables[demand] = _Table(scores, len(changed))
            return scores
        scores = table.scores
        if table.cursor < len(changed):
            for position in dict.fromkeys(changed[table.cursor :]):
                scores[position] = node_score(order[position], demand, most=most)
            table.cursor = len(changed)
        return scores

    def _spread_group(self, pod: Resource) -> Group | None:
        """Return the pods that a pod is spread from by default (helper.DefaultSelector); None: no matter."""
        signature = self.neighbours.signature(pod)
        owners = pod["metadata"].get("ownerReferences")
        uid = owners[0]["uid"] if owners else ""
        known = signature.groups
        if uid in known:
            return known[uid]
        owner = next((one for one in owners or () if one.get("controller")), None)
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


def _looks(node: NodeFree) -> tuple[object, ...]:
    """Return what of a node the tables' short cuts depend on."""
    return (bool(node.discouraging),)
