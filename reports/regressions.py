"""Regressions: what a rule says of one point, from values before and after, replication by replication.

Paired t on log ratios, two-sided. FAIL if the mean lies beyond the margin (Holm over all rules and points),
PASS if the whole interval lies inside it, INCONCLUSIVE otherwise. Pairs of which one side has no ratio (an
execution that completed before and does not now, a count that was 0) are judged by how many went which way:
the exact sign test. Whatever cannot be compared is NO_DATA, and never passes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np

from reports.columns import Floats
from reports.estimates import Estimate
from reports.intervals import holm, mean_bounds, t_tail
from reports.power import as_share, detectable, reshuffled
from reports.verdicts import Verdict
from scenarios.regression_schema import Rule, Waiver

_LESS_IS_WORSE: Final = ("executions_completed_ratio", "executions_active_max")
_RATES: Final = ("1/s", "1/min")


@dataclass(frozen=True)
class Regression:
    """One rule at one point. `change` is after / before - 1 of the geometric mean, as are its bounds."""

    rule: Rule
    unit: str
    coordinates: Mapping[str, Any]
    verdict: Verdict
    reason: str = ""
    change: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    toward: int = 0  # 1: rather up, -1: rather down
    probability: float = 1.0  # of seeing this if nothing were beyond the margin; Holm-adjusted
    before: Estimate | None = None
    after: Estimate | None = None
    equal: int = 0  # pairs whose two values are the same to the last digit
    detectable: float | None = None  # the smallest regression found with 95 % power, as a share
    detectable_reshuffled: float | None = None  # the same, should a change give every replication other dice
    waiver: Waiver | None = None  # that holds today

    @property
    def waived(self) -> bool:
        """Whether a waiver keeps it from failing."""
        return self.waiver is not None and self.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)

    @property
    def sign(self) -> int:
        """1 where more is worse, -1 where less is."""
        return sign_of(self.rule.metric, self.unit)

    @property
    def finding(self) -> str:
        """In one word what is shown: worse, better, within, or nothing."""
        if self.verdict is Verdict.PASS:
            return "the same" if self.n and self.equal == self.n else "within the margin"
        if self.verdict is Verdict.FAIL:
            return "worse" if self.toward == self.sign else "better beyond belief"
        return "no data" if self.verdict is Verdict.NO_DATA else "undecided"

    @property
    def edges(self) -> tuple[float, float]:
        """The margin as changes: the least and the greatest that pass."""
        low, high = edges(self.rule, self.sign)
        return round(math.expm1(low), 12), round(math.expm1(high), 12)


def sign_of(metric: str, unit: str) -> int:
    """Return 1 where more is worse (times, counts, costs), -1 where less is (throughputs, completion)."""
    return -1 if unit in _RATES or metric in _LESS_IS_WORSE else 1


def edges(rule: Rule, sign: int) -> tuple[float, float]:
    """Return the margin of a rule in log ratios."""
    if sign > 0:
        return math.log1p(-rule.better_than), math.log1p(rule.worse_than)
    worst = math.log1p(-rule.worse_than) if rule.worse_than < 1 else -math.inf
    return worst, math.log1p(rule.better_than)


def judge_pairs(
    blank: Regression, before: Sequence[float], after: Sequence[float], alpha: float
) -> Regression:
    """Judge one rule at one point, before Holm: values of the same replications, in the same order.

    NaN is a value that there is not, infinity that of an execution which never completed.
    """
    pairs = list(zip(before, after, strict=True))
    lost = sum(math.isnan(b) for a, b in pairs if not math.isnan(a))
    known = [(a, b) for a, b in pairs if not math.isnan(a) and not math.isnan(b)]
    if lost:
        return replace(
            blank, reason=f"{lost} of {len(pairs)} replications have no value any more", n=len(known)
        )
    if not known:
        return replace(blank, reason="the baseline has no value here" if pairs else "nothing to compare")
    sides = [np.array(side, dtype=np.float64) for side in zip(*known, strict=True)]
    found = replace(
        blank,
        n=len(known),
        before=_mean(sides[0], blank.unit, alpha),
        after=_mean(sides[1], blank.unit, alpha),
        equal=sum(a == b for a, b in known),
    )
    leaps = [b > a for a, b in known if a != b and not _has_ratio(a, b)]
    if leaps:
        return _leaps(found, leaps, alpha)
    logs = np.array([0.0 if a == b else math.log(b / a) for a, b in known], dtype=np.float64)
    return _ratios(found, logs, sides, alpha)


def _has_ratio(a: float, b: float) -> bool:
    return math.isfinite(a) and math.isfinite(b) and a > 0 and b > 0


def _mean(values: Floats, unit: str, alpha: float) -> Estimate:
    if not np.all(np.isfinite(values)):
        never = int(np.sum(~np.isfinite(values)))
        note = f"in {never} of {len(values)} replications an execution never completed"
        return Estimate(unit, math.inf, None, None, len(values), len(values), "none", note)
    bounds = mean_bounds(values, alpha / 2)
    return Estimate(unit, bounds.value, bounds.low, bounds.high, len(values), len(values), "t")


def _leaps(found: Regression, up: Sequence[bool], alpha: float) -> Regression:
    """Judge pairs of which some have no ratio: by the sign test over those."""
    rises, count = sum(up), len(up)
    more = max(rises, count - rises)
    tail = sum(math.comb(count, k) for k in range(more, count + 1)) / 2**count
    probability = min(1.0, 2 * tail)
    worse = rises if found.sign > 0 else count - rises
    return replace(
        found,
        verdict=Verdict.FAIL if probability <= alpha else Verdict.INCONCLUSIVE,
        change=(math.inf if rises else -1.0) if more == count else None,
        toward=1 if rises == more else -1,
        probability=probability,
        reason=f"{worse} of {found.n} replications got worse beyond any ratio, {count - worse} better",
    )


def _ratios(found: Regression, logs: Floats, sides: Sequence[Floats], alpha: float) -> Regression:
    bounds = mean_bounds(logs, alpha / 2)
    lower, upper = edges(found.rule, found.sign)
    change = math.expm1(bounds.value)
    if bounds.low is None or bounds.high is None:
        return replace(
            found,
            verdict=Verdict.INCONCLUSIVE,
            change=change,
            reason="one pair of replications has no interval",
        )
    spread, n = float(logs.std(ddof=1)), len(logs)
    beyond = min(_tail(bounds.value - upper, spread, n), _tail(lower - bounds.value, spread, n))
    probability = min(1.0, 2 * beyond)
    inside = lower <= bounds.low and bounds.high <= upper
    verdict = Verdict.FAIL if probability <= alpha else Verdict.PASS if inside else Verdict.INCONCLUSIVE
    edge = upper if found.sign > 0 else -lower
    other = reshuffled(sides[0], sides[1])
    return replace(
        found,
        verdict=verdict,
        change=change,
        toward=1 if change > 0 else -1,
        low=math.expm1(bounds.low),
        high=math.expm1(bounds.high),
        probability=probability,
        reason="the interval holds a border of the margin" if verdict is Verdict.INCONCLUSIVE else "",
        detectable=as_share(detectable(edge, spread, n, alpha), found.sign),
        detectable_reshuffled=None
        if other is None
        else as_share(detectable(edge, other, n, alpha), found.sign),
    )


def _tail(distance: float, spread: float, n: int) -> float:
    """Return the probability of lying so far beyond an edge by chance."""
    if math.isinf(distance):
        return 1.0
    if spread == 0:
        return 0.0 if distance > 0 else 1.0
    return t_tail(-distance * math.sqrt(n) / spread, n - 1)


def corrected(rows: Sequence[Regression], alpha: float) -> tuple[Regression, ...]:
    """Correct the failures of all rows together by Holm: a family of rules raises no more false alarms."""
    tested = [index for index, row in enumerate(rows) if row.verdict is not Verdict.NO_DATA]
    found = list(rows)
    for index, probability in zip(tested, holm([rows[i].probability for i in tested]), strict=True):
        row = rows[index]
        if row.verdict is Verdict.FAIL and probability > alpha:
            reason = f"undecided after Holm's correction over {len(tested)} tests"
            row = replace(
                row, verdict=Verdict.INCONCLUSIVE, reason="; ".join(filter(None, [row.reason, reason]))
            )
        found[index] = replace(row, probability=probability)
    return tuple(found)


def waived(rows: Sequence[Regression], waivers: Sequence[Waiver], today: date) -> tuple[Regression, ...]:
    """Give each row the waiver that holds for it; one that has expired holds for nothing, and says so."""
    found = []
    for row in rows:
        own = [waiver for waiver in waivers if waiver.rule == row.rule.id]
        holding = next((waiver for waiver in own if today <= waiver.until), None)
        expired = [waiver for waiver in own if waiver.until < today]
        if holding is None and expired and row.verdict is not Verdict.PASS:
            note = f"its waiver expired on {max(waiver.until for waiver in expired).isoformat()}"
            row = replace(row, reason="; ".join(filter(None, [row.reason, note])))  # noqa: PLW2901 - the same row
        found.append(replace(row, waiver=holding))
    return tuple(found)
