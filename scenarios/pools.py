"""Node pools that a run keeps account of: those with a price, and those that grow and shrink."""

import copy
from collections.abc import Iterable
from typing import Any

from scenarios.node_schema import NodePool
from scenarios.objects import node


def pools_of(pools: Iterable[NodePool], kubernetes_version: str) -> tuple[dict[str, Any], ...]:
    """Return the pools to keep account of as a ClusterSpec carries them; none if nobody asked for any."""
    listed = list(pools)
    if not any(pool.autoscaled or pool.price is not None for pool in listed):
        return ()
    return tuple(_pool(pool, kubernetes_version) for pool in listed)


def _pool(pool: NodePool, kubernetes_version: str) -> dict[str, Any]:
    sound = pool.model_copy(update={"not_ready": 0})
    zones: tuple[str | None, ...] = pool.zones or (None,)
    scaling = pool.autoscaled
    return {
        "name": pool.name,
        "count": pool.count,
        "zones": list(pool.zones),
        # A scenario may have asked for another number of nodes than the file that has the bounds.
        "min": min(scaling.min, pool.count) if scaling else pool.count,
        "max": max(scaling.max, pool.count) if scaling else pool.count,
        "autoscaled": scaling is not None,
        "price_per_hour": pool.price,
        # One node of each zone, as a new one looks; its name is given when it comes.
        "templates": [copy.deepcopy(node(sound, index, kubernetes_version)) for index in range(len(zones))],
    }
