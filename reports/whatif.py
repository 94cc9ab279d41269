"""What would buy more? Each knob turned by its step, on the same dice: what that does to one metric, ranked.

The sample is the replication. A knob's runs are paired with those of the scenario as it is; the interval is
that of the paired t on log ratios, the finding stands after Holm's correction over all knobs tested.
Where executions never complete the metric has no value: then what counts is in how many replications they do
with the knob turned and did not without, and the other way round (an exact sign test on those that differ).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

from reports.bottleneck import bottleneck_of, shares_of, stations_of
from reports.columns import PointRuns, Replication
from reports.estimates import Estimate, estimate, value_of
from reports.formats import number, percent
from reports.intervals import holm
from reports.metrics import Metric, find_metric
from reports.paired import EQUIVALENCE, Finding, PairedEffect, effect_of
from reports.sign_test import sign_test


class Effect(StrEnum):
    """What turning a knob does to the metric."""

    BUYS = "buys"  # better by more than the margin, or lets complete what did not
    WITHIN = "within"  # less than the margin, either way
    SAME = "same"  # the runs are the same, event for event
    COSTS = "costs"  # worse by more than the margin
    UNDECIDED = "undecided"
    NEVER = "never completes"  # turned or not
    NO_DATA = "no data"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Candidate:
    """A knob and its runs; none where it cannot be turned, for a reason."""

    name: str
    change: str
    cost: str
    steps: Mapping[str, str]  # path -> step
    runs: PointRuns | None
    reason: str = ""


@dataclass(frozen=True)
class Question:
    """Which metric is asked for, and which way is better."""

    metric: Metric
    stat: str
    higher_is_better: bool
    alpha: float
    target: str = ""  # whose metric it is

    @classmethod
    def of(
        cls, metric: str, stat: str, alpha: float, target: str = "", *, upwards: bool | None = None
    ) -> "Question":
        """Ask for a metric by name; by itself it is better low if it is a time or counts what went wrong."""
        found = find_metric(metric)
        if found is None:
            raise LookupError(metric)
        rises = found.unit in ("1/s", "1/min") or found.bound == 1
        return cls(found, stat, rises if upwards is None else upwards, alpha, target)

    @property
    def words(self) -> str:
        """The metric and its statistic: `mean makespan`."""
        one_value = self.metric.name not in (
            "execution_duration",
            "execution_start_delay",
            "step_duration",
            "progress_gap",
        )
        return self.metric.name if one_value and self.stat == "mean" else f"{self.stat} {self.metric.name}"


@dataclass(frozen=True)
class Row:
    """One knob's answer. `change` is after / before - 1, with its bounds; ranks begin with 1."""

    candidate: Candidate
    effect: Effect
    after: Estimate | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    probability: float = 1.0  # Holm-adjusted, of the finding being wrong
    rescued: int = 0  # replications that complete with the knob turned only
    lost: int = 0  # replications that complete without only
    bottleneck: str = ""  # what holds the point back then
    rank: int = 0
    tied: bool = False  # not told apart from the one before it
    reason: str = ""

    @property
    def change_text(self) -> str:
        """What it does, with its interval: `-38.4 % [-40.1, -36.3]`."""
        if self.rescued or self.lost:
            return f"completes in {self.rescued} replications more" + (
                f", {self.lost} fewer" if self.lost else ""
            )
        if self.change is None:
            return ""
        text = f"{signed(self.change)} %"
        if self.low is None or self.high is None:
            return text
        return f"{text} [{signed(self.low)}, {signed(self.high)}]"


