"""`Scenario`: a file that has been read, checked and resolved, ready to be compiled point by point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

from scenarios.clusters import FOR_TESTS, ClusterSource
from scenarios.document import Document
from scenarios.errors import Path, did_you_mean, dotted, one_of
from scenarios.runspec import ClusterSpec, RunSpec
from scenarios.schema import Comparison, Experiment, ScenarioFile, Sensitivity, Target
from scenarios.shipped import is_file_name, open_named
from scenarios.sweep import Point, Sweep
from scenarios.workflows import WorkflowSource


@dataclass
class Sources:
    """The workflow and cluster files that a scenario names, each read once."""

    base: FilePath
    workflows: dict[str, WorkflowSource] = field(default_factory=dict)
    clusters: dict[str, ClusterSource] = field(default_factory=dict)
    built: dict[str, ClusterSpec] = field(default_factory=dict)  # by the content of the choice
    specs: dict[int, RunSpec] = field(default_factory=dict)  # by point, replication 0

    def workflow(self, scenario: Document, named: str | dict[str, Any]) -> WorkflowSource:
        """Return a workflow by name or path, or the one written in the scenario."""
        place = ("workload", "workflow")
        if isinstance(named, dict):
            return WorkflowSource.read(scenario.below(place))
        if named not in self.workflows:
            document = open_named("workflow", named, self.base, scenario.mark(place), dotted(place))
            self.workflows[named] = WorkflowSource.read(document)
        return self.workflows[named]

    def subflow(self, caller: Document, place: Path, named: str) -> WorkflowSource:
        """Return the workflow file that a step at `place` of another one names."""
        base = FilePath(caller.source).parent if is_file_name(named) else self.base
        key = str(base / named) if is_file_name(named) else named
        if key not in self.workflows:
            document = open_named("workflow", named, base, caller.mark(place), dotted(place))
            self.workflows[key] = WorkflowSource.read(document)
        return self.workflows[key]

    def cluster(self, scenario: Document, choice: Any) -> ClusterSource:
        """Return the cluster that a choice names or carries."""
        if choice.inline is not None:
            return ClusterSource.read(scenario.below(("cluster", "inline")), "inline")
        if choice.snapshot is not None:
            return _snapshot(scenario, choice.snapshot)
        name = choice.profile
        if name not in self.clusters:
            place = ("cluster", "profile")
            document = open_named("cluster", name, self.base, scenario.mark(place), dotted(place))
            stem = FilePath(name).stem if is_file_name(name) else name
            self.clusters[name] = ClusterSource.read(document, stem)
        return self.clusters[name]


def _snapshot(scenario: Document, text: str) -> ClusterSource:
    from scenarios.document import read_text

    document = read_text(text, scenario.source, as_json=True)
    name = document.data.get("name", "snapshot") if isinstance(document.data, dict) else "snapshot"
    return ClusterSource.read(document, str(name))


def for_tests(scenario: Document, kind: str) -> tuple[str, int]:
    """Return the profile and number of nodes for a kind of test."""
    if kind not in FOR_TESTS:
        hint = did_you_mean(kind, FOR_TESTS)
        raise scenario.error(("cluster", "for"), f"no cluster for '{kind}' tests", one_of(FOR_TESTS), hint)
    return FOR_TESTS[kind]


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario. Build one with `scenarios.load`; it can be pickled and sent to other processes."""

    document: Document
    file: ScenarioFile
    sweep: Sweep
    sources: Sources
    targets: tuple[Target, ...]  # `where` in the spelling of the points' coordinates
    comparisons: tuple[Comparison, ...]
    fixed: Mapping[str, Any]  # paths that targets name and nobody sweeps, with their one value
    warnings: tuple[str, ...]  # what is probably a mistake: an unknown metric, a point that is not swept

    @property
    def source(self) -> str:
        """The file, or the name of a shipped one."""
        return self.document.source

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.file.name

    @property
    def requirement(self) -> str:
        """The requirement that it decides; may be empty."""
        return self.file.requirement

    @property
    def description(self) -> str:
        """What it is about; may be empty."""
        return self.file.description

    @property
    def experiment(self) -> Experiment:
        """Replications, seed, confidence, horizon."""
        return self.file.experiment

    @property
    def sensitivity(self) -> tuple[Sensitivity, ...]:
        """The assumptions to scale until a target's estimate crosses its limit."""
        return self.file.sensitivity

    @cached_property
    def _points(self) -> tuple[Point, ...]:
        rows = enumerate(self.sweep.coordinates())
        return tuple(Point(index, coordinates | dict(self.fixed)) for index, coordinates in rows)

    def points(self) -> list[Point]:
        """Return every point of the sweep; one without coordinates if nothing is swept."""
        return list(self._points)

    def line_of(self, target_id: str) -> int:
        """Return the line on which a target begins, for annotations; 0 if it stands in no file."""
        ids = [target.id for target in self.targets]
        return self.document.mark(("targets", ids.index(target_id))).line if target_id in ids else 0

    def resolved_yaml(self) -> str:
        """Return the whole scenario with every default explicit; loading it gives the same RunSpecs."""
        from scenarios.resolved import resolved_yaml

        return resolved_yaml(self)
