"""References to an execution's variables: ``${path.to.value}`` in a step's parameters and locks.

A text that is one reference and nothing else keeps the type of what it refers to; a reference inside a
longer text is written into it, as JSON where it is not text. A path steps through mappings by key and
through lists by position.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.core.errors import EngineError

RESERVED: Final = ("steps", "outputs", "memory")  # what ${...} finds before any variable
_REFERENCE: Final = re.compile(r"\$\{([^{}]*)\}")
Variables = Mapping[str, Any]
Resolver = Callable[[Variables], Any]


class UnknownVariable(EngineError):
    """A reference to a variable, or a part of one, that the execution does not have."""


def compile_value(value: Any) -> Resolver | None:
    """Return what resolves the references in `value`, or None where there are none."""
    if isinstance(value, str):
        return _compile_text(value)
    if isinstance(value, Mapping):
        resolvers = {key: compile_value(inner) for key, inner in value.items()}
        if not any(resolvers.values()):
            return None
        constants = dict(value)
        return lambda variables: {
            key: resolve(variables) if resolve else constants[key] for key, resolve in resolvers.items()
        }
    if isinstance(value, (list, tuple)):
        parts = [(inner, compile_value(inner)) for inner in value]
        if not any(resolve for _, resolve in parts):
            return None
        return lambda variables: [resolve(variables) if resolve else inner for inner, resolve in parts]
    return None


def _compile_text(text: str) -> Resolver | None:
    pieces = _REFERENCE.split(text)  # text, path, text, path, ..., text
    if len(pieces) == 1:
        return None
    if len(pieces) == 3 and not pieces[0] and not pieces[2]:
        path = tuple(pieces[1].split("."))
        return lambda variables: look_up(variables, path)
    paths = [tuple(path.split(".")) for path in pieces[1::2]]
    texts = pieces[0::2]

    def interpolate(variables: Variables) -> str:
        written = [texts[0]]
        for path, following in zip(paths, texts[1:], strict=True):
            written += (_written(look_up(variables, path)), following)
        return "".join(written)

    return interpolate


def refers(value: Any) -> bool:
    """Tell whether `value` refers to anything but variables: to steps, outputs or memory."""
    if isinstance(value, str):
        return any(path.partition(".")[0] in RESERVED for path in _REFERENCE.findall(value))
    if isinstance(value, Mapping):
        return any(refers(inner) for inner in value.values())
    return isinstance(value, (list, tuple)) and any(refers(inner) for inner in value)


def steps_referred_to(value: Any) -> Iterator[str]:
    """Yield the ids of the steps that `value` refers to; iterative, as the depth is not trusted."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            paths = (path.split(".") for path in _REFERENCE.findall(part))
            yield from (path[1] for path in paths if path[0] == "steps" and len(path) > 1)
        elif isinstance(part, Mapping):
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            waiting.extend(part)


def look_up(variables: Variables, path: tuple[str, ...]) -> Any:
    """Return the value at `path`; raises `UnknownVariable` naming the part that is missing."""
    value: Any = variables
    for position, part in enumerate(path):
        if type(value) is dict or isinstance(value, Mapping):  # the former is the rule, and asked faster
            if part not in value:
                raise _unknown(path, position, list(value))
            value = value[part]
        elif isinstance(value, (list, tuple)):
            if not part.isdecimal() or int(part) >= len(value):
                raise _unknown(path, position, [f"0..{len(value) - 1}"] if value else [])
            value = value[int(part)]
        else:
            raise _unknown(path, position, [])
    return value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _unknown(path: tuple[str, ...], position: int, known: list[Any]) -> UnknownVariable:
    where = ".".join(path[:position]) or "the variables"
    names = (
        ", ".join(sorted(str(name) for name in known)[:20]) or "nothing"
    )  # a replay may know another order
    return UnknownVariable(f"${{{'.'.join(path)}}}: {where} has no {path[position]!r}; it has {names}")
