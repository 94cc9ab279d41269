"""Deleting what may be gone by then, as controllers do: what matters is that it is not there."""

from engine.core.effects import Ref
from engine.core.errors import Conflict, NotFound
from simulator.attribution import Link
from simulator.cluster.store import Store


def delete_if_there(store: Store, ref: Ref, uid: str, link: Link, *, propagation: str = "Background") -> None:
    """Delete one object; nothing happens if it is gone, or another of its name by now."""
    try:
        store.delete(ref, link, uid, propagation=propagation)
    except (NotFound, Conflict):
        return
