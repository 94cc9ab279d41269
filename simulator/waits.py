"""Waiting on the watch: who waits for which objects, and what delayed them.

Objects of a selection are kept as a view that all its waiters share; a delivery touches only the views that
its object belongs to.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Reads, Resource, Selection, WaitUntil
from simulator.attribution import Link
from simulator.cluster.changes import ENDED, GOING, GONE, NEW, READY, SPEC
from simulator.cluster.objects import is_ready, is_terminating, key_of
from simulator.cluster.store import Key, selects
from simulator.cluster.watch import Watch

_ALWAYS = 1 << 30  # set in every change: those who read everything are always concerned
_EVERYTHING = 2 * _ALWAYS - 1
_CHANGES = {Reads.SPEC: SPEC, Reads.READINESS: READY, Reads.LIFE: GOING + ENDED}


class Wait:
    """One `WaitUntil` that has not come true. `links` are those of the deliveries it saw, oldest first."""

    __slots__ = ("came_true", "effect", "links", "live", "number", "ready", "views")

    def __init__(
        self,
        effect: WaitUntil[Any],
        views: "tuple[_View, ...]",
        came_true: Callable[[Any, Link], None],
        number: int,
    ) -> None:
        """Call `came_true` with the value and the link of the delivery that brought it."""
        self.effect = effect
        self.ready = effect.ready
        self.views = views
        self.came_true = came_true
        self.number = number
        self.links: list[Link] = []
        self.live = True

    def value(self) -> Any:
        """Ask whether it has come true."""
        views = self.views
        if len(views) == 2:  # by far the most frequent: an object and those that it owns
            first, second = views
            return self.ready(first.ordered or first.resources(), second.ordered or second.resources())
        return self.ready(*[view.ordered or view.resources() for view in views])

    def pending_cause(self) -> Cause:
        """Say what the objects waited for are doing now, for a wait that ends before it comes true."""
        pods = [
            pod
            for view in self.views
            if view.selection.kind == "Pod"
            for pod in view.resources()
            if not is_ready(pod)
        ]
        return _pod_cause(pods[0]) if pods else Cause.CONTROLLER_QUEUE


_Waits = dict[int, tuple[Wait, int]]
"""By number, each with the changes that may make it come true."""


class _View:
    """The objects of one selection, as the watch cache has them, in order of namespace and name."""

    __slots__ = ("objects", "ordered", "selection", "waits")

    def __init__(self, selection: Selection, objects: dict[Key, Resource]) -> None:
        self.selection = selection
        self.objects = dict(sorted(objects.items()))
        self.waits: _Waits = {}
        self.ordered: Sequence[Resource] | None = None  # until the next delivery

    def resources(self) -> Sequence[Resource]:
        """Return the objects in order."""
        if self.ordered is None:
            self.ordered = list(self.objects.values())
        return self.ordered

    def update(self, key: Key, resource: Resource | None) -> None:
        """Take in one delivery."""
        objects = self.objects
        if resource is None:
            objects.pop(key, None)
        elif key in objects:
            objects[key] = resource  # keeps its place
        else:
            objects[key] = resource
            self.objects = dict(sorted(objects.items()))
        self.ordered = None


class _Kind:
    """All views of one kind of objects, and which of them each object belongs to."""

    __slots__ = ("_found", "_index")

    def __init__(self) -> None:
        self._index: dict[tuple[str, Any], list[_View]] = {}
        self._found: dict[Key, tuple[Any, list[_View]]] = {}

    def add(self, view: _View) -> None:
        selection = view.selection
        by: Any = selection.name or (selection.labels[0] if selection.labels else None)
        self._index.setdefault((selection.namespace, by), []).append(view)
        self._found.clear()

    def concerned(self, resource: Resource, key: Key) -> list[_View]:
        """Return the views that an object belongs to by its name or its labels."""
        labels = resource["metadata"].get("labels")
        found = self._found.get(key)
        if found is not None and found[0] is labels:  # a write shares what it did not change
            return found[1]
        index, namespace = self._index, key[0]
        concerned = [*index.get((namespace, None), ()), *index.get((namespace, key[1]), ())]
        for label in (labels or {}).items():
            concerned += [
                view
                for view in index.get((namespace, label), ())
                if len(view.selection.labels) == 1 or selects(view.selection.labels, resource)
            ]
        self._found[key] = (labels, concerned)
        return concerned

    def forget(self, key: Key) -> None:
        self._found.pop(key, None)


class Waits:
    """All waits of one engine."""

    def __init__(self, watch: Watch) -> None:
        """Follow `watch`; subscribe after the controllers, so that they see a delivery first."""
        self._watch = watch
        self._views: dict[Selection, _View] = {}
        self._kinds: dict[str, _Kind] = {}
        self._count = 0

    def add(self, effect: WaitUntil[Any], came_true: Callable[[Any, Link], None]) -> Wait:
        """Register a wait whose condition is not true now; `remove` it when it is of no more use."""
        self._count = number = self._count + 1
        wait = Wait(effect, tuple(map(self._view, effect.selections)), came_true, number)
        for view, concern in zip(wait.views, _concerns(effect), strict=True):
            view.waits[number] = (wait, concern | view.waits[number][1] if number in view.waits else concern)
        return wait

    def evaluate(self, effect: WaitUntil[Any]) -> Any:
        """Ask the condition now."""
        return effect.ready(*[self._view(selection).resources() for selection in effect.selections])

    @staticmethod
    def remove(wait: Wait) -> None:
        """Stop waiting."""
        wait.live = False
        for view in wait.views:
            view.waits.pop(wait.number, None)

    def _view(self, selection: Selection) -> _View:
        view = self._views.get(selection)
        if view is None:
            objects = {
                key: resource
                for key, resource in self._watch.cache.get(selection.kind, {}).items()
                if _belongs(selection, key, resource)
            }
            view = self._views[selection] = _View(selection, objects)
            kind = self._kinds.get(selection.kind)
            if kind is None:
                kind = self._kinds[selection.kind] = _Kind()
                self._watch.subscribe((selection.kind,), partial(self._delivered, kind))
            kind.add(view)
        return view

    def _delivered(self, kind: _Kind, before: Resource | None, after: Resource | None, link: Link) -> None:
        resource = after or before or {}
        key = key_of(resource)
        changes = self._watch.changes | _ALWAYS
        touched: _Waits = {}
        if before and after and before["metadata"].get("labels") is not after["metadata"].get("labels"):
            changes = _EVERYTHING  # it may be new to a view, or leave one
            for view in kind.concerned(before, key):
                if not _belongs(view.selection, key, after):
                    view.update(key, None)
                    touched |= view.waits
        for view in kind.concerned(resource, key):
            view.update(key, after)
            if view.waits:
                touched = _both(touched, view.waits) if touched else view.waits.copy()
        if after is None:
            kind.forget(key)
        for wait, concern in touched.values():
            if not wait.live:
                continue  # ended by the one before it
            wait.links.append(link)
            if concern & changes:
                value = wait.value()
                if value is not None:
                    self.remove(wait)
                    wait.came_true(value, link)


def _concerns(effect: WaitUntil[Any]) -> list[int]:
    """Return, for each selection of a wait, the changes of its objects after which to ask."""
    if not effect.reads:
        return [_EVERYTHING] * len(effect.selections)
    return [_concern(reads) for reads in effect.reads]


@cache
def _concern(reads: Reads) -> int:
    return NEW + GONE + sum(changes for read, changes in _CHANGES.items() if read in reads)


def _both(one: _Waits, other: _Waits) -> _Waits:
    """Join the waits of two views; one that waits for both is concerned by what concerns it in either."""
    joined = one | other
    for number, (wait, concern) in one.items():
        if number in other:
            joined[number] = (wait, concern | other[number][1])
    return joined


def _belongs(selection: Selection, key: Key, resource: Resource) -> bool:
    if key[0] != selection.namespace:
        return False
    if selection.name:
        return key[1] == selection.name
    return selects(selection.labels, resource)


def _pod_cause(pod: Resource) -> Cause:
    """Say what a pod that is not ready is waiting for."""
    if is_terminating(pod):
        return Cause.TERMINATION_GRACE
    if not pod["spec"].get("nodeName"):
        return Cause.SCHEDULING
    if (pod.get("status") or {}).get("phase") != "Running":
        return Cause.CONTAINER_START
    return Cause.READINESS
