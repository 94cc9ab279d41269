"""What pods ask of a node, read once per owner: pods of a ReplicaSet or Job ask the same until resized."""

from dataclasses import replace
from typing import Any

from engine.core.effects import Resource
from simulator.cluster.placement import Demand
from simulator.cluster.podrules import pinned_to
from simulator.cluster.podstatus import held


class Demands:
    """A memory of demands by controlling owner."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_owner: dict[str, tuple[Any, Demand]] = {}  # with the containers that it was read from

    def of(self, pod: Resource) -> Demand:
        """Return the pod's demand."""
        owners = pod["metadata"].get("ownerReferences")
        if not owners:
            return Demand.of(pod["spec"])
        uid = owners[0]["uid"]
        spec = pod["spec"]
        known = self._by_owner.get(uid)
        if known is None:
            known = self._by_owner[uid] = (spec["containers"], Demand.of(spec))
        containers, demand = known
        if containers is not spec["containers"] and containers != spec["containers"]:
            return Demand.of(spec)  # resized in place, unlike the others
        if "affinity" in spec and demand.node != (node := pinned_to(spec)):
            return replace(demand, node=node)
        return demand

    def reserved(self, pod: Resource) -> Demand:
        """Return what a node must keep for the pod.

        In each resource it is the most of what the pod asks for and what its kubelet has granted, as the
        scheduler reckons a pod that is being resized (KEP-1287).
        """
        demand, spec = self.of(pod), held(pod)
        if spec is pod["spec"]:
            return demand
        granted = Demand.of(spec)
        return replace(
            demand,
            cpu_m=max(demand.cpu_m, granted.cpu_m),
            memory_b=max(demand.memory_b, granted.memory_b),
            scored_cpu_m=max(demand.scored_cpu_m, granted.scored_cpu_m),
            scored_memory_b=max(demand.scored_memory_b, granted.scored_memory_b),
        )
