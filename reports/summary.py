"""The summary of a run: what every document shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reports.bottleneck import Bottleneck, Station, bottleneck_of, seconds_of, shares_of, stations_of
from reports.checks import Check, self_checks
from reports.columns import PointRuns, RunData, Settling
from reports.compare import Compared, compare_all
from reports.estimates import Estimate, estimate
from reports.exits import (
    INCONCLUSIVE,
    INFEASIBLE,
    INTERRUPTED,
    MODEL_ERROR,
    NO_DATA,
    TARGET_FAILED,
    ExitCause,
    exit_code,
    in_order,
)
from reports.formats import coordinates as write_coordinates
from reports.incidents import Incident, incidents_of
from reports.judge import Judgement, TargetResult, judge_targets
from reports.looks import next_look
from reports.metrics import METRICS
from reports.paired import Finding
from reports.precision import error_of, imprecise, judged
from reports.questions import Questions, questions_of
from reports.steady import steady_view
from reports.verdicts import Verdict
from scenarios import Scenario

if TYPE_CHECKING:
    from reports.curve import Curve

# What is estimated at every point: a column name, the metric and the stat.
MEASURES: Mapping[str, tuple[str, str]] = {
    "makespan": ("makespan", "mean"),
    "executions_per_second": ("executions_per_second", "mean"),
    "steps_per_second": ("steps_per_second", "mean"),
    "execution_duration_mean": ("execution_duration", "mean"),
    "execution_duration_p50": ("execution_duration", "p50"),
    "execution_duration_p95": ("execution_duration", "p95"),
    "execution_duration_p99": ("execution_duration", "p99"),
    "execution_start_delay_p95": ("execution_start_delay", "p95"),
    "step_duration_mean": ("step_duration", "mean"),
    "step_duration_p95": ("step_duration", "p95"),
    "executions_completed_ratio": ("executions_completed_ratio", "mean"),
    "executions_active_max": ("executions_active_max", "max"),
    "progress_gap": ("progress_gap", "max"),
    "api_requests_count": ("api_requests_count", "mean"),
}


@dataclass(frozen=True)
class PointSummary:
    """One point of the sweep."""

    index: int
    coordinates: Mapping[str, Any]
    n: int
    estimates: Mapping[str, Estimate]  # by the names of MEASURES
    bottleneck: Bottleneck | None
    shares: Mapping[str, Estimate]  # of the executions' time by cause, greatest first
    seconds: Mapping[str, float]  # per execution by cause
    stations: tuple[Station, ...]
    failed: int  # executions, over all replications
    unfinished: int
    incidents: tuple[Incident, ...] = ()  # the faults that the scenario let happen
    settling: Settling | None = None  # of a steady experiment


@dataclass(frozen=True)
class Summary:
    """A run, summarised. Of a steady experiment `run` holds only what counts."""

    questions: Questions
    run: RunData
    points: tuple[PointSummary, ...]
    targets: tuple[TargetResult, ...]
    comparisons: tuple[Compared, ...]
    checks: tuple[Check, ...]
    causes: tuple[ExitCause, ...]  # by priority; empty means pass

    @property
    def exit_code(self) -> int:
        """The process's exit code."""
        return exit_code(self.causes)

    @cached_property
    def curves(self) -> "tuple[Curve, ...]":
        """What the laws of performance say of each line of the sweep."""
        from reports.curve import curves

        return curves(self)

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """Every target at every one of its points."""
        return tuple(item for result in self.targets for item in result.judgements)


def summarise(
    run: RunData, scenario: Scenario, *, allow_inconclusive: bool = False, causes: Iterable[ExitCause] = ()
) -> Summary:
    """Estimate, judge, compare and check a run.

    `causes` are reasons for an exit code that only the caller knows, such as an interruption.
    """
    questions = questions_of(scenario)
    checks = self_checks(run)  # of all that happened, also where it does not count
    run = steady_view(run, questions)
    targets = judge_targets(questions, run)
    watched = judged(questions, (item for result in targets for item in result.judgements))
    comparisons = compare_all(questions, run)
    found = [
        *causes,
        *_check_causes(checks),
        *_unstable_causes(run),
        *_point_causes(questions, run),
        *_target_causes(targets, allow_inconclusive=allow_inconclusive),
        *_comparison_causes(comparisons),
    ]
    return Summary(
        questions=questions,
        run=run,
        points=tuple(_point(point, error_of(point, questions, watched)) for point in run.points),
        targets=targets,
        comparisons=comparisons,
        checks=checks,
        causes=in_order(found),
    )


