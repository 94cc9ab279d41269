"""What pods ask of a node, read once per owner: all pods of a ReplicaSet or Job ask the same."""

from engine.core.effects import Resource
from simulator.cluster.placement import Demand


class Demands:
    """A memory of demands by controlling owner."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_owner: dict[str, Demand] = {}

    def of(self, pod: Resource) -> Demand:
        """Return the pod's demand."""
        owners = pod["metadata"].get("ownerReferences")
        if not owners:
            return Demand.of(pod["spec"])
        uid = owners[0]["uid"]
        demand = self._by_owner.get(uid)
        if demand is None:
            demand = self._by_owner[uid] = Demand.of(pod["spec"])
        return demand
