"""An answer that a verb left beside the run, laid out as it is: its scalars as lines, its lists as tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reports.formats import coordinate, interval, number, printed_unit

_MOST_ROWS: Final = 60
_MOST_COLUMNS: Final = 10
_MOST_LETTERS: Final = 2_000
# Where every entry says in words what it found, these stand beside the words, and the parts do not.
_BESIDE_TEXT: Final = ("value", "at", "finding", "verdict", "replications", "cost", "text")


@dataclass(frozen=True)
class Table:
    """A list of an answer whose entries have keys."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int  # rows that are left out


def words_of(key: str) -> str:
    """Return a key as words."""
    return str(key).replace("_", " ")


def lines_of(document: Mapping[str, Any], without: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Return the scalars of an answer by name, and what is nested only a little."""
    left = set(without)
    return [
        (words_of(key), text)
        for key, value in document.items()
        if key not in left and not _is_table(value) and (text := text_of(value))
    ]


def tables_of(document: Mapping[str, Any], without: Iterable[str] = ()) -> list[Table]:
    """Return the lists of an answer whose entries have keys."""
    left = set(without)
    return [
        _table(words_of(key), value)
        for key, value in document.items()
        if key not in left and _is_table(value)
    ]


def text_of(value: Any) -> str:
    """Write any JSON value for a person: an estimate with unit, interval and n; nothing for nothing."""
    if value is None or value == "":
        return ""
    if isinstance(value, Mapping):
        return _mapping(value)[:_MOST_LETTERS]
    if isinstance(value, list | tuple):
        return ", ".join(text_of(item) for item in value[:_MOST_ROWS])[:_MOST_LETTERS]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (number(value) if isinstance(value, float) else coordinate(value))[:_MOST_LETTERS]


def _mapping(value: Mapping[str, Any]) -> str:
    if "text" in value:
        return str(value["text"])
    if "value" in value and "n" in value:
        return _estimate(value)
    return ", ".join(f"{words_of(key)}: {text_of(item)}" for key, item in value.items() if text_of(item))


def _estimate(value: Mapping[str, Any]) -> str:
    """Write the JSON of an estimate, whose numbers are rounded and in the printed unit already."""
    found, low, high = (value.get(name) for name in ("value", "low", "high"))
    unit = printed_unit(str(value.get("unit", "")))
    bounds = interval(low, high, "") if _numeric(low) and _numeric(high) else ""
    parts = [number(found) if _numeric(found) else str(found), unit, bounds, f"n={value['n']}"]
    return " ".join(part for part in parts if part)


def _numeric(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    keys = list(dict.fromkeys(key for row in rows[:_MOST_ROWS] for key in row))[:_MOST_COLUMNS]
    if all("text" in row for row in rows):
        keys = [key for key in _BESIDE_TEXT if any(key in row for row in rows)]
    return Table(
        title=title,
        heads=tuple(words_of(key) for key in keys),
        rows=tuple(tuple(text_of(row.get(key)) for key in keys) for row in rows[:_MOST_ROWS]),
        more=max(len(rows) - _MOST_ROWS, 0),
    )
