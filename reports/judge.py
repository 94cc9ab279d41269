"""Judging targets: bounds at the error that the looks leave over, against limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.columns import Floats, PointRuns, RunData, Settling
from reports.detectable import Detectable, of_bootstrap, of_every, of_mean, of_share
from reports.estimates import Estimate, estimate, samples, value_of, why_nothing
from reports.formats import SURVIVORS, interval, number, percent, quantity, scaled
from reports.intervals import Bounds, quantile, share_bounds, shares_bounds
from reports.looks import passing_looks, replications_needed
from reports.metrics import Metric, find_metric
from reports.questions import Questions, Target, matches
from reports.verdicts import Verdict, decide, margin, worst


@dataclass(frozen=True)
class Judgement:
    """One target at one point. `value` is what was judged, `reached` the metric's own value behind it."""

    target: Target
    unit: str  # of the metric
    point: int | None
    coordinates: Mapping[str, Any]
    verdict: Verdict
    stat: str = ""  # "attainment" or the stat that was judged
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: str = "none"
    error: float = 0.0  # of each bound
    reached: float | None = None
    margin: float | None = None
    reason: str = ""
    infeasible: bool = False
    partial: bool = False  # the value is a mean of only those that completed
    detectable: Detectable | None = None  # the smallest violation that it would have found

    @property
    def value_unit(self) -> str:
        """The unit of what was judged."""
        return "ratio" if self.stat == "attainment" else self.unit

    @property
    def value_text(self) -> str:
        """The value that was judged, with unit and bounds."""
        text = quantity(self.value, self.value_unit) + (SURVIVORS if self.partial else "")
        bounds = interval(self.low, self.high, self.value_unit)
        return f"{text} {bounds}" if bounds else text

    @property
    def limit_text(self) -> str:
        """The limit in words: `95 % within ≤ 30 s`, `mean ≤ 30 s`."""
        parts = [] if self.target.minimum is None else [f"≥ {quantity(self.target.minimum, self.unit)}"]
        if self.target.maximum is not None:
            parts.append(f"≤ {quantity(self.target.maximum, self.unit)}")
        if self.target.attainment is not None:
            return f"{quantity(self.target.attainment, 'ratio')} of them {' and '.join(parts)}"
        stat = "every one" if self.stat in ("min", "max") else self.stat
        return f"{stat} {' and '.join(parts)}".strip()

    @property
    def reached_text(self) -> str:
        """The metric's value at the attainment asked, or the stat itself."""
        return quantity(self.reached, self.unit)


