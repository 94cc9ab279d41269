"""The sweep: a grid over parameter paths, or points row by row. Counted before anything is expanded."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import Mark, Path, Problem, ScenarioError, quoted
from scenarios.paths import PATH_EXPECTED, canonical, is_path, same_value, short_form

POINTS_MAX: Final = 10_000
RUNS_MAX: Final = 1_000_000
_FIXED: Final = (
    "apiVersion",
    "name",
    "requirement",
    "description",
    "sweep",
    "experiment",
    "targets",
    "comparisons",
    "sensitivity",
    "regressions",
)


@dataclass(frozen=True, slots=True)
class Point:
    """One cell of the sweep: its index, and the swept paths with their values here."""

    index: int
    coordinates: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A checked sweep. `axes` of a grid; `rows` of a list of points. Without both there is one point."""

    axes: Mapping[str, tuple[Any, ...]]
    rows: tuple[Mapping[str, Any], ...]

    @property
    def points_count(self) -> int:
        """How many points there are."""
        return len(self.rows) or math.prod(len(values) for values in self.axes.values())

    @property
    def paths(self) -> tuple[str, ...]:
        """The swept paths, in the order of the file."""
        return tuple(self.rows[0]) if self.rows else tuple(self.axes)

    def coordinates(self) -> Iterator[dict[str, Any]]:
        """Yield every point's coordinates; the last axis of a grid runs fastest."""
        if self.rows:
            yield from (dict(row) for row in self.rows)
            return
        for values in itertools.product(*self.axes.values()):
            yield dict(zip(self.axes, values, strict=True))

    def single_changes(self) -> Iterator[dict[str, Any]]:
        """Yield coordinates that show every value of every axis once."""
        if self.rows:
            yield from self.coordinates()
            return
        first = next(self.coordinates())
        for path, values in self.axes.items():
            yield from (first | {path: value} for value in values)


def read_sweep(document: Document, replications_max: int) -> Sweep:
    """Return the sweep of a scenario's document; `ScenarioError` with everything wrong."""
    data = document.data.get("sweep")
    if data is None and "sweep" not in document.data:
        return Sweep({}, ())
    problems: list[Problem] = []
    if data and not isinstance(data, dict | list):
        return Sweep({}, ())  # the schema says so
    if not data:
        raise document.error(("sweep",), "the sweep is empty", "paths with values, or no sweep at all")
    sweep = _rows(document, data, problems) if isinstance(data, list) else _grid(document, data, problems)
    if problems:
        raise ScenarioError(problems)
    count = sweep.points_count
    if count > POINTS_MAX:
        raise document.error(("sweep",), f"{count:,} points", f"at most {POINTS_MAX:,}")
    if count * replications_max > RUNS_MAX:
        runs = f"{count:,} points x {replications_max:,} replications = {count * replications_max:,} runs"
        raise document.error(("sweep",), runs, f"at most {RUNS_MAX:,}")
    return sweep


def _grid(document: Document, data: Mapping[str, Any], problems: list[Problem]) -> Sweep:
    axes: dict[str, tuple[Any, ...]] = {}
    for path, values in data.items():
        place = ("sweep", path)
        if not _check_path(document, path, place, axes, problems):
            continue
        if not isinstance(values, list) or not values:
            found = "no values" if values in ([], None) else f"{quoted(values)} is not a list"
            problems.append(document.problem(place, found, "a list of values, such as [1, 2, 5]"))
            continue
        _check_distinct(document, values, place, problems)
        axes[short_form(path)] = tuple(values)
    return Sweep(axes, ())


def _rows(document: Document, data: list[Any], problems: list[Problem]) -> Sweep:
    rows: list[dict[str, Any]] = []
    for index, row in enumerate(data):
        place = ("sweep", index)
        if not isinstance(row, dict) or not row:
            problems.append(document.problem(place, "an empty point", "paths with values"))
            continue
        known: dict[str, Any] = {}
        for path, value in row.items():
            if _check_path(document, path, (*place, path), known, problems):
                known[short_form(path)] = value
        if rows and set(known) != set(rows[0]):
            expected = "the paths of the first: " + ", ".join(rows[0])
            problems.append(document.problem(place, "a point with other paths than the first", expected))
        rows.append({path: known[path] for path in rows[0] if path in known} if rows else known)
    if not problems:
        _check_distinct(document, rows, ("sweep",), problems)
    return Sweep({}, tuple(rows))


def _check_path(
    document: Document, path: str, place: Path, known: Mapping[str, Any], problems: list[Problem]
) -> bool:
    message = ""
    if not is_path(path):
        message = f"'{path}' is not a path"
    elif path.split(".", maxsplit=1)[0] in _FIXED or path == "cluster.overridden_by":
        message = f"'{path}' cannot be swept"
    elif short_form(path) in known:
        message = f"'{path}' is swept twice"
    if message:
        problems.append(document.problem(place, message, PATH_EXPECTED, key=True))
    return not message


def _check_distinct(document: Document, values: list[Any], place: Path, problems: list[Problem]) -> None:
    if len(values) > POINTS_MAX:
        problems.append(document.problem(place, f"{len(values):,} values", f"at most {POINTS_MAX:,}"))
        return
    seen: set[tuple[str, Any]] = set()
    for index, value in enumerate(values):
        if canonical(value) in seen:
            message = f"{quoted(value)} is given twice"
            problems.append(document.problem((*place, index), message, "values that differ"))
        seen.add(canonical(value))


def marks_of(document: Document, path: str, value: Any) -> tuple[Mark, Mark]:
    """Return the places in the sweep of a path and of a value that it takes."""
    data = document.data.get("sweep")
    place: Path = ("sweep",)
    if isinstance(data, dict):
        written = next((key for key in data if short_form(key) == path), path)
        values = data.get(written, [])
        index = next((index for index, other in enumerate(values) if same_value(value, other)), 0)
        return document.mark(("sweep", written), key=True), document.mark(("sweep", written, index))
    for index, row in enumerate(data or []):
        for written, other in row.items():
            if short_form(written) == path and same_value(value, other):
                place = ("sweep", index, written)
                return document.mark(place, key=True), document.mark(place)
    return document.mark(place, key=True), document.mark(place)
