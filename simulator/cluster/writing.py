"""What the API server checks of a patch before it is stored, by kind and subresource."""

from collections.abc import Mapping
from typing import Any

from engine.core.effects import Ref, Resource
from simulator.attribution import Link
from simulator.cluster.quota import Quotas
from simulator.cluster.resize import resize
from simulator.cluster.store import Store
from simulator.cluster.volumes import CLAIM, checked_expansion


def patch(
    store: Store,
    quotas: Quotas,
    ref: Ref,
    changes: Mapping[str, Any],
    link: Link,
    version: str | None = None,
    subresource: str = "",
) -> Resource:
    """Carry out a patch as the API server does; raises an `ApiError`."""
    if subresource == "resize":
        return resize(store, quotas, ref, changes, link, version)
    if ref.kind == CLAIM:
        checked_expansion(store, ref, changes)
    return store.patch(ref, changes, link, version)
