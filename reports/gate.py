"""The gate: every rule at every point against a baseline, closed wherever something cannot be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from reports.baseline import Baseline, BaselinePoint, swept, taken
from reports.checks import Check
from reports.columns import PointRuns, RunData
from reports.difference import Difference, differences
from reports.exits import INCONCLUSIVE, MODEL_ERROR, NO_DATA, REGRESSION, ExitCause, exit_code, in_order
from reports.fingerprint import changed
from reports.formats import coordinates as write_coordinates
from reports.metrics import find_metric
from reports.phrases_gate import row_name, row_text
from reports.questions import matches
from reports.regressions import Regression, corrected, judge_pairs, waived
from reports.steady import cut
from reports.verdicts import Verdict
from scenarios.regression_schema import Rule, Waiver

NOT_STEADY: Final = ("unstable", "unsettled")  # then there is no number


@dataclass(frozen=True)
class Now:
    """What a gate judges: the scenario as it is now, and where its points lie."""

    scenario: str
    requirement: str
    confidence: float
    fingerprint: Mapping[str, str]
    configuration: Mapping[str, Any]
    points: tuple[tuple[int, Mapping[str, Any]], ...]  # of the sweep
    paths: tuple[str, ...]  # that are swept
    rules: tuple[Rule, ...]
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True)
class Gate:
    """What the gate found."""

    now: Now
    baseline: Baseline | None
    baseline_name: str
    rows: tuple[Regression, ...]
    causes: tuple[ExitCause, ...]  # by priority; empty means pass
    differences: tuple[Difference, ...]  # of the configuration
    environment: tuple[Difference, ...]  # of the fingerprint
    unjudged: tuple[str, ...]  # what the baseline holds and no rule looks at
    identical: tuple[int, int]  # replications with the same history as in the baseline, of how many
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The process's exit code."""
        return exit_code(self.causes)


def wanted(now: Now, baseline: Baseline | None) -> list[tuple[int, BaselinePoint]]:
    """Return the points to measure: a rule looks there, and the baseline has something to compare with."""
    found = []
    for index, coordinates in now.points:
        if baseline is not None and any(matches(rule.where, coordinates) for rule in now.rules):
            point = baseline.point(swept(coordinates, now.paths))
            if point is not None and point.replications:
                found.append((index, point))
    return found


def judge(
    now: Now, baseline: Baseline | None, name: str, run: RunData | None, alpha: float, today: date
) -> Gate:
    """Judge every rule at every point. `alpha` is the error probability of this look at the data."""
    environment = changed(baseline.fingerprint, now.fingerprint) if baseline else ()
    refused = refusal(now, baseline, name)
    rows = [row for rule in now.rules for row in _rows(rule, now, baseline, run, refused, alpha)]
    judged = waived(corrected(rows, alpha), now.waivers, today)
    return Gate(
        now=now,
        baseline=baseline,
        baseline_name=name,
        rows=judged,
        causes=(),
        differences=differences(baseline.configuration, now.configuration) if baseline else (),
        environment=environment,
        unjudged=_unjudged(now, baseline) if baseline and not refused else (),
        identical=_identical(now, baseline, run),
        notes=_notes(now, judged, today),
    )


def concluded(
    gate: Gate, checks: Sequence[Check], *, allow_inconclusive: bool, others: Sequence[ExitCause] = ()
) -> Gate:
    """Return the gate with the reasons for its exit code."""
    causes = [*others]
    causes += [
        ExitCause(MODEL_ERROR, f"self-check failed: {it.name}, {it.violations} times, first in {it.example}")
        for it in checks
        if not it.passed
    ]
    causes += [ExitCause(NO_DATA, text) for text in gate.unjudged]
    codes = {
        Verdict.FAIL: REGRESSION,
        Verdict.NO_DATA: NO_DATA,
        Verdict.INCONCLUSIVE: INCONCLUSIVE,
    }
    for row in gate.rows:
        if row.verdict is Verdict.PASS or row.waived:
            continue
        if row.verdict is Verdict.INCONCLUSIVE and allow_inconclusive:
            continue
        causes.append(ExitCause(codes[row.verdict], f"{row_name(row)}: {row_text(row)}"))
    return replace(gate, causes=in_order(causes))


def open_points(gate: Gate) -> list[Mapping[str, Any]]:
    """Return the points where more replications could decide."""
    return [row.coordinates for row in gate.rows if row.verdict is Verdict.INCONCLUSIVE]


def refusal(now: Now, baseline: Baseline | None, name: str) -> str:
    """Return why nothing at all can be compared; empty if it can."""
    if baseline is None:
        return f"there is no baseline {name}: accept one with `headroom baseline accept RUN --reason TEXT`"
    if baseline.scenario != now.scenario:
        return f"the baseline {name} is of the scenario {baseline.scenario!r}"
    environment = changed(baseline.fingerprint, now.fingerprint)
    if environment:
        told = ", ".join(item.text for item in environment)
        return f"the environment is not that of the baseline ({told}): accept a baseline that was made here"
    return ""


