"""A node pool: its nodes by name, those that are on their way, how a new one looks, and what they cost."""

from collections.abc import Mapping
from typing import Any, Final

from engine.core.effects import Resource
from engine.core.records import PoolRow

HOUR_NS: Final = 3600 * 1_000_000_000
HOSTNAME: Final = "kubernetes.io/hostname"


class NodeGroup:
    """One pool of a ClusterSpec. A node costs from its order to its end."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        """Start with the nodes that the pool has at time 0."""
        self.name: str = spec["name"]
        self.min: int = spec["min"]
        self.max: int = spec["max"]
        self.is_autoscaled: bool = spec["autoscaled"]
        self.price_per_hour: float | None = spec["price_per_hour"]
        self.members: dict[str, None] = {f"{self.name}-{number}": None for number in range(spec["count"])}
        self.ordered: dict[str, Resource] = {}  # of them, those that have not come yet
        self.going: dict[str, None] = {}  # of them, those that are being removed
        self.backoff_until = 0  # no growth before
        self._templates: list[Resource] = spec["templates"]
        self._next = spec["count"]
        self._zones = {name: number % len(self._templates) for number, name in enumerate(self.members)}
        self._since_ns = 0
        self._node_ns = 0
        self._least = self._most = len(self.members)

    @property
    def room(self) -> int:
        """How many nodes may still be added."""
        return max(0, self.max - len(self.members))

    @property
    def spare(self) -> int:
        """How many nodes may still be removed."""
        return max(0, len(self.members) - len(self.going) - self.min)

    def order(self, now: int) -> Resource:
        """Add a node that is on its way, in the zone that has the fewest."""
        name = f"{self.name}-{self._next}"
        self._next += 1
        counts = [
            sum(zone == index for zone in self._zones.values()) for index in range(len(self._templates))
        ]
        zone = counts.index(min(counts))
        template = self._templates[zone]
        metadata = template["metadata"]
        labels = {**metadata["labels"], HOSTNAME: name}
        node = {**template, "metadata": {**metadata, "name": name, "labels": labels}}
        self._count(now)
        self._zones[name] = zone
        self.members[name] = None
        self.ordered[name] = node
        self._most = max(self._most, len(self.members))
        return node

    def template(self) -> Resource:
        """Return how a new node looks, whatever its zone."""
        return self._templates[0]

    def templates(self) -> list[Resource]:
        """Return how a new node looks in each zone."""
        return self._templates

    def leave(self, name: str, now: int) -> None:
        """Let a node end: it is gone, or will not come."""
        if name in self.members:
            self._count(now)
            del self.members[name]
            self._zones.pop(name, None)
            self.ordered.pop(name, None)
            self.going.pop(name, None)
            self._least = min(self._least, len(self.members))

    def row(self, now: int) -> PoolRow:
        """Return what its nodes have cost up to `now`."""
        self._count(now)
        price = self.price_per_hour or 0.0
        return PoolRow(
            type="pool",
            pool=self.name,
            nodes_count_min=self._least,
            nodes_count_max=self._most,
            nodes_count_end=len(self.members),
            node_ns=self._node_ns,
            price_per_hour=price,
            cost=price * self._node_ns / HOUR_NS,
        )

    def _count(self, now: int) -> None:
        self._node_ns += len(self.members) * (now - self._since_ns)
        self._since_ns = now
