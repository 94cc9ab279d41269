"""Durations as they were measured: a list in the file, or a column of a CSV file beside it.

A file writes ``{dist: empirical, values: [1.2s, 3s]}`` or ``{dist: empirical, file: runs.csv, column:
realtime, unit: ms}``. A RunSpec carries the values themselves, sorted, so that it needs no file.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from pathlib import Path
from typing import Any, Final

from scenarios.errors import did_you_mean, one_of
from scenarios.units import NS_PER, SECOND_NS, UnitError, parse_duration

VALUES_MAX: Final = 10_000
BYTES_MAX: Final = 16 * 1024 * 1024
EXPECTED: Final = (
    "{dist: empirical, values: [1.2s, 3s]} or {dist: empirical, file: runs.csv, column: run, unit: ms}"
)
_UNITS: Final = ("ns", "us", "ms", "s", "m", "h")
_folder: ContextVar[Path] = ContextVar("folder of the file that is being read")


@contextmanager
def beside(source: str) -> Iterator[None]:
    """Let relative paths start at the folder of the file `source` while it is being checked."""
    token = _folder.set(Path(source).parent)
    try:
        yield
    finally:
        _folder.reset(token)


def parse_empirical(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON form: ``{"dist": "empirical", "values_s": [...]}``."""
    if set(value) == {"dist", "values"}:
        given = value["values"]
        if not isinstance(given, list) or not given:
            raise UnitError("no list of durations", EXPECTED)
        return _made([parse_duration(one) / SECOND_NS for one in given[: VALUES_MAX + 1]], len(given))
    if set(value) == {"dist", "file", "column", "unit"}:
        values = _column(value["file"], value["column"], value["unit"])
        return _made(values, len(values))
    raise UnitError(f"an empirical distribution with the keys {', '.join(map(str, value))}", EXPECTED)


def _made(values: list[float], count: int) -> dict[str, Any]:
    if count > VALUES_MAX:
        raise UnitError(f"{count:,} values", f"at most {VALUES_MAX:,}", "take a sample, or quantiles")
    return {"dist": "empirical", "values_s": sorted(values)}


def _column(name: object, column: object, unit: object) -> list[float]:
    if unit not in _UNITS:
        raise UnitError(f"the unit {unit!r}", one_of(_UNITS))
    if not isinstance(name, str) or not isinstance(column, str):
        raise UnitError("a file or a column that is not text", EXPECTED)
    path = _folder.get(Path()) / name
    if not path.is_file():
        raise UnitError(f"there is no file '{name}'", "a CSV file, relative to this one")
    if path.stat().st_size > BYTES_MAX:
        raise UnitError(f"'{name}' has {path.stat().st_size:,} bytes", f"at most {BYTES_MAX:,}")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return _read(csv.DictReader(file), name, column, NS_PER[str(unit)] / SECOND_NS)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnitError(f"'{name}' is no CSV file: {error}", "a CSV file in UTF-8") from None


def _read(rows: "csv.DictReader[str]", name: str, column: str, unit_s: float) -> list[float]:
    names = rows.fieldnames or []
    if column not in names:
        raise UnitError(f"'{name}' has no column '{column}'", one_of(names), did_you_mean(column, names))
    values = []
    for row in rows:
        text = row[column] or ""
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not isfinite(number) or number < 0:
            where = f"'{name}' line {rows.line_num}, column '{column}'"
            raise UnitError(f"{where}: {text!r}", "a number of at least 0")
        values.append(number * unit_s)
    if not values:
        raise UnitError(f"'{name}' has no row", "at least one")
    return values
