"""Anything compared with anything: two runs, baselines or settings, at the points that both have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from reports.baseline import BaselinePoint, Series
from reports.difference import Difference, differences, shortened
from reports.estimates import Estimate
from reports.exits import NO_DATA, ExitCause, exit_code
from reports.fingerprint import changed
from reports.formats import coordinates as write_coordinates
from reports.formats import json_number
from reports.intervals import holm, mean_bounds
from reports.paired import EQUIVALENCE, Finding, PairedEffect, effect_of
from reports.phrases_gate import percent_change, value_text

# What is compared where nothing is asked for, as far as both sides have it.
USUAL: Final = (
    ("makespan", "mean"),
    ("execution_duration", "mean"),
    ("execution_duration", "p95"),
    ("executions_per_second", "mean"),
    ("executions_completed_ratio", "mean"),
    ("client_requests_count", "mean"),
)


@dataclass(frozen=True)
class Side:
    """One of the two that are compared."""

    name: str
    points: tuple[BaselinePoint, ...]
    configuration: Mapping[str, Any]
    fingerprint: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """One stat of one metric at one point."""

    metric: str
    stat: str
    coordinates: Mapping[str, Any]
    effect: PairedEffect
    before: Estimate | None = None
    after: Estimate | None = None

    @property
    def change_text(self) -> str:
        """The change with its interval."""
        text = percent_change(self.effect.change)
        if self.effect.low is None or self.effect.high is None:
            return text
        low, high = (percent_change(it).removesuffix(" %") for it in (self.effect.low, self.effect.high))
        return f"{text} [{low}, {high}]"

    @property
    def finding_text(self) -> str:
        """What is shown, in words."""
        if self.effect.finding in (Finding.LOWER, Finding.HIGHER):
            return f"{self.effect.finding.value} by more than {EQUIVALENCE * 100:g} %"
        if self.effect.finding is Finding.EQUIVALENT:
            return "the same" if self.effect.change == 0 else f"equivalent (within {EQUIVALENCE * 100:g} %)"
        return self.effect.finding.value

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        found = self.effect
        shares = {"change": found.change, "low": found.low, "high": found.high}
        percents = {
            f"{key}_percent": json_number(None if value is None else value * 100)
            for key, value in shares.items()
        }
        return {
            "metric": self.metric,
            "stat": self.stat,
            "coordinates": dict(self.coordinates),
            "finding": found.finding.value,
            **percents,
            "change": self.change_text,
            "n": found.n,
            "probability": json_number(found.probability),
            "differs": found.low is not None and found.high is not None and not found.low <= 0 <= found.high,
            "before": None
            if self.before is None
            else {**self.before.to_json(), "text": value_text(self.before)},
            "after": None if self.after is None else {**self.after.to_json(), "text": value_text(self.after)},
            "reason": found.reason,
        }


@dataclass(frozen=True)
class Comparing:
    """What came of it."""

    first: Side
    second: Side
    confidence: float
    rows: tuple[Row, ...]
    only_first: tuple[Mapping[str, Any], ...]  # points that the other side lacks
    only_second: tuple[Mapping[str, Any], ...]
    configuration: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    causes: tuple[ExitCause, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        shown, more = shortened(self.configuration)
        return {
            "schema": 1,
            "first": self.first.name,
            "second": self.second.name,
            "confidence": self.confidence,
            "equivalence_percent": EQUIVALENCE * 100,
            "exit_code": exit_code(self.causes),
            "causes": [{"code": it.code, "name": it.name, "message": it.message} for it in self.causes],
            "rows": [row.to_json() for row in self.rows],
            "only_first": [dict(point) for point in self.only_first],
            "only_second": [dict(point) for point in self.only_second],
            "configuration": {"differences": [item.to_json() for item in shown], "more": more},
            "environment": [item.to_json() for item in self.environment],
        }


def compare_sides(
    first: Side,
    second: Side,
    confidence: float,
    asked: Sequence[tuple[str, str]] = (),
    varied: Sequence[str] = (),
) -> Comparing:
    """Compare point by point, replication by replication; Holm over all rows.

    `varied` are paths in which the sides are meant to differ: points need not agree in them.
    """
    alpha = 1 - confidence
    pairs, only_first, only_second = _matched(first.points, second.points, varied)
    rows = [
        row
        for coordinates, before, after in pairs
        for metric, stat in asked or USUAL
        if (row := _row(metric, stat, coordinates, (before, after), alpha, usual=not asked)) is not None
    ]
    found = _corrected(rows, alpha)
    return Comparing(
        first=first,
        second=second,
        confidence=confidence,
        rows=found,
        only_first=only_first,
        only_second=only_second,
        configuration=differences(first.configuration, second.configuration),
        environment=changed(first.fingerprint, second.fingerprint),
        causes=_causes(found, asked),
    )


Pair = tuple[Mapping[str, Any], BaselinePoint, BaselinePoint]


def _matched(
    first: Sequence[BaselinePoint], second: Sequence[BaselinePoint], varied: Sequence[str]
) -> tuple[list[Pair], tuple[Mapping[str, Any], ...], tuple[Mapping[str, Any], ...]]:
    def shared(point: BaselinePoint) -> dict[str, Any]:
        return {path: value for path, value in point.coordinates.items() if path not in varied}

    if len(first) == len(second) == 1:  # there is nothing to mistake
        return [(shared(second[0]), first[0], second[0])], (), ()
    pairs: list[Pair] = []
    taken: list[int] = []
    for before in first:
        number = next(
            (at for at, after in enumerate(second) if at not in taken and shared(after) == shared(before)),
            None,
        )
        if number is not None:
            taken.append(number)
            pairs.append((shared(before), before, second[number]))
    matched = [before for _, before, _ in pairs]
    return (
        pairs,
        tuple(point.coordinates for point in first if point not in matched),
        tuple(point.coordinates for at, point in enumerate(second) if at not in taken),
    )


def _row(
    metric: str,
    stat: str,
    coordinates: Mapping[str, Any],
    points: tuple[BaselinePoint, BaselinePoint],
    alpha: float,
    *,
    usual: bool,
) -> Row | None:
    before, after = (point.find(metric, stat) for point in points)
    if before is None or after is None:
        if usual:
            return None
        side = "first" if before is None else "second"
        reason = f"the {side} side has no {metric} {stat}"
        return Row(metric, stat, coordinates, PairedEffect(Finding.NO_DATA, reason=reason))
    values = [
        dict(zip(point.replications, it.values, strict=True))
        for point, it in zip(points, (before, after), strict=True)
    ]
    common = [number for number in values[0] if number in values[1]]
    effect = effect_of([(values[0][number], values[1][number]) for number in common], alpha)
    return Row(metric, stat, coordinates, effect, _estimate(before, alpha), _estimate(after, alpha))


def _estimate(series: Series, alpha: float) -> Estimate | None:
    values = np.array([value for value in series.values if not np.isnan(value)], dtype=np.float64)
    if not len(values):
        return None
    bounds = mean_bounds(values, alpha / 2)
    return Estimate(series.unit, bounds.value, bounds.low, bounds.high, len(values), len(values), "t")


def _corrected(rows: Sequence[Row], alpha: float) -> tuple[Row, ...]:
    tested = [index for index, row in enumerate(rows) if row.effect.n > 1]
    found = list(rows)
    for index, probability in zip(tested, holm([rows[i].effect.probability for i in tested]), strict=True):
        effect = replace(rows[index].effect, probability=probability)
        if effect.finding is not Finding.INCONCLUSIVE and probability > alpha:
            reason = "undecided after Holm's correction"
            effect = replace(effect, finding=Finding.INCONCLUSIVE, reason=reason)
        found[index] = replace(rows[index], effect=effect)
    return tuple(found)


def _causes(rows: Sequence[Row], asked: Sequence[tuple[str, str]]) -> tuple[ExitCause, ...]:
    if not rows:
        what = ", ".join(f"{metric} {stat}" for metric, stat in asked) or "a metric"
        return (ExitCause(NO_DATA, f"the two sides share no point with {what}"),)
    return tuple(
        ExitCause(
            NO_DATA,
            f"{row.metric} {row.stat} at {write_coordinates(row.coordinates)}: {row.effect.reason}",
        )
        for row in rows
        if row.effect.finding is Finding.NO_DATA
    )
