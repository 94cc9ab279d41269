"""The laws of performance put to a run: for every line of its sweep the fits, the bounds and the knee.

`curves(summary)` is all that documents need. Where a law does not apply it says why, in words.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reports.columns import Floats
from reports.estimates import Estimate
from reports.formats import json_number, number
from reports.knee import kneedle
from reports.laws import Bounds, Usl, read_bounds, read_usl
from reports.line import THROUGHPUT, Line, Reading, lines_of
from reports.queue_laws import read_erlang, read_mva

if TYPE_CHECKING:
    from reports.summary import Summary

CURVES_MAX: Final = 50  # lines that are put to the laws; a sweep may have thousands
AGREE: Final = 2.0  # ratio of the methods' answers up to which they name one knee


@dataclass(frozen=True)
class Knee:
    """Where the line bends, by each method that found a knee among the loads measured; and in words."""

    words: str
    methods: dict[str, Estimate]


@dataclass(frozen=True, eq=False)
class Curve:
    """A line, what the laws say of it, and its knee."""

    line: Line
    usl: Reading
    bounds: Reading
    mva: Reading
    erlang: Reading
    knee: Knee

    @property
    def readings(self) -> tuple[Reading, ...]:
        """All laws, those that say nothing included."""
        return (self.usl, self.bounds, self.mva, self.erlang)

    @cached_property
    def throughput(self) -> tuple[Estimate, ...]:
        """The measured throughputs, by rising load."""
        return tuple(point.estimates[THROUGHPUT] for point in self.line.points)

    def to_json(self) -> dict[str, Any]:
        """Return the curve as JSON values."""
        return {
            "axis": self.line.axis,
            "kind": self.line.kind,
            "held": dict(self.line.held),
            "points": [
                {"point": point.index, "load": json_number(load), "throughput": found.to_json()}
                for point, load, found in zip(self.line.points, self.line.loads, self.throughput, strict=True)
            ],
            "knee": {
                "words": self.knee.words,
                "methods": {name: found.to_json() for name, found in self.knee.methods.items()},
            },
            "laws": [reading.to_json() for reading in self.readings],
        }


def curves(summary: "Summary") -> tuple[Curve, ...]:
    """Return the curves of a run's sweep, the first `CURVES_MAX` of them; none where no load was swept."""
    return tuple(_curve(line) for line in lines_of(summary)[:CURVES_MAX])


def _curve(line: Line) -> Curve:
    usl, bounds = read_usl(line), read_bounds(line)
    return Curve(
        line=line,
        usl=usl.reading,
        bounds=bounds.reading,
        mva=read_mva(line, bounds),
        erlang=read_erlang(line),
        knee=_knee(line, usl, bounds),
    )


def _knee(line: Line, usl: Usl, bounds: Bounds) -> Knee:
    found = {
        "kneedle": _by_shape(line),
        "usl": _by_law(usl),
        "asymptotes": _by_bounds(line, bounds),
    }
    return Knee(_knee_words(line, found), {name: item for name, item in found.items() if item is not None})


def _by_shape(line: Line) -> Estimate | None:
    at = kneedle(line.loads, tuple(map(float, line.throughputs)))
    if at is None:
        return None
    drawn = [kneedle(line.loads, tuple(map(float, row))) for row in line.drawn]
    return line.resampling.estimate("count", at, _or_beyond(drawn))


def _or_beyond(drawn: list[float | None]) -> Floats:
    return np.array([np.inf if at is None else at for at in drawn], dtype=np.float64)


def _by_law(usl: Usl) -> Estimate | None:
    return None if usl.fit is None else usl.reading.values.get("peak_load")


def _by_bounds(line: Line, bounds: Bounds) -> Estimate | None:
    found = bounds.reading.values.get("knee")
    if found is None or bounds.knees is None or not _inside(line, found.value):
        return None
    drawn = np.where(bounds.knees > line.loads[-1], np.inf, bounds.knees)
    return line.resampling.estimate(found.unit, found.value or 0.0, drawn)


def _inside(line: Line, load: float | None) -> bool:
    return load is not None and line.loads[0] <= load <= line.loads[-1]


_SHORT: Final = {
    "kneedle": "bend of the curve",
    "asymptotes": "meeting of the bounds",
    "usl": "peak of the fitted law",
}


def _knee_words(line: Line, found: dict[str, Estimate | None]) -> str:
    """Say where the line bends, by its shape and by its bounds, and where it peaks by the law."""
    each = "; ".join(
        f"{words}: {'none in the range measured' if (item := found[name]) is None else item.full}"
        for name, words in _SHORT.items()
    )
    bends = [item.value for name in ("kneedle", "asymptotes") if (item := found[name]) and item.value]
    if not bends:
        peak = found["usl"]
        if peak is None:
            return f"no knee in the range measured, {number(line.loads[0])} to {number(line.loads[-1])}"
        return f"no knee by bend or bounds, but a peak ({each})"
    low, high = min(bends), max(bends)
    where = number(low) if low == high else f"{number(low)} to {number(high)}"
    if len(bends) == 1:
        return f"a knee at {where} by one method of two ({each})"
    return f"{'the knee lies at' if high <= AGREE * low else 'the methods disagree:'} {where} ({each})"
