"""`headroom compare`: run directories, baselines, scenarios, or one scenario under two settings."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import scenarios
from headroom import rundir, verbs
from headroom.baselines import plain
from headroom.errors import HarnessError
from headroom.gating import here
from headroom.progress import Teller
from headroom.trials import open_trials
from reports import exits
from scenarios import Scenario
from scenarios.configuration import configuration
from scenarios.errors import did_you_mean, one_of
from scenarios.metrics import METRICS, STATS, find_metric
from scenarios.paths import short_form
from scenarios.regression_schema import Rule

if TYPE_CHECKING:
    from reports.columns import RunData
    from reports.comparison import Comparing, Side

SCRATCH: Final = ".compare"
KEPT: Final = 10_000  # replications of a point


@dataclass(frozen=True)
class Asked:
    """What is compared: names, and what the command line changes for both, the first, the second."""

    first: str
    second: str | None
    both: tuple[str, ...] = ()
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()  # NAME or NAME:STAT
    replications: int | None = None
    seed: int | None = None


def compare(asked: Asked, out: Path, workers: int, teller: Teller) -> "Comparing":
    """Read or measure both sides, and compare them."""
    from reports.comparison import USUAL, compare_sides

    wanted = [_metric(text) for text in asked.metrics]
    rules = [Rule.model_validate({"metric": name, "stat": stat}) for name, stat in wanted or USUAL]
    if asked.second is None and not (asked.only_first or asked.only_second):
        hint = "name a second run, baseline or scenario; or say what differs with --first and --second"
        raise HarnessError(f"{asked.first} with what?", exits.USAGE, hint)
    names = (asked.first, asked.second or asked.first)
    _check_settings(names, asked)
    sides, confidences = [], []
    for number, (name, own) in enumerate(zip(names, (asked.only_first, asked.only_second), strict=True)):
        scratch = out / SCRATCH / str(number)
        side, confidence = _side(name, (*asked.both, *own), asked, rules, scratch, workers, teller)
        sides.append(side)
        confidences.append(confidence)
    with contextlib.suppress(OSError):  # it is there only if something was run, and empty unless it failed
        (out / SCRATCH).rmdir()
    varied = [short_form(text.partition("=")[0]) for text in (*asked.only_first, *asked.only_second)]
    known = [confidence for confidence in confidences if confidence is not None]
    return compare_sides(sides[0], sides[1], max(known, default=0.95), wanted, varied)


def _metric(text: str) -> tuple[str, str]:
    name, separator, stat = text.rpartition(":")
    if not separator:
        name, stat = text, "mean"
    if find_metric(name) is None:
        raise HarnessError(
            f"--metric {text}: there is no metric {name!r}", exits.USAGE, did_you_mean(name, METRICS)
        )
    if stat not in STATS:
        raise HarnessError(f"--metric {text}: there is no stat {stat!r}", exits.USAGE, one_of(STATS))
    return name, stat


def _side(
    name: str,
    overrides: Sequence[str],
    asked: Asked,
    rules: Sequence[Rule],
    scratch: Path,
    workers: int,
    teller: Teller,
) -> tuple["Side", float | None]:
    path = Path(name)
    if _is_run(path):
        return _run_side(path, rules)
    if _is_baseline(path):
        return _baseline_side(path), None
    if path.is_dir():
        raise HarnessError(f"{name} is no run directory: it has no {rundir.MANIFEST}", exits.INVALID)
    scenario = verbs.load(name, overrides, asked.replications, asked.seed)
    scratch.parent.mkdir(parents=True, exist_ok=True)
    with open_trials(scratch, workers, teller) as trials:
        run = trials.measure(scenario, scenario.experiment.replications.min)
    title = " ".join([name, *(f"{text}" for text in overrides)])
    return _of_run(title, scenario, run, rules, here()), scenario.experiment.confidence


def _check_settings(names: Sequence[str], asked: Asked) -> None:
    """Refuse to set something of what is measured already."""
    measured = [_is_run(Path(name)) or _is_baseline(Path(name)) for name in names]
    both = bool(asked.both or asked.replications or asked.seed is not None)
    for name, done, own in zip(names, measured, (asked.only_first, asked.only_second), strict=True):
        if done and (own or (both and all(measured))):
            hint = "compare scenarios, which are run anew"
            raise HarnessError(f"{name} is measured already: nothing of it can be set", exits.USAGE, hint)


def _is_run(path: Path) -> bool:
    return (path / rundir.MANIFEST).is_file()


def _is_baseline(path: Path) -> bool:
    from reports.baseline_file import is_baseline

    return path.is_file() and is_baseline(path)


def _run_side(path: Path, rules: Sequence[Rule]) -> tuple["Side", float]:
    from reports.read import read_run

    scenario = scenarios.load(path / rundir.SCENARIO)
    run = read_run(path)
    return _of_run(str(path), scenario, run, rules, run.manifest), scenario.experiment.confidence


def _of_run(
    name: str, scenario: Scenario, run: "RunData", rules: Sequence[Rule], manifest: Mapping[str, Any]
) -> "Side":
    from reports.baseline import points_of
    from reports.comparison import Side
    from reports.fingerprint import fingerprint
    from reports.questions import questions_of
    from reports.steady import steady_view

    points = points_of(steady_view(run, questions_of(scenario)), rules, scenario.sweep.paths, KEPT)
    found = fingerprint(manifest, scenario.experiment.seed)
    return Side(name, points, plain(configuration(scenario)), found)


def _baseline_side(path: Path) -> "Side":
    from reports.baseline_file import read_baseline
    from reports.comparison import Side

    found = read_baseline(path)
    return Side(str(path), found.points, found.configuration, found.fingerprint)
