"""Reads what `engine.core.snapshot_writer` wrote into an engine that is as good as new."""

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from engine.core.errors import HistoryError
from engine.core.machine import WorkflowEngine
from engine.core.snapshot_graph import at_path, class_named, names_of

_NO_PLACE: Final = object()  # what other limits have left no room for
_EMPTY: Final[Mapping[str, Callable[[], Any]]] = {"l": list, "q": deque, "d": dict, "s": set}


class Reader:
    """Makes every object first, then fills them in, so that references may go in circles."""

    def __init__(
        self, document: Mapping[str, Any], engine: WorkflowEngine | None, parts: Sequence[Any]
    ) -> None:
        """Make the objects; those that `engine` has by itself are taken from it."""
        self._classes: Mapping[str, Sequence[str]] = document["classes"]
        self._entries: Sequence[Sequence[Any]] = document["objects"]
        self._engine = engine
        self._parts = parts
        self._read_by_head: Mapping[str, Callable[[list[Any]], Any]] = {
            "r": lambda rest: self._referred(rest[0]),
            "t": lambda rest: tuple(map(self.value, rest)),
            "e": lambda rest: class_named(rest[0])(rest[1]),
            "p": lambda rest: self._parts[rest[0]],
            "n": self._named_tuple,
            "x": self._frozen,
            "g": lambda rest: range(*rest),
            "f": lambda rest: float(rest[0]),
            "a": lambda rest: at_path(self._engine, tuple(rest)),
        }
        self._objects = [self._empty(entry) for entry in self._entries]

    def fill(self) -> None:
        """Fill every object in."""
        for target, entry in zip(self._objects, self._entries, strict=True):
            if target is _NO_PLACE:
                continue
            if entry[0] == "@":
                self._fill_place(target, entry[2:])
            elif isinstance(target, dict):
                target.update(self._pairs(entry[1:]))
            elif isinstance(target, set):
                target.update(map(self.value, entry[1:]))
            elif isinstance(target, (list, deque)):
                target.extend(map(self.value, entry[1:]))
            else:
                self._set_fields(target, entry[1], entry[2:])

    def value(self, written: Any) -> Any:
        """Return the value that was written."""
        if not isinstance(written, list):
            return written
        read = self._read_by_head.get(written[0])
        if read is None:
            message = f"a snapshot holds {written[0]!r}, which this version does not know"
            raise HistoryError(message)
        return read(written[1:])

    # -- objects

    def _empty(self, entry: Sequence[Any]) -> Any:
        kind = entry[0]
        if kind == "@":
            try:
                return at_path(self._engine, tuple(entry[1]))
            except (KeyError, AttributeError, TypeError):
                return _NO_PLACE
        if kind == "o":
            return _blank(entry[1])
        return _EMPTY[kind]()

    def _referred(self, number: int) -> Any:
        found = self._objects[number]
        if found is _NO_PLACE:
            path = ".".join(self._entries[number][1])
            message = f"the engine has no {path} under its present limits, and it is still needed"
            raise HistoryError(message)
        return found

    def _named_tuple(self, written: Sequence[Any]) -> Any:
        fields = self._classes[written[0]]
        return class_named(written[0])(**dict(zip(fields, map(self.value, written[1:]), strict=True)))

    def _frozen(self, written: Sequence[Any]) -> Any:
        made = _blank(written[0])
        self._set_fields(made, written[0], written[1:])
        return made

    def _set_fields(self, target: Any, name: str, written: Sequence[Any]) -> None:
        given = dict(zip(self._classes[name], written, strict=True))
        known = names_of(target) or self._classes[name]
        unknown = [field for field in given if field not in known]
        if unknown:
            message = f"a snapshot's {name} has a field {unknown[0]!r} that this version does not know"
            raise HistoryError(message)
        for field in known:
            value = self.value(given[field]) if field in given else _default(type(target), field)
            object.__setattr__(target, field, value)

    def _fill_place(self, target: Any, written: Sequence[Any]) -> None:
        if isinstance(target, dict):
            if written[0] is not None:
                self._merge(target, written[0], written[1:])
        elif isinstance(target, set):
            target.clear()
            target.update(map(self.value, written))
        elif isinstance(target, (list, deque)):
            target.clear()
            target.extend(map(self.value, written))
        else:
            known = names_of(target)
            for name, value in written[0].items():
                if name not in known:
                    message = f"a snapshot's {type(target).__name__} has a field {name!r} that it cannot have"
                    raise HistoryError(message)
                setattr(target, name, self.value(value))

    def _merge(self, target: dict[Any, Any], gone: Sequence[Any], written: Sequence[Any]) -> None:
        """Give a dict what was written, in that order, and leave it what only the present limits give it."""
        before = dict(target)
        target.clear()
        for key, value in zip(map(self.value, written[::2]), written[1::2], strict=True):
            if value != ["="]:
                target[key] = self.value(value)
            elif key in before:
                target[key] = before[key]
        dropped = [self.value(key) for key in gone]
        for key, value in before.items():
            if key not in target and key not in dropped:
                target[key] = value

    def _pairs(self, written: Sequence[Any]) -> dict[Any, Any]:
        return dict(zip(map(self.value, written[::2]), map(self.value, written[1::2]), strict=True))


def _blank(name: str) -> Any:
    kind: Any = class_named(name)
    return kind.__new__(kind)


def _default(kind: type, name: str) -> Any:
    """Return what a field that the snapshot does not know starts with."""
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        if field.name == name and field.default is not dataclasses.MISSING:
            return field.default
        if field.name == name and field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
    message = f"a snapshot's {kind.__name__} has no field {name!r}, and this version needs it"
    raise HistoryError(message)
