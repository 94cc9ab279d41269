"""`headroom gate`: the scenario measured as it is now, and judged against a reviewed baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headroom import identity, rundir
from headroom.baselines import baseline_path, digest_of, plain, rules_of
from headroom.progress import Teller
from headroom.trials import Trials, open_trials
from headroom.worker import WORLD
from reports import exits
from scenarios import Scenario
from scenarios.configuration import configuration

if TYPE_CHECKING:
    from reports.baseline import Baseline
    from reports.columns import RunData
    from reports.exits import ExitCause
    from reports.gate import Gate, Now

REGRESSIONS: Final = "regressions.json"
SCRATCH: Final = ".gate"


@dataclass(frozen=True)
class Asked:
    """What a gate is asked; nothing here changes a number but the day, which waivers depend on."""

    out: Path
    workers: int
    today: date
    baseline: Path | None = None  # None: where the scenario says
    allow_inconclusive: bool = False
    world: str = WORLD


def gate(scenario: Scenario, asked: Asked, teller: Teller) -> Mapping[str, Any]:
    """Measure, judge, and leave `regressions.json` in the run directory; returns what it holds.

    A baseline that is missing or was made elsewhere is no reason to measure: nothing can be compared.
    """
    from reports.gate import refusal, wanted

    file = asked.baseline or baseline_path(scenario, scenario.sources.base)
    baseline = read(file)
    now = now_of(scenario, here())
    asked.out.mkdir(parents=True, exist_ok=True)
    if baseline is None or refusal(now, baseline, str(file)) or not wanted(now, baseline):
        found = judged(now, baseline, file, None, asked.today)
        return write(scenario, conclude(found, None, asked), asked.out)
    with open_trials(asked.out / SCRATCH, asked.workers, teller, asked.world) as trials:
        found, run = measured(trials, scenario, now, baseline, file, asked.today)
    return write(scenario, conclude(found, run, asked), asked.out)


def measured(
    trials: Trials, scenario: Scenario, now: "Now", baseline: "Baseline", file: Path, today: date
) -> tuple["Gate", "RunData"]:
    """Add replications, as many as the baseline has at most, until every rule is decided."""
    from reports.gate import open_points, wanted
    from reports.looks import planned_looks

    points = wanted(now, baseline)
    most = max(max(point.replications) + 1 for _, point in points)
    looks = planned_looks(min(scenario.experiment.replications.min, most), most)
    count, open_ones = len(looks), [index for index, _ in points]
    while True:
        look, *later = looks
        run = trials.measure(scenario, look, open_ones)
        found = judged(now, baseline, file, run, today, looks=count)
        undecided = open_points(found)
        open_ones = [
            index
            for index, point in points
            if dict(point.coordinates) in undecided and max(point.replications) >= look
        ]
        if not open_ones or not later:
            return found, run
        looks = tuple(later)


def judged(
    now: "Now", baseline: "Baseline | None", file: Path, run: "RunData | None", today: date, looks: int = 1
) -> "Gate":
    """Judge what there is; the error probability is divided over the planned looks."""
    from reports.gate import judge

    return judge(now, baseline, str(file), run, (1 - now.confidence) / looks, today)


def conclude(
    found: "Gate", run: "RunData | None", asked: Asked, others: Sequence["ExitCause"] = ()
) -> "Gate":
    """Return the gate with the reasons for its exit code."""
    from reports.checks import self_checks
    from reports.gate import concluded

    checks = self_checks(run) if run else ()
    return concluded(found, checks, allow_inconclusive=asked.allow_inconclusive, others=others)


def attach(scenario: Scenario, out: Path, today: date) -> None:
    """Judge a run that is done by its own records, if its scenario has rules, and leave the answer there."""
    from reports.read import read_run

    if scenario.regressions is None or scenario.regressions.baseline is None:
        return
    run = read_run(out)
    file = baseline_path(scenario, scenario.sources.base)
    found = judged(now_of(scenario, run.manifest), read(file), file, run, today)
    write(scenario, conclude(found, None, Asked(out, 1, today)), out)


def causes_of(run: "RunData", *, allow_inconclusive: bool) -> tuple["ExitCause", ...]:
    """Return the reasons for an exit code that a gate left beside a run."""
    from reports.attachments import answer
    from reports.gate_view import gate_view

    told = answer(run, "regressions")
    causes = gate_view(told).causes if told is not None else ()
    return tuple(it for it in causes if it.code != exits.INCONCLUSIVE or not allow_inconclusive)


def read(file: Path) -> "Baseline | None":
    """Read a baseline; None if there is none. One that cannot be read is an error of its own."""
    from reports.baseline_file import read_baseline

    return read_baseline(file) if file.is_file() else None


def here() -> dict[str, Any]:
    """Return what a manifest would say of this environment."""
    return {"world": "simulated", "dependencies": identity.dependencies(), **identity.machine()}


def now_of(scenario: Scenario, manifest: Mapping[str, Any]) -> "Now":
    """Return what is to be judged."""
    from reports.fingerprint import fingerprint
    from reports.gate import Now

    return Now(
        scenario=scenario.name,
        requirement=scenario.requirement,
        confidence=scenario.experiment.confidence,
        fingerprint=fingerprint(manifest, scenario.experiment.seed),
        configuration=plain(configuration(scenario)),
        points=tuple((point.index, plain(point.coordinates)) for point in scenario.points()),
        paths=tuple(scenario.sweep.paths),
        rules=rules_of(scenario),
        waivers=scenario.regressions.waivers if scenario.regressions else (),
    )


def write(scenario: Scenario, found: "Gate", out: Path) -> Mapping[str, Any]:
    """Leave the gate's documents in the run directory and return what `regressions.json` holds."""
    from reports.gate_documents import gate_json, gate_text
    from reports.gate_markdown import gate_markdown
    from reports.gate_view import gate_view
    from reports.junit_gate import gate_junit_text

    lines = {rule.id: scenario.line_of_rule(rule.id) for rule in found.now.rules}
    told = gate_json(
        found,
        scenario_digest=digest_of(scenario),
        code_digest=identity.code_digest(),
        lines=lines,
        source=scenario.source,
    )
    view = gate_view(told)
    rundir.write_text(out / REGRESSIONS, [gate_text(told)])
    rundir.write_text(out / "regressions.xml", [gate_junit_text(view)])
    rundir.write_text(out / "regressions.md", [gate_markdown(view)])
    return told
