"""Several runs side by side: what each found at the points that they share, and what was different.

The first run is the one that the others are held against. Where replications have the same number, seed and
point they have the same dice, so changes are paired; Holm's correction is over all of them together. Nothing
is judged here: that is for `headroom compare` and `headroom gate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from reports.difference import Difference, differences, shortened
from reports.estimates import Estimate
from reports.formats import json_number, number
from reports.intervals import holm
from reports.metrics import METRICS
from reports.paired import Finding, PairedEffect, paired
from reports.phrases import headline
from reports.summary import MEASURES, PointSummary, Summary

MEASURED: Final = ("makespan", "executions_per_second", "execution_duration_mean", "execution_duration_p95")
RUNS_MAX: Final = 12
_CHANGED: Final = (
    "makespan",
    "executions_per_second",
    "execution_duration_mean",
)  # what pairs give a ratio of


@dataclass(frozen=True)
class Side:
    """One run under the name it is shown by, with the configuration that decided its numbers."""

    name: str
    summary: Summary
    configuration: Mapping[str, Any]

    def point(self, coordinates: Mapping[str, Any]) -> PointSummary | None:
        """Return the point that lies there."""
        return next((it for it in self.summary.points if dict(it.coordinates) == dict(coordinates)), None)


@dataclass(frozen=True)
class Row:
    """One measure at one place: an estimate and a change for each run; None where a run was not there."""

    coordinates: Mapping[str, Any]
    measure: str
    estimates: tuple[Estimate | None, ...]
    changes: tuple[PairedEffect | None, ...]  # against the first, which has none


@dataclass(frozen=True)
class Beside:
    """Runs side by side."""

    sides: tuple[Side, ...]
    rows: tuple[Row, ...]
    differing: tuple[tuple[Difference, ...], ...]  # of each run from the first
    alpha: float


def beside(sides: Sequence[Side]) -> Beside:
    """Lay runs side by side, the first one first."""
    first = sides[0]
    alpha = first.summary.questions.alpha
    places = [dict(point.coordinates) for side in sides for point in side.summary.points]
    unique = [place for at, place in enumerate(places) if place not in places[:at]]
    rows = [_row(sides, place, measure, alpha) for place in unique for measure in MEASURED]
    return Beside(
        sides=tuple(sides),
        rows=_corrected(rows, alpha),
        differing=tuple(differences(first.configuration, side.configuration) for side in sides),
        alpha=alpha,
    )


def _row(sides: Sequence[Side], place: Mapping[str, Any], measure: str, alpha: float) -> Row:
    points = [side.point(place) for side in sides]
    return Row(
        coordinates=place,
        measure=measure,
        estimates=tuple(None if point is None else point.estimates[measure] for point in points),
        changes=(None, *(_change(sides, points, at, measure, alpha) for at in range(1, len(sides)))),
    )


def _change(
    sides: Sequence[Side], points: Sequence[PointSummary | None], at: int, measure: str, alpha: float
) -> PairedEffect | None:
    before, after = points[0], points[at]
    if before is None or after is None or measure not in _CHANGED:
        return None
    metric, stat = MEASURES[measure]
    runs = (sides[0].summary.run.point(before.index), sides[at].summary.run.point(after.index))
    return paired(METRICS[metric], stat, *runs, alpha)


def _corrected(rows: Sequence[Row], alpha: float) -> tuple[Row, ...]:
    """Correct the findings of all changes together."""
    tested = [
        (at, side)
        for at, row in enumerate(rows)
        for side, change in enumerate(row.changes)
        if change is not None and change.n > 1
    ]
    changes = [list(row.changes) for row in rows]
    probabilities = holm([_known(changes[at][side]).probability for at, side in tested])
    for (at, side), probability in zip(tested, probabilities, strict=True):
        change = _known(changes[at][side])
        if change.finding is not Finding.INCONCLUSIVE and probability > alpha:
            reason = "undecided after Holm's correction"
            change = replace(change, finding=Finding.INCONCLUSIVE, reason=reason)
        changes[at][side] = replace(change, probability=probability)
    return tuple(replace(row, changes=tuple(new)) for row, new in zip(rows, changes, strict=True))


def _known(change: PairedEffect | None) -> PairedEffect:
    assert change is not None
    return change


def change_text(change: PairedEffect | None) -> str:
    """Write a change with its interval and n: `-12.3 % [-14.0, -10.6] n=10`; empty where there is none."""
    if change is None or change.change is None:
        return ""
    low, high = change.low, change.high
    bounds = "" if low is None or high is None else f" [{_signed(low)}, {_signed(high)}]"
    return f"{_signed(change.change)} %{bounds} n={change.n}"


def _signed(change: float) -> str:
    text = number(change * 100)
    return text if text.startswith("-") or text == "0" else f"+{text}"


def beside_json(found: Beside) -> dict[str, Any]:
    """Return it as JSON values."""
    return {
        "schema": 1,
        "confidence": json_number(1 - found.alpha),
        "runs": [
            {
                "name": side.name,
                "scenario": side.summary.questions.name,
                "verdict": headline(side.summary),
                "exit_code": side.summary.exit_code,
                "differences": [item.to_json() for item in shortened(differing)[0]],
                "differences_more": shortened(differing)[1],
            }
            for side, differing in zip(found.sides, found.differing, strict=True)
        ],
        "rows": [_row_json(row) for row in found.rows],
    }


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "coordinates": dict(row.coordinates),
        "measure": row.measure,
        "estimates": [None if it is None else it.to_json() for it in row.estimates],
        "changes": [None if it is None else _change_json(it) for it in row.changes],
    }


def _change_json(change: PairedEffect) -> dict[str, Any]:
    shares = {"change": change.change, "low": change.low, "high": change.high}
    percents = {
        f"{name}_percent": json_number(None if it is None else it * 100) for name, it in shares.items()
    }
    finding = {"finding": change.finding.value, "probability": json_number(change.probability)}
    return {**percents, "n": change.n, **finding, "reason": change.reason, "text": change_text(change)}
