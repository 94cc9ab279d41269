"""Reading a scenario: by name or path, with overrides, every problem reported at its place."""

from collections.abc import Iterable
from pathlib import Path as FilePath

from scenarios.compile import at_point, build_spec
from scenarios.document import Document
from scenarios.errors import Mark, Problem, ScenarioError
from scenarios.judged import Judged
from scenarios.paths import override
from scenarios.problems import PROBLEMS_MAX, validated
from scenarios.resolved import resolved_data
from scenarios.scenario import Scenario, Sources
from scenarios.schema import ScenarioFile
from scenarios.shipped import is_file_name, open_named
from scenarios.sweep import Point, Sweep, read_sweep

CHECKED_MAX = (
    200  # values of the sweep that are compiled when a scenario is read; the others when they are run
)


def load(path_or_name: str | FilePath, overrides: Iterable[str] = ()) -> Scenario:
    """Return a scenario; `overrides` are ``PATH=VALUE``. Raises `ScenarioError` and nothing else."""
    name = str(path_or_name)
    document = open_named("scenario", name, FilePath(), Mark(name))
    base = FilePath(name).parent if is_file_name(name) else FilePath()
    return build(document, base, overrides)


def build(document: Document, base: FilePath = FilePath(), overrides: Iterable[str] = ()) -> Scenario:
    """Return the scenario that a document holds; relative paths in it start at `base`."""
    if not isinstance(document.data, dict):
        raise document.error((), "not a scenario", "a mapping with apiVersion, name, cluster and workload")
    for text in overrides:
        override(document, text)
    file, sweep = _read(document)
    sources = Sources(base)
    _check_points(document, sources, sweep)
    judged = Judged(document, sweep, resolved_data(document, file, sources, sweep))
    judged.check(file)
    return Scenario(
        document=document,
        file=file,
        sweep=sweep,
        sources=sources,
        targets=judged.targets,
        comparisons=judged.comparisons,
        fixed=judged.fixed,
        warnings=tuple(judged.warnings),
        regressions=judged.regressions,
    )


def _read(document: Document) -> tuple[ScenarioFile, Sweep]:
    problems: list[Problem] = []
    file = None
    try:
        file = validated(ScenarioFile, document)
    except ScenarioError as error:
        problems += error.problems
    try:
        sweep = read_sweep(document, file.experiment.replications.max if file else 1)
    except ScenarioError as error:
        raise ScenarioError(sorted({*problems, *error.problems}, key=_place)) from None
    if file is None:
        raise ScenarioError(problems)
    return file, sweep


def _place(problem: Problem) -> tuple[int, int, str]:
    return problem.mark.line, problem.mark.column, problem.message


def _check_points(document: Document, sources: Sources, sweep: Sweep) -> None:
    """Compile the scenario as it stands, then with every value of the sweep; report what each breaks."""
    build_spec(document, sources, Point(0, {}))
    problems: dict[Problem, None] = {}
    for number, coordinates in enumerate(sweep.single_changes()):
        if number >= CHECKED_MAX or len(problems) >= PROBLEMS_MAX:
            break
        try:
            build_spec(at_point(document, coordinates, sweep.paths), sources, Point(0, coordinates))
        except ScenarioError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ScenarioError(problems)
