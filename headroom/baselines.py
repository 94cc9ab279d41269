"""`headroom baseline accept`: the values of a reviewed run as the baseline that gates compare with."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import scenarios
from headroom import rundir
from headroom.errors import HarnessError
from headroom.rundir import RunDirectory
from reports import exits
from scenarios import Scenario
from scenarios.configuration import configuration
from scenarios.regression_schema import Rule

if TYPE_CHECKING:
    from reports.baseline import Baseline
    from reports.columns import RunData

REASON_MAX: Final = 1000
# What is guarded where a scenario says nothing: times, work done, and what the engine asks for.
DEFAULT_RULES: Final = tuple(
    Rule.model_validate({"metric": metric})
    for metric in ("makespan", "execution_duration", "executions_completed_ratio", "client_requests_count")
)


@dataclass(frozen=True)
class Accepted:
    """A baseline that was written."""

    file: Path
    baseline: "Baseline"
    notes: tuple[str, ...]


def rules_of(scenario: Scenario) -> tuple[Rule, ...]:
    """Return the rules of a scenario, or those that hold where it has none."""
    return scenario.regressions.rules if scenario.regressions else DEFAULT_RULES


def baseline_path(scenario: Scenario, base: Path) -> Path:
    """Return where the baseline of a scenario lies that was read in the folder `base`."""
    named = scenario.regressions.baseline if scenario.regressions else None
    return base / named if named else Path("baselines") / f"{scenario.name}.json"


def accept(path: Path, reason: str, out: Path | None, kept: int) -> Accepted:
    """Write the baseline of a run directory.

    Raises:
        HarnessError: the run is not finished, is not sound, or holds nothing that the rules look at.
    """
    from reports.baseline import Baseline, points_of
    from reports.baseline_file import baseline_text
    from reports.fingerprint import fingerprint
    from reports.questions import questions_of
    from reports.read import read_run
    from reports.steady import steady_view

    words = " ".join(reason.split())
    if not 3 <= len(words) <= REASON_MAX:
        hint = '--reason "why these values are right", in 3 to 1,000 characters'
        raise HarnessError("a baseline without a reason", exits.USAGE, hint)
    directory = RunDirectory.existing(path)
    scenario = scenarios.load(directory.path / rundir.SCENARIO)
    run = read_run(path)
    _check_sound(path, run)
    run = steady_view(run, questions_of(scenario))
    _check_steady(path, run)
    rules = rules_of(scenario)
    points = points_of(run, rules, scenario.sweep.paths, kept)
    if not points:
        listed = ", ".join(rule.id for rule in rules)
        raise HarnessError(
            f"{path} holds nothing to compare with: no point at which a rule looks ({listed})", exits.NO_DATA
        )
    manifest = run.manifest
    baseline = Baseline(
        scenario=scenario.name,
        reason=words,
        version=str(manifest.get("version", "")),
        code_digest=str(manifest.get("code_digest", "")),
        scenario_digest=digest_of(scenario),
        fingerprint=fingerprint(manifest, scenario.experiment.seed),
        points=points,
        configuration=plain(configuration(scenario)),
    )
    source = str(manifest.get("source", ""))
    file = out or baseline_path(scenario, Path(source).parent if "/" in source else Path())
    file.parent.mkdir(parents=True, exist_ok=True)
    rundir.write_text(file, [baseline_text(baseline)])
    return Accepted(file, baseline, _notes(baseline, rules, scenario))


def digest_of(scenario: Scenario) -> str:
    """Return the digest of a scenario with every default explicit."""
    return hashlib.sha256(scenario.resolved_yaml().encode()).hexdigest()


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they come back from a JSON file, so that both sides of a comparison are alike."""
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def _check_sound(path: Path, run: "RunData") -> None:
    from reports.checks import self_checks

    if run.manifest.get("complete") is not True:
        hint = "run it again to its end, then accept it"
        raise HarnessError(f"{path} was not finished", exits.NO_DATA, hint)
    if (path / rundir.FAILURES).is_file():
        raise HarnessError(f"{path} holds runs that crashed", exits.MODEL_ERROR, "mend them first")
    broken = [check for check in self_checks(run) if not check.passed]
    if broken:
        names = ", ".join(check.name for check in broken)
        raise HarnessError(f"{path} fails its self-checks: {names}", exits.MODEL_ERROR)


def _check_steady(path: Path, run: "RunData") -> None:
    from reports.gate import NOT_STEADY

    for point in run.points:
        if point.settling is not None and point.settling.status in NOT_STEADY:
            message = f"{path}, point {point.index}: {point.settling.reason}"
            raise HarnessError(message, exits.MODEL_ERROR, "there is no number to accept")


def _notes(baseline: "Baseline", rules: tuple[Rule, ...], scenario: Scenario) -> tuple[str, ...]:
    notes = []
    if scenario.regressions is None:
        told = ", ".join(f"{rule.metric} {rule.stat}" for rule in rules)
        notes.append(f"the scenario has no rules: {told} are guarded; say your own in `regressions:`")
    few = min(len(point.replications) for point in baseline.points)
    if few < 10:
        notes.append(f"{few} replications decide little: 10 or more are better (--replications 10)")
    return tuple(notes)