def _rows(
    rule: Rule, now: Now, baseline: Baseline | None, run: RunData | None, refused: str, alpha: float
) -> list[Regression]:
    metric = find_metric(rule.metric)
    blank = Regression(rule, metric.unit if metric else "", dict(rule.where), Verdict.NO_DATA)
    here = [point for point in now.points if matches(rule.where, point[1])]
    if metric is None:
        return [replace(blank, reason=f"there is no metric {rule.metric!r}")]
    if not here:
        return [replace(blank, reason="no point of the sweep lies where this rule looks")]
    rows = []
    for index, coordinates in here:
        row = replace(blank, coordinates=swept(coordinates, now.paths))
        if refused or baseline is None:
            rows.append(replace(row, reason=refused))
        else:
            rows.append(_row(row, baseline, run.point(index) if run else None, alpha))
    return rows


def _row(blank: Regression, baseline: Baseline, point: PointRuns | None, alpha: float) -> Regression:
    rule = blank.rule
    metric = find_metric(rule.metric)
    before = baseline.point(blank.coordinates)
    series = before.find(rule.metric, rule.stat) if before else None
    if before is None or series is None or metric is None:
        what = "this point" if before is None else f"{rule.metric} {rule.stat}"
        return replace(blank, reason=f"the baseline does not have {what}: accept a new one")
    if point is not None and before.cut_ns is not None:  # both sides begin to count at the same instant
        point = cut(point, before.cut_ns)
        if point.settling is not None and point.settling.status in NOT_STEADY:
            return replace(blank, reason=point.settling.reason)
    numbers = {item.number: item for item in point.replications} if point else {}
    common = [(at, numbers[one]) for at, one in enumerate(before.replications) if one in numbers]
    if not common:
        return replace(blank, reason="nothing was recorded here")
    return judge_pairs(
        blank,
        [series.values[at] for at, _ in common],
        [taken(metric, rule.stat, item) for _, item in common],
        alpha,
    )


def _unjudged(now: Now, baseline: Baseline) -> tuple[str, ...]:
    """Name what the baseline holds and nobody compares: a rule or a point that went, or has another name."""
    places = [(swept(coordinates, now.paths), coordinates) for _, coordinates in now.points]
    found = []
    for point in baseline.points:
        coordinates = next((full for short, full in places if short == dict(point.coordinates)), None)
        where = write_coordinates(point.coordinates)
        if coordinates is None:
            found.append(f"the baseline has a point that the sweep lacks: {where}; accept a new one")
            continue
        looked_at = {(rule.metric, rule.stat) for rule in now.rules if matches(rule.where, coordinates)}
        found += [
            f"the baseline has {item.metric} {item.stat} at {where}, and no rule looks there: was one removed"
            " or renamed? accept a new baseline"
            for item in point.series
            if (item.metric, item.stat) not in looked_at
        ]
    return tuple(found)


def _identical(now: Now, baseline: Baseline | None, run: RunData | None) -> tuple[int, int]:
    same = count = 0
    for index, before in wanted(now, baseline):
        point = run.point(index) if run else None
        numbers = dict(zip(before.replications, before.histories, strict=True))
        for item in point.replications if point else ():
            if item.number in numbers:
                count += 1
                same += item.run["history_digest"].startswith(numbers[item.number])
    return same, count


def _notes(now: Now, rows: Sequence[Regression], today: date) -> tuple[str, ...]:
    notes = []
    for waiver in now.waivers:
        own = [row for row in rows if row.rule.id == waiver.rule]
        if waiver.until < today:
            notes.append(f"the waiver of {waiver.rule} expired on {waiver.until.isoformat()}: remove it")
        elif own and all(row.verdict is Verdict.PASS for row in own):
            notes.append(f"the waiver of {waiver.rule} is not needed any more: remove it")
        elif own:
            days = (waiver.until - today).days
            notes.append(
                f"{waiver.rule} is waived until {waiver.until.isoformat()} ({days} days): {waiver.reason}"
            )
    notes += [
        f"{row_name(row)} got better, {row_text(row)}: accept it as the baseline, or a regression as large"
        " goes unseen"
        for row in rows
        if row.verdict is Verdict.PASS and _improved(row)
    ]
    return tuple(notes)


def _improved(row: Regression) -> bool:
    """Tell whether the whole interval lies on the better side, further than a regression may lie."""
    bounds = [bound * row.sign for bound in (row.low, row.high) if bound is not None]
    return bool(bounds) and max(bounds) < -row.rule.worse_than
