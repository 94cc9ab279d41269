"""Writes an engine's state, as `engine.core.snapshot` describes it."""

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from math import isfinite
from typing import Any, Final

from engine.core.errors import HistoryError
from engine.core.snapshot_graph import (
    CONTAINERS,
    PLANS,
    Path,
    Place,
    Same,
    is_callback,
    is_frozen,
    is_object,
    names_of,
)

UNCHANGED: Final = ("=",)
_SCALARS: Final = (str, int, bool, type(None))


class Writer:
    """Numbers objects as it comes across them, and writes them one after the other, without recursion."""

    def __init__(
        self,
        parts: Mapping[Same, int],
        places: list[Place],
        callbacks: Mapping[Callable[..., Any], Path],
    ) -> None:
        """Know what need not be written. The first place becomes object 0."""
        self.classes: dict[str, tuple[str, ...]] = {}
        self._parts = parts
        self._callbacks = callbacks
        self._places = {Same(place.live): place for place in places}
        self._numbers: dict[Same, int] = {}
        self._found: list[Any] = []
        for place in places:
            self._number(place.live)

    def objects(self) -> list[Any]:
        """Write every object that was come across, and what those refer to."""
        written: list[Any] = []
        while len(written) < len(self._found):
            value = self._found[len(written)]
            place = self._places.get(Same(value))
            written.append(self._object(value) if place is None else self._at_place(place))
        return written

    def value(self, value: Any) -> Any:
        """Return a value as JSON."""
        kind = type(value)
        if kind in _SCALARS or (kind is float and isfinite(value)):
            return value
        part = self._parts.get(Same(value))
        if part is not None:
            return ["p", part]
        if is_object(value):
            return ["r", self._number(value)]
        return self._immutable(kind, value)

    def _immutable(self, kind: Any, value: Any) -> list[Any]:
        if isinstance(value, Enum):
            written = ["e", kind.__name__, value.value]
        elif isinstance(value, tuple):
            head = ["n", self._class(value, kind._fields)] if hasattr(kind, "_fields") else ["t"]
            written = [*head, *map(self.value, value)]
        elif is_frozen(kind):
            names = names_of(value)
            written = ["x", self._class(value, names), *(self.value(getattr(value, name)) for name in names)]
        elif isinstance(value, range):
            written = ["g", value.start, value.stop, value.step]
        elif isinstance(value, float):
            written = ["f", repr(value)]
        elif is_callback(value):
            written = ["a", *self._callback(value)]
        else:
            message = f"an engine's state holds {kind.__name__} {value!r}, which no snapshot can hold"
            raise HistoryError(message)
        return written

    # -- objects

    def _number(self, value: Any) -> int:
        key = Same(value)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._found)
            self._found.append(value)
        return number

    def _object(self, value: Any) -> list[Any]:
        if isinstance(value, dict):
            return ["d", *(self.value(part) for pair in value.items() for part in pair)]
        if isinstance(value, set):
            return ["s", *sorted(map(self.value, sorted(value)), key=repr)]
        if isinstance(value, CONTAINERS):
            return ["q" if isinstance(value, deque) else "l", *map(self.value, value)]
        names = names_of(value)
        return ["o", self._class(value, names), *(self.value(getattr(value, name)) for name in names)]

    def _at_place(self, place: Place) -> list[Any]:
        live, pristine, path = place.live, place.pristine, list(place.path)
        if isinstance(live, dict):
            if any(is_callback(value) for value in pristine.values()):  # a table of what to call: code
                return ["@", path, None]
            gone = [self.value(key) for key in pristine if key not in live]
            pairs = [
                part
                for key, value in live.items()
                for part in (self.value(key), self._change(value, pristine.get(key), known=key in pristine))
            ]
            return ["@", path, gone, *pairs]
        if isinstance(live, CONTAINERS):
            return ["@", path, *self._object(live)[1:]]
        changes = {}
        for name in names_of(live):
            if not place.path and name == PLANS:
                continue
            known = hasattr(pristine, name)
            change = self._change(getattr(live, name), getattr(pristine, name, None), known=known)
            if change != list(UNCHANGED):
                changes[name] = change
        return ["@", path, changes]

    def _change(self, live: Any, pristine: Any, *, known: bool) -> Any:
        """Return a value, or that it is what a pristine engine has by itself."""
        if known and type(live) is type(pristine):
            if Same(live) in self._places or is_callback(pristine):
                return list(UNCHANGED)
            if (type(live) in (*_SCALARS, float) or is_frozen(type(live))) and live == pristine:
                return list(UNCHANGED)
        return self.value(live)

    def _class(self, value: Any, names: tuple[str, ...]) -> str:
        name = type(value).__name__
        if self.classes.setdefault(name, names) != names:
            message = f"two shapes of class {name}: {self.classes[name]} and {names}"
            raise HistoryError(message)
        return name

    def _callback(self, value: Any) -> Path:
        path = self._callbacks.get(value)
        if path is None:
            message = f"an engine's state holds {value!r}, which a new engine does not have by itself"
            raise HistoryError(message)
        return path
