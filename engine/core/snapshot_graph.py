"""What the writer and the reader of snapshots both know: the engine as a graph of objects.

*Parts* are what the plans of the registered workflows consist of: the same in every engine that knows the
same workflows, so that a number names one. *Places* are the objects that a pristine engine has by itself,
named by the attributes (and keys) that lead to them.
"""

import importlib
import pkgutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from enum import Enum
from functools import cache
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final

from engine.core.errors import HistoryError
from engine.core.facts import NOTHING
from engine.core.machine import WorkflowEngine

PLANS: Final = "_plans"  # the attribute of an engine that holds its plans by name
DEADLINES: Final = "_deadlines"  # that which holds its deadlines
CONTAINERS: Final = (list, dict, deque, set)
Path = tuple[str, ...]


class Same:
    """A key that stands for one object, whatever it is equal to."""

    __slots__ = ("thing",)

    def __init__(self, thing: object) -> None:
        """Stand for `thing`, and keep it alive."""
        self.thing = thing

    def __hash__(self) -> int:
        return object.__hash__(self.thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pristine engine has an object of the same type as the live one."""

    path: Path
    live: Any
    pristine: Any


def is_callback(value: object) -> bool:
    """Tell whether a value is code, which no snapshot holds."""
    return isinstance(value, (FunctionType, MethodType, BuiltinFunctionType, type))


def is_object(value: object) -> bool:
    """Tell whether a value can be changed, so that it matters who shares it."""
    if isinstance(value, CONTAINERS):
        return True
    kind = type(value)
    return (
        kind.__module__.startswith("engine.core.")
        and not isinstance(value, (Enum, tuple))
        and not is_callback(value)
        and not is_frozen(kind)
    )


def is_frozen(kind: type) -> bool:
    """Tell whether a class is a frozen dataclass."""
    return is_dataclass(kind) and bool(getattr(kind, "__dataclass_params__").frozen)  # noqa: B009 - not declared


def names_of(value: object) -> tuple[str, ...]:
    """Return the names of an object's attributes, in order of declaration."""
    kind: Any = type(value)
    return _slots(kind) or tuple(vars(value))


@cache
def _slots(kind: Any) -> tuple[str, ...]:
    found = [slot for base in reversed(kind.__mro__) for slot in _slots_of(base)]
    return tuple(name for name in dict.fromkeys(found) if name not in ("__dict__", "__weakref__"))


def _slots_of(base: type) -> tuple[str, ...]:
    slots = base.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


@cache
def class_named(name: str) -> type:
    """Return the class of the engine's core that has this name; raises `HistoryError`."""
    package = importlib.import_module("engine.core")
    found: dict[type, None] = {}
    for module in pkgutil.iter_modules(package.__path__):
        kind = getattr(importlib.import_module(f"engine.core.{module.name}"), name, None)
        if isinstance(kind, type) and kind.__module__.startswith("engine.core."):
            found[kind] = None
    if len(found) != 1:
        message = f"a snapshot names {name!r}, and the engine has {len(found)} classes of that name"
        raise HistoryError(message)
    return next(iter(found))


def parts_of(engine: WorkflowEngine) -> Iterator[object]:
    """Yield what the engine's plans consist of, in an order that depends on the workflows alone.

    Of what came with a definition, two places may hold one object in one process, and two equal ones in
    another, which has read it from a file: that is yielded once a place. Plans themselves are made here.
    """
    yield NOTHING
    seen: dict[Same, None] = {}
    waiting: deque[object] = deque(getattr(engine, PLANS).values())
    while waiting:
        value = waiting.popleft()
        if isinstance(value, tuple):
            waiting.extend(value)
            continue
        is_made_here = is_dataclass(value) and not is_frozen(type(value))
        if is_made_here and Same(value) in seen:
            continue
        seen[Same(value)] = None
        if is_callback(value):
            yield value
        elif isinstance(value, Mapping):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, (list, deque)):
            yield value
            waiting.extend(value)
        elif is_dataclass(value):
            yield value
            waiting.extend(getattr(value, name) for name in names_of(value))


def numbered_parts(engine: WorkflowEngine) -> dict[Same, int]:
    """Return the number of each part: the first that it has."""
    numbers: dict[Same, int] = {}
    for number, part in enumerate(parts_of(engine)):
        numbers.setdefault(Same(part), number)
    return numbers


def places_of(
    live: WorkflowEngine, pristine: WorkflowEngine, parts: Mapping[Same, int]
) -> tuple[list[Place], dict[Callable[..., Any], Path]]:
    """Return the places of a live engine's objects, nearest first, and the paths of its callbacks."""
    places: list[Place] = []
    callbacks: dict[Callable[..., Any], Path] = {}
    seen: dict[Same, None] = {}
    waiting: deque[Place] = deque([Place((), live, pristine)])
    while waiting:
        place = waiting.popleft()
        if Same(place.live) in seen:
            continue
        seen[Same(place.live)] = None
        places.append(place)
        for name, mine, its in _pairs(place):
            if is_callback(its):
                callbacks.setdefault(mine, (*place.path, name))
            elif is_object(its) and type(mine) is type(its) and Same(mine) not in parts:
                waiting.append(Place((*place.path, name), mine, its))
    return places, callbacks


def _pairs(place: Place) -> Iterator[tuple[str, Any, Any]]:
    """Yield what live and pristine object both have under a name."""
    live, pristine = place.live, place.pristine
    if isinstance(live, dict):
        for key, its in pristine.items():
            if isinstance(key, str) and key in live:
                yield key, live[key], its
    elif not isinstance(live, CONTAINERS):
        for name in names_of(live):
            if hasattr(live, name) and hasattr(pristine, name) and (place.path or name != PLANS):
                yield name, getattr(live, name), getattr(pristine, name)


def at_path(engine: WorkflowEngine | None, path: Path) -> Any:
    """Return what an engine has at a path; raises KeyError or AttributeError."""
    value: Any = engine
    for name in path:
        if isinstance(value, dict):
            value = value[name]
            continue
        if name.startswith("__"):  # no state of an engine, and a way to everything else
            message = f"a snapshot names {name!r}, which is no part of an engine"
            raise HistoryError(message)
        value = getattr(value, name)
    return value
