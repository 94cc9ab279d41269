"""Which swept path a figure lays along which axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.focus import focus_index
from reports.formats import coordinate, visible
from reports.line import load_of
from reports.summary import PointSummary, Summary

MOST_SERIES = 6
_MOST_LETTERS = 24


def label(value: Any) -> str:
    """Write a swept value where there is little room."""
    words = visible(coordinate(value))
    return words if len(words) <= _MOST_LETTERS else words[: _MOST_LETTERS - 1] + "…"


@dataclass(frozen=True)
class Axis:
    """A swept path and its values in order; None as path when nothing is swept."""

    path: str | None
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The path as an axis label."""
        names = {"load.burst": "concurrency (executions at once)", "load.closed.users": "concurrency (users)"}
        names |= {"load.open.rate": "offered load", "workflow.steps": "steps a workflow"}
        return names.get(self.path or "", self.path or "")

    @property
    def short(self) -> str:
        """The last word of the path."""
        return (self.path or "").rpartition(".")[2]

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers, or rates."""
        return all(load_of(value) is not None for value in self.values)

    @property
    def _places(self) -> list[float]:
        return [load_of(value) or 0.0 for value in self.values]

    @property
    def logarithmic(self) -> bool:
        """Whether the values span so much that equal ratios should look equal."""
        return (
            self.numeric
            and len(self.values) > 2
            and min(self._places) > 0
            and max(self._places) / min(self._places) >= 10
        )

    def position(self, value: Any) -> float:
        """Return where a value lies on a linear or logarithmic axis; categories lie one after another."""
        return (load_of(value) or 0.0) if self.numeric else float(self.values.index(value))

    def labels(self) -> list[str]:
        """Return the values as tick labels."""
        return [label(value) for value in self.values]


@dataclass(frozen=True)
class Layout:
    """The first axis (concurrency), the second (one series a value), and the points that lie on them."""

    along: Axis
    series: Axis
    points: tuple[PointSummary, ...]
    fixed: dict[str, Any]  # further swept paths, held at the value of the focus point

    def line(self, value: Any) -> list[PointSummary]:
        """Return the points of one series, in order along the first axis."""
        chosen = [
            point
            for point in self.points
            if self.series.path is None or point.coordinates.get(self.series.path) == value
        ]
        if self.along.path is None:
            return chosen
        path = self.along.path
        return sorted(chosen, key=lambda point: self.along.values.index(point.coordinates[path]))

    def at(self, first: Any, second: Any) -> PointSummary | None:
        """Return the point at two values."""
        return next((point for point in self.line(second) if self._first(point) == first), None)

    def _first(self, point: PointSummary) -> Any:
        return None if self.along.path is None else point.coordinates[self.along.path]

    def place(self, point: PointSummary) -> float:
        """Return where a point lies on the first axis."""
        return 0.0 if self.along.path is None else self.along.position(point.coordinates[self.along.path])


def focus_of(summary: Summary) -> PointSummary | None:
    """Return the requirement's point: where the first target that can fail looks; else the last point."""
    known = {point.index: point for point in summary.points}
    index = focus_index(summary.judgements, known)
    return None if index is None else known[index]


def layout_of(summary: Summary) -> Layout:
    """Choose the axes: concurrency first, then steps, otherwise the swept paths in their order."""
    swept = _swept(summary.points)
    along = next((path for path in swept if path.startswith("load.")), None)
    series = next((path for path in swept if path.endswith(".steps") and path != along), None)
    rest = [path for path in swept if path not in (along, series)]
    if along is None and rest:
        along = rest.pop(0)
    if along is None and series is not None:
        along, series = series, None
    if series is None and rest:
        series = rest.pop(0)
    focus = focus_of(summary)
    fixed = {
        path: focus.coordinates[path] for path in rest if focus is not None and path in focus.coordinates
    }
    points = tuple(
        point
        for point in summary.points
        if all(point.coordinates.get(path) == value for path, value in fixed.items())
        and all(path is None or path in point.coordinates for path in (along, series))
    )
    return Layout(_axis(along, points), _axis(series, points), points, fixed)


def _swept(points: Sequence[PointSummary]) -> list[str]:
    paths = dict.fromkeys(path for point in points for path in point.coordinates)
    return [path for path in paths if len({repr(point.coordinates.get(path)) for point in points}) > 1]


def _axis(path: str | None, points: Sequence[PointSummary]) -> Axis:
    if path is None:
        return Axis(None, (None,))
    values = list(dict.fromkeys(point.coordinates[path] for point in points))
    axis = Axis(path, tuple(values))
    return Axis(path, tuple(sorted(values, key=axis.position))) if axis.numeric else axis
