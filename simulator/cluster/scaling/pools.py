"""The node pools of a run: their account, and the autoscaler where one of them may change."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.effects import Resource
from engine.core.records import PoolRow
from simulator.cluster.access import Access
from simulator.cluster.demands import Demands
from simulator.cluster.scaling.autoscaler import ClusterAutoscaler
from simulator.cluster.scaling.groups import NodeGroup
from simulator.cluster.store import Store
from simulator.cluster.watch import Watch


class Pools:
    """Keeps account of nodes by pool; of no nodes, and at no cost, where nobody asked for it."""

    def __init__(
        self,
        access: Access,
        store: Store,
        watch: Watch,
        demands: Demands,
        specs: Sequence[Mapping[str, Any]],
    ) -> None:
        """Take the pools of a ClusterSpec."""
        self.groups = [NodeGroup(spec) for spec in specs]
        self._agenda = access.agenda
        self.autoscaler: ClusterAutoscaler | None = None
        if any(group.is_autoscaled for group in self.groups):
            self.autoscaler = ClusterAutoscaler(access, store, watch, demands, self.groups)
        if specs:
            watch.subscribe(("Node",), self._node_changed)

    def start(self) -> None:
        """Begin to scale."""
        if self.autoscaler is not None:
            self.autoscaler.start()

    def rows(self, now: int) -> list[PoolRow]:
        """Return what the nodes of each pool have cost up to `now`."""
        return [group.row(now) for group in self.groups]

    def _node_changed(self, before: Resource | None, after: Resource | None, _link: Any) -> None:
        if after is None and before is not None:
            for group in self.groups:
                group.leave(before["metadata"]["name"], self._agenda.now)