@dataclass(frozen=True)
class Answer:
    """What would buy more greatest first; then what buys nothing; then what cannot be turned."""

    question: Question
    coordinates: Mapping[str, Any]
    before: Estimate
    n: int  # replications of the point as it is
    bottleneck: str
    causes: tuple[tuple[str, float], ...]  # share of the time, greatest first
    rows: tuple[Row, ...]

    @property
    def bought(self) -> tuple[Row, ...]:
        """The knobs that buy something."""
        return tuple(row for row in self.rows if row.effect is Effect.BUYS)

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        return f"What would buy more? {self._first()}"

    def _first(self) -> str:
        bought = self.bought
        if not bought:
            return self._nothing()
        leaders = [bought[0]]
        for row in bought[1:]:
            if not row.tied:
                break
            leaders.append(row)
        best = leaders[0]
        others = (
            f" ({_listed([row.candidate.name for row in leaders[1:]])}: not told apart from it)"
            if leaders[1:]
            else ""
        )
        effect = f"{self.question.words} {best.change_text}, n={best.n}"
        values = f" ({self.before.marked} → {best.after.marked})" if best.after is not None else ""
        return f"{best.candidate.name}: {best.candidate.change}: {effect}{values}{others}."

    def _nothing(self) -> str:
        undecided = sum(row.effect is Effect.UNDECIDED for row in self.rows)
        tried = sum(row.n > 0 for row in self.rows)
        shown = "is shown to buy" if undecided else "buys"
        text = (
            f"None of {tried} knobs {shown} more than {number(EQUIVALENCE * 100)} % of {self.question.words}"
        )
        if undecided:
            text += f"; {undecided} are undecided"
        greatest = [f"{cause} ({percent(share)})" for cause, share in self.causes[:3]]
        return f"{text}. The time goes to {_listed(greatest)}." if greatest else f"{text}."


def answer(
    question: Question, base: PointRuns, candidates: Sequence[Candidate], coordinates: Mapping[str, Any]
) -> Answer:
    """Rank the knobs by what they do to the metric."""
    error = question.alpha / 2
    rows = _corrected([_row(question, base, candidate) for candidate in candidates], question.alpha)
    shares = shares_of(base, error)
    return Answer(
        question=question,
        coordinates=coordinates,
        before=estimate(question.metric, question.stat, base, error),
        n=len(base.replications),
        bottleneck=_neck(base, error),
        causes=tuple((cause, share.value or 0.0) for cause, share in shares.items()),
        rows=_ranked(question, rows),
    )


def _row(question: Question, base: PointRuns, candidate: Candidate) -> Row:
    runs = candidate.runs
    if runs is None:
        return Row(candidate, Effect.NOT_APPLICABLE, reason=candidate.reason)
    if runs.settling is not None and not runs.settling.has_numbers:
        return Row(candidate, Effect.NO_DATA, n=len(runs.replications), reason=runs.settling.reason)
    error = question.alpha / 2
    row = Row(
        candidate,
        Effect.SAME,
        estimate(question.metric, question.stat, runs, error),
        n=len(runs.replications),
        bottleneck=_neck(runs, error),
    )
    if same_runs(base, runs):
        return replace(row, change=0.0, probability=0.0, reason="the runs are the same, event for event")
    pairs = values_of(question, base, runs)
    rescued = sum(math.isinf(before) and math.isfinite(after) for before, after in pairs)
    lost = sum(math.isfinite(before) and math.isinf(after) for before, after in pairs)
    if rescued or lost:
        return _completing(question, row, len(pairs), rescued, lost)
    if pairs and all(math.isinf(value) for pair in pairs for value in pair):
        return replace(row, effect=Effect.NEVER, reason="in no replication do all executions complete")
    return _compared(question, row, effect_of(pairs, question.alpha))


def _completing(question: Question, row: Row, n: int, rescued: int, lost: int) -> Row:
    probability = sign_test(rescued, lost)
    effect = Effect.BUYS if rescued > lost else Effect.COSTS
    if probability > question.alpha:
        effect = Effect.UNDECIDED
    reason = f"of {n} replications {rescued} complete with it only, {lost} without it only"
    return replace(
        row, effect=effect, n=n, probability=probability, rescued=rescued, lost=lost, reason=reason
    )


def _compared(question: Question, row: Row, found: PairedEffect) -> Row:
    better = Finding.HIGHER if question.higher_is_better else Finding.LOWER
    effect = {
        Finding.EQUIVALENT: Effect.WITHIN,
        Finding.INCONCLUSIVE: Effect.UNDECIDED,
        Finding.NO_DATA: Effect.NO_DATA,
    }.get(found.finding, Effect.BUYS if found.finding is better else Effect.COSTS)
    return replace(
        row,
        effect=effect,
        change=found.change,
        low=found.low,
        high=found.high,
        n=found.n,
        probability=found.probability,
        reason=found.reason,
    )


