"""The comparisons that a scenario asks for, between the points of one run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reports.columns import PointRuns, RunData
from reports.formats import ABSENT, json_number, number
from reports.formats import coordinates as write_coordinates
from reports.intervals import holm
from reports.metrics import Metric, find_metric
from reports.paired import EQUIVALENCE, Finding, paired
from reports.questions import Comparison, Questions, matches


@dataclass(frozen=True)
class Compared:
    """One comparison at one pair of points. `change` is second / first - 1 of the geometric mean."""

    comparison: Comparison
    where: Mapping[str, Any]  # the coordinates that both points share
    points: tuple[int, int] | None
    stat: str
    finding: Finding
    change: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    probability: float = 1.0  # Holm-adjusted, of the finding being wrong
    reason: str = ""

    @property
    def change_text(self) -> str:
        """The change with its interval: `-12.3 % [-14.0, -10.6]`."""
        if self.change is None:
            return ABSENT
        text = f"{_signed(self.change)} %"
        return (
            text
            if self.low is None or self.high is None
            else f"{text} [{_signed(self.low)}, {_signed(self.high)}]"
        )

    @property
    def sides(self) -> str:
        """What is compared: `engine.dispatch: fifo -> critical-path`."""
        item = self.comparison
        return f"{item.path}: {item.first} → {item.second}"

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        item = self.comparison
        return {
            "id": item.id,
            "metric": item.metric,
            "stat": self.stat,
            "path": item.path,
            "first": item.first,
            "second": item.second,
            "where": dict(self.where),
            "points": None if self.points is None else list(self.points),
            "finding": self.finding.value,
            "change_percent": json_number(None if self.change is None else self.change * 100),
            "low_percent": json_number(None if self.low is None else self.low * 100),
            "high_percent": json_number(None if self.high is None else self.high * 100),
            "n": self.n,
            "probability": json_number(self.probability),
            "equivalence_percent": EQUIVALENCE * 100,
            "reason": self.reason,
        }


def _signed(change: float) -> str:
    text = number(change * 100)
    return text if text.startswith("-") or text == "0" else f"+{text}"


def compare_all(questions: Questions, run: RunData) -> tuple[Compared, ...]:
    """Make every comparison at every pair of points; Holm over all of them together."""
    compared = [item for comparison in questions.comparisons for item in _pairs(comparison, questions, run)]
    tested = [index for index, item in enumerate(compared) if item.n > 1]
    for index, probability in zip(tested, holm([compared[i].probability for i in tested]), strict=True):
        item = compared[index]
        if item.finding is not Finding.INCONCLUSIVE and probability > questions.alpha:
            item = replace(item, finding=Finding.INCONCLUSIVE, reason="undecided after Holm's correction")
        compared[index] = replace(item, probability=probability)
    return tuple(compared)


def _pairs(comparison: Comparison, questions: Questions, run: RunData) -> list[Compared]:
    metric = find_metric(comparison.metric)
    stat = comparison.stat or "mean"
    here = [point for point in questions.points if matches(comparison.where, point[1])]
    found = []
    for index, coordinates in here:
        if comparison.path not in coordinates or coordinates[comparison.path] != comparison.first:
            continue
        wanted = {**coordinates, comparison.path: comparison.second}
        other = next((number for number, others in here if dict(others) == wanted), None)
        if metric is None or other is None:
            continue
        shared = {path: value for path, value in coordinates.items() if path != comparison.path}
        blank = Compared(comparison, shared, (index, other), stat, Finding.NO_DATA)
        found.append(_compare(blank, metric, run.point(index), run.point(other), questions.alpha))
    if found:
        return found
    reason = (
        f"there is no metric {comparison.metric!r}"
        if metric is None
        else "the sweep holds no such pair of points"
    )
    return [Compared(comparison, dict(comparison.where), None, stat, Finding.NO_DATA, reason=reason)]


def _compare(
    blank: Compared, metric: Metric, first: PointRuns | None, second: PointRuns | None, alpha: float
) -> Compared:
    effect = paired(metric, blank.stat, first, second, alpha)
    nowhere = effect.finding is Finding.NO_DATA
    return replace(
        blank,
        finding=effect.finding,
        change=effect.change,
        low=effect.low,
        high=effect.high,
        n=effect.n,
        probability=effect.probability,
        reason=effect.reason + (_place(blank) if nowhere else ""),
    )


def _place(item: Compared) -> str:
    return f" (at {write_coordinates(item.where)})" if item.where else ""