def _point(point: PointRuns, error: float) -> PointSummary:
    shares, stations = shares_of(point, error), stations_of(point)
    return PointSummary(
        index=point.index,
        coordinates=point.coordinates,
        n=len(point.replications),
        estimates={
            name: estimate(METRICS[metric], stat, point, error) for name, (metric, stat) in MEASURES.items()
        },
        bottleneck=bottleneck_of(shares, stations),
        shares=shares,
        seconds=seconds_of(point),
        stations=stations,
        failed=sum(item.run["failed_count"] for item in point.replications),
        unfinished=sum(item.run["unfinished_count"] for item in point.replications),
        incidents=incidents_of(point),
        settling=point.settling,
    )


def _check_causes(checks: tuple[Check, ...]) -> list[ExitCause]:
    return [
        ExitCause(
            MODEL_ERROR,
            f"self-check failed: {check.name}, {check.violations} times, first in {check.example}",
        )
        for check in checks
        if not check.passed
    ]


def _unstable_causes(run: RunData) -> list[ExitCause]:
    return [
        ExitCause(MODEL_ERROR, f"{write_coordinates(point.coordinates)}: {point.settling.reason}")
        for point in run.points
        if point.settling is not None and point.settling.status == "unstable"
    ]


def _point_causes(questions: Questions, run: RunData) -> list[ExitCause]:
    causes = []
    if run.manifest.get("complete") is False:
        causes.append(
            ExitCause(INTERRUPTED, "the run was interrupted; what is done is kept, run again to resume")
        )
    short = [
        f"{write_coordinates(coordinates)} ({count})"
        for index, coordinates in questions.points
        if (count := len(point.replications) if (point := run.point(index)) else 0)
        < questions.replications_min
        and not _proven(index, run)
    ]
    if not run.points and short:
        causes.append(ExitCause(NO_DATA, "no replication was recorded"))
    elif short:
        examples = "; ".join(short[:3]) + ("; ..." if len(short) > 3 else "")
        least = questions.replications_min
        causes.append(
            ExitCause(NO_DATA, f"{len(short)} points have fewer than {least} replications: {examples}")
        )
    return causes


def _proven(index: int, run: RunData) -> bool:
    return any(entry.get("point") in (None, index) for entry in run.infeasible)


def _target_causes(targets: tuple[TargetResult, ...], *, allow_inconclusive: bool) -> list[ExitCause]:
    causes = []
    for result in targets:
        target = result.target
        if target.severity != "error" and not _selects_nothing(result):
            continue
        for item in result.judgements:
            name = f"{target.requirement} {target.id}".strip() + f" at {write_coordinates(item.coordinates)}"
            if item.infeasible:
                causes.append(ExitCause(INFEASIBLE, f"{name}: {item.reason}"))
            elif item.verdict is Verdict.NO_DATA:
                causes.append(ExitCause(NO_DATA, f"{name}: {item.reason}"))
            elif item.verdict is Verdict.FAIL:
                causes.append(ExitCause(TARGET_FAILED, f"{name}: {item.value_text}, asked {item.limit_text}"))
            elif item.verdict is Verdict.INCONCLUSIVE and not allow_inconclusive:
                causes.append(ExitCause(INCONCLUSIVE, f"{name}: {item.reason}"))
    return causes


def _selects_nothing(result: TargetResult) -> bool:
    """A target that looks where nothing is, is a mistake at any severity."""
    return all(item.point is None for item in result.judgements)


def _comparison_causes(comparisons: tuple[Compared, ...]) -> list[ExitCause]:
    return [
        ExitCause(NO_DATA, f"comparison {item.comparison.id}: {item.reason}")
        for item in comparisons
        if item.finding is Finding.NO_DATA
    ]


def wanting(summary: Summary) -> list[int]:
    """Return the points that get more replications: undecided, or not known precisely enough, in order."""
    looks = summary.questions.looks
    rough = [index for index in imprecise(summary) if next_look(looks, _recorded(summary, index))]
    return sorted({*undecided(summary), *rough})


def undecided(summary: Summary) -> list[int]:
    """Return the points that need more replications before their verdicts are decided, in order."""
    looks = summary.questions.looks
    wanting: dict[int, None] = {}
    for item in summary.judgements:
        open_target = item.verdict is Verdict.INCONCLUSIVE and item.target.severity != "info"
        if open_target and item.point is not None and next_look(looks, _recorded(summary, item.point)):
            wanting[item.point] = None
    for compared in summary.comparisons:
        if compared.finding is Finding.INCONCLUSIVE and compared.points is not None:
            for point in compared.points:
                if next_look(looks, _recorded(summary, point)):
                    wanting[point] = None
    return sorted(wanting)


def _recorded(summary: Summary, index: int) -> int:
    point = summary.run.point(index)
    return 0 if point is None else len(point.replications)
