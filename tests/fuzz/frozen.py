"""Facts as JSON values, to be kept and compared."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

_BOOK_KEEPING = ("plan", "values")


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.compare and one.name not in _BOOK_KEEPING)


def frozen(value: Any) -> Any:
    """Return a copy that shares nothing with `value` that can still change."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): frozen(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [frozen(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: frozen(getattr(value, name)) for name in _names(type(value))}
    return repr(value)