@dataclass(frozen=True)
class TargetResult:
    """A target over all its points."""

    target: Target
    judgements: tuple[Judgement, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its points."""
        return worst([item.verdict for item in self.judgements])

    @property
    def worst(self) -> Judgement:
        """The point that decides: of the worst verdict, the smallest margin."""
        candidates = [item for item in self.judgements if item.verdict is self.verdict]
        return min(candidates, key=lambda item: np.inf if item.margin is None else item.margin)


def judge_targets(questions: Questions, run: RunData) -> tuple[TargetResult, ...]:
    """Judge every target at every point that it selects."""
    return tuple(
        TargetResult(target=target, judgements=tuple(_judgements(target, questions, run)))
        for target in questions.targets
    )


def _judgements(target: Target, questions: Questions, run: RunData) -> list[Judgement]:
    metric = find_metric(target.metric)
    if metric is None:
        reason = f"there is no metric {target.metric!r}"
        return [Judgement(target, "", None, dict(target.where), Verdict.NO_DATA, reason=reason)]
    chosen = [point for point in questions.points if matches(target.where, point[1])]
    if not chosen:
        reason = "no point of the sweep lies where this target looks"
        return [Judgement(target, metric.unit, None, dict(target.where), Verdict.NO_DATA, reason=reason)]
    return [judge(target, metric, index, coordinates, questions, run) for index, coordinates in chosen]


def judge(
    target: Target,
    metric: Metric,
    index: int,
    coordinates: Mapping[str, Any],
    questions: Questions,
    run: RunData,
) -> Judgement:
    """Judge one target at one point."""
    point = run.point(index)
    blank = Judgement(target, metric.unit, index, coordinates, Verdict.NO_DATA)
    proof = _infeasible(target, index, run)
    if proof is not None:
        return _with(blank, verdict=Verdict.FAIL, infeasible=True, reason=proof)
    settling = None if point is None else point.settling
    if settling is not None and not settling.has_numbers:
        return _unsettled(blank, metric, settling)
    groups = samples(metric, point)
    if point is None or not groups:
        return _with(blank, reason=why_nothing(metric, point))
    if target.attainment is not None:
        result = _attainment(blank, target.attainment, _units(target, groups), questions)
    else:
        result = _stat(blank, metric, point, groups, questions)
    if result.verdict is Verdict.PASS and result.n < questions.replications_min:
        reason = f"{result.n} of at least {questions.replications_min} replications were recorded"
        return _with(result, verdict=Verdict.INCONCLUSIVE, reason=reason)
    if settling is not None and settling.status == "short":
        return _with(result, verdict=Verdict.INCONCLUSIVE, reason=settling.reason)
    return result


def _unsettled(blank: Judgement, metric: Metric, settling: Settling) -> Judgement:
    """Without a steady state there is no number; but a queue that grows misses any limit on a time."""
    if settling.status == "unsettled":
        return _with(blank, verdict=Verdict.INCONCLUSIVE, reason=settling.reason)
    missed = metric.unit == "s" and blank.target.maximum is not None
    return _with(blank, verdict=Verdict.FAIL if missed else Verdict.NO_DATA, reason=settling.reason)


def _units(target: Target, groups: list[Floats]) -> list[Floats]:
    """Return what an attainment counts: the values, or with a stat that stat of each replication."""
    if target.stat in (None, "per-execution"):
        return groups
    return [np.array([value_of(target.stat, group)]) for group in groups]


def _with(item: Judgement, **changes: Any) -> Judgement:
    return Judgement(**{**{name: getattr(item, name) for name in item.__dataclass_fields__}, **changes})


def _infeasible(target: Target, index: int, run: RunData) -> str | None:
    for entry in run.infeasible:
        if entry.get("target") == target.id and entry.get("point") in (None, index):
            return str(entry.get("because") or "a lower bound lies beyond the limit")
    return None


def _within(values: Floats, target: Target) -> Floats:
    inside = np.isfinite(values)  # what failed is never within, whatever the limit
    if target.maximum is not None:
        inside &= values <= target.maximum
    if target.minimum is not None:
        inside &= values >= target.minimum
    return inside.astype(np.float64)


def _attainment(blank: Judgement, attainment: float, groups: list[Floats], questions: Questions) -> Judgement:
    target = blank.target
    n = len(groups)
    shares = np.array([_within(group, target).mean() for group in groups])
    passing = passing_looks(questions.looks, attainment, questions.alpha)
    may_pass = n in passing
    error = questions.alpha / (len(passing) if may_pass else len(questions.looks))
    fail_error = questions.alpha / len(questions.looks)
    if all(len(group) == 1 for group in groups):
        low, method = share_bounds(float(shares.sum()), n, error), "exact"
        high = share_bounds(float(shares.sum()), n, fail_error)
    else:
        low, method = shares_bounds(shares, error)
        high, _ = shares_bounds(shares, fail_error)
    values = np.concatenate(groups)
    if attainment >= 1:
        verdict, reason = _every_one(groups, target, questions)
    else:
        verdict, reason = _attained(low.low, high.high, attainment, may_pass=may_pass), ""
    if verdict is Verdict.INCONCLUSIVE:
        reason = _why_open(n, attainment, passing, questions)
    found: Detectable | None
    if attainment >= 1:
        found = Detectable(of_every(n), "ratio", "misses", upper=True)
    else:
        found = _share_found(attainment, high, method, n, fail_error)
    level = 1 - attainment if target.maximum is None else attainment
    reached = quantile(values, max(level, 1e-6)) if len(values) else None
    return _with(
        blank,
        verdict=verdict,
        stat="attainment",
        value=float(shares.mean()),
        low=low.low,
        high=high.high,
        n=n,
        method=method,
        error=error,
        reached=reached,
        margin=margin(reached, target.minimum, target.maximum),
        reason=reason,
        detectable=found,
    )


def _share_found(attainment: float, bounds: Bounds, method: str, n: int, error: float) -> Detectable | None:
    value: float | None
    if method == "t" and bounds.high is not None:
        reach = bounds.high - bounds.value
        value = of_mean(attainment, -reach, reach, n, error, upper=False)
    else:
        value = of_share(attainment, n, error)
    return None if value is None else Detectable(max(value, 0.0), "ratio", "share", upper=False)


def _every_one(groups: list[Floats], target: Target, questions: Questions) -> tuple[Verdict, str]:
    """One counterexample disproves "every one"; none seen is all that can be seen, and shows only a share."""
    values = np.concatenate(groups)
    misses = len(values) - int(_within(values, target).sum())
    if misses:
        return Verdict.FAIL, f"{misses} of {len(values)} values are beyond the limit"
    n = len(groups)
    shown = quantity(share_bounds(n, n, questions.alpha / len(questions.looks)).low, "ratio")
    seen = f"{n} replications" if len(values) == n else f"{len(values)} values in {n} replications"
    return Verdict.PASS, (
        f"none of {seen} seen misses; that shows at least {shown} of replications without a miss, "
        f"at {percent(questions.confidence)} confidence"
    )


def _attained(low: float | None, high: float | None, attainment: float, *, may_pass: bool) -> Verdict:
    verdict = decide(low, high, attainment, None)
    return Verdict.INCONCLUSIVE if verdict is Verdict.PASS and not may_pass else verdict


def _why_open(n: int, attainment: float, passing: tuple[int, ...], questions: Questions) -> str:
    if not passing:
        needed = replications_needed(attainment, questions.alpha)
        least = (
            "no number of replications shows" if needed is None else f"at least {needed} replications show"
        )
        asked = quantity(attainment, "ratio")
        return f"{least} an attainment of {asked}; the experiment stops at {questions.looks[-1]}"
    if n < passing[0]:
        return f"needs {passing[0]} replications, there are {n}"
    return f"the bounds hold the {quantity(attainment, 'ratio')} asked"


def _stat(
    blank: Judgement, metric: Metric, point: PointRuns, groups: list[Floats], questions: Questions
) -> Judgement:
    target = blank.target
    stat = target.stat or metric.default_stat
    if stat == "mean" and metric.bound is not None and metric.bound in (target.minimum, target.maximum):
        stat = metric.default_stat  # a mean at the best value there can be is every value there
    error = questions.alpha / len(questions.looks)
    found = estimate(metric, stat, point, error)
    bounds = Bounds(found.value if found.value is not None else np.nan, found.low, found.high)
    if stat in ("min", "max"):
        verdict, reason = _every_one(groups, target, questions)
    else:
        verdict, reason = _judged(metric, bounds, target, found.note)
    if found.left_out:  # how long the rest would have taken, nobody knows
        verdict = Verdict.INCONCLUSIVE if verdict is Verdict.PASS else verdict
        reason = found.note
    return _with(
        blank,
        verdict=verdict,
        stat=stat,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        method=found.method,
        error=error,
        reached=found.value,
        margin=margin(found.value, target.minimum, target.maximum),
        reason=reason,
        partial=found.partial,
        detectable=_stat_found(target, found, stat, error),
    )


def _stat_found(target: Target, found: Estimate, stat: str, error: float) -> Detectable | None:
    """Return the power of a judged stat; of its limits the upper one, if it has both."""
    if stat in ("min", "max"):
        return Detectable(of_every(found.n), "ratio", "misses", upper=True)
    limit, upper = (target.minimum, False) if target.maximum is None else (target.maximum, True)
    if limit is None or found.value is None or found.low is None or found.high is None:
        return None
    value: float | None
    if found.method == "pooled":
        bound = found.low if upper else found.high
        value = of_bootstrap(limit, found.value, bound, error, upper=upper)
    else:
        value = of_mean(limit, found.low, found.high, found.n, error, upper=upper)
    return None if value is None else Detectable(value, found.unit, stat, upper)


def _judged(metric: Metric, bounds: Bounds, target: Target, note: str) -> tuple[Verdict, str]:
    limits = (target.minimum, target.maximum)
    if bounds.value == np.inf:
        return (Verdict.FAIL if target.maximum is not None else Verdict.INCONCLUSIVE), note
    verdict = decide(bounds.low, bounds.high, *limits)
    if verdict is not Verdict.INCONCLUSIVE:
        return verdict, ""
    if bounds.low is None:
        return verdict, note or "one replication has no interval"
    limit = number(scaled(target.maximum if target.maximum is not None else target.minimum, metric.unit))
    return verdict, f"the bounds hold the limit {limit}"