def _corrected(rows: Sequence[Row], alpha: float) -> list[Row]:
    """Apply Holm's correction over all knobs that were tested; what does not stand it is undecided."""
    tested = [index for index, row in enumerate(rows) if row.effect in _TESTED]
    found = list(rows)
    for index, probability in zip(tested, holm([rows[i].probability for i in tested]), strict=True):
        row = replace(rows[index], probability=probability)
        if probability > alpha and row.effect is not Effect.UNDECIDED:
            row = replace(row, effect=Effect.UNDECIDED, reason="undecided after Holm's correction")
        found[index] = row
    return found


_TESTED = (Effect.BUYS, Effect.WITHIN, Effect.COSTS, Effect.UNDECIDED)
_LAST = (Effect.NO_DATA, Effect.NOT_APPLICABLE)


def _ranked(question: Question, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows by what they buy, with ranks and ties among those that buy something."""
    ordered = sorted(rows, key=lambda row: _order(question, row))
    bought = [row for row in ordered if row.effect is Effect.BUYS]
    apart = _told_apart(question, bought)
    ranks, rank = [], 1
    for number_, row in enumerate(bought, start=1):
        tied = number_ > 1 and not apart[number_ - 2]
        rank = rank if tied else number_
        ranks.append(replace(row, rank=rank, tied=tied))
    return (*ranks, *(row for row in ordered if row.effect is not Effect.BUYS))


def _order(question: Question, row: Row) -> tuple[bool, bool, int, float]:
    """Return what to sort by: what buys, then the rest by effect; completing comes before being faster."""
    change = math.log1p(row.change) if row.change is not None else 0.0
    return (
        row.effect in _LAST,
        row.effect is not Effect.BUYS,
        row.lost - row.rescued,
        -change if question.higher_is_better else change,
    )


def _told_apart(question: Question, rows: Sequence[Row]) -> list[bool]:
    """Return for each neighbouring pair whether their runs differ beyond chance, Holm over the pairs."""
    probabilities = []
    for first, second in pairwise(rows):
        if first.candidate.runs is None or second.candidate.runs is None:  # never of what buys
            probabilities.append(1.0)
            continue
        pairs = values_of(question, first.candidate.runs, second.candidate.runs)
        ahead = sum(math.isfinite(a) and math.isinf(b) for a, b in pairs)
        behind = sum(math.isinf(a) and math.isfinite(b) for a, b in pairs)
        if ahead or behind:
            probabilities.append(sign_test(ahead, behind))
            continue
        found = effect_of(pairs, question.alpha / 2, margin=0.0)  # two-sided: either may be ahead
        known = found.finding in (Finding.LOWER, Finding.HIGHER)
        probabilities.append(min(1.0, 2 * found.probability) if known else 1.0)
    return [probability <= question.alpha for probability in holm(probabilities)]


def values_of(question: Question, before: PointRuns, after: PointRuns) -> list[tuple[float, float]]:
    """Return the metric of each replication that both have, as pairs."""
    first = {item.number: item for item in before.replications}
    second = {item.number: item for item in after.replications}
    return [
        (_value(question, first[key]), _value(question, second[key]))
        for key in sorted(first.keys() & second.keys())
    ]


def _value(question: Question, item: Replication) -> float:
    values = question.metric.take(item)
    return value_of(question.stat, values) if len(values) else math.nan


def same_runs(before: PointRuns, after: PointRuns) -> bool:
    """Tell whether every replication that both have is the same, event for event."""
    first = {item.number: item.run["history_digest"] for item in before.replications}
    second = {item.number: item.run["history_digest"] for item in after.replications}
    shared = sorted(first.keys() & second.keys())
    return bool(shared) and all(first[key] == second[key] for key in shared)


def _neck(point: PointRuns, error: float) -> str:
    neck = bottleneck_of(shares_of(point, error), stations_of(point))
    return "" if neck is None else neck.text


def signed(change: float) -> str:
    """Write a change in per cent with its sign."""
    text = number(change * 100)
    return text if text.startswith("-") or text == "0" else f"+{text}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
