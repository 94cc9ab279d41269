"""`Scenario`: a file that has been read, checked and resolved, ready to be compiled point by point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

from scenarios.cluster_choice import ClusterChoice
from scenarios.clusters import ClusterSource
from scenarios.composition import chosen, named, with_profiles
from scenarios.document import Document
from scenarios.errors import Path, dotted
from scenarios.experiment_schema import Experiment
from scenarios.load_schema import Trace
from scenarios.regression_schema import Regressions
from scenarios.runspec import ClusterSpec, RunSpec
from scenarios.schema import Comparison, ScenarioFile, Sensitivity, Target
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
    traces: dict[Trace, tuple[int, ...]] = field(default_factory=dict)  # arrivals, whole recordings
    specs: dict[int, RunSpec] = field(default_factory=dict)  # by point, replication 0

    def workflow(self, scenario: Document, which: str | dict[str, Any]) -> WorkflowSource:
        """Return a workflow by name or path, or the one written in the scenario."""
        place = ("workload", "workflow")
        if isinstance(which, dict):
            return WorkflowSource.read(scenario.below(place))
        if which not in self.workflows:
            document = open_named("workflow", which, self.base, scenario.mark(place), dotted(place))
            self.workflows[which] = WorkflowSource.read(document)
        return self.workflows[which]

    def subflow(self, caller: Document, place: Path, which: str) -> WorkflowSource:
        """Return the workflow file that a step at `place` of another one names."""
        base = FilePath(caller.source).parent if is_file_name(which) else self.base
        key = str(base / which) if is_file_name(which) else which
        if key not in self.workflows:
            document = open_named("workflow", which, base, caller.mark(place), dotted(place))
            self.workflows[key] = WorkflowSource.read(document)
        return self.workflows[key]

    def trace(self, scenario: Document, trace: Trace) -> tuple[int, ...]:
        """Return the arrivals of the whole recording that a load names or carries."""
        from scenarios.trace import recorded

        whole = trace.model_copy(update={"speed": 1.0, "begins": 0, "lasts": None})
        if whole not in self.traces:
            self.traces[whole] = recorded(scenario, whole, self.base)
        return self.traces[whole]

    def cluster(self, scenario: Document, choice: ClusterChoice) -> ClusterSource:
        """Return the cluster that a choice names or carries, its profiles and the choice's put in."""
        choice = named(choice, scenario)
        return chosen(self._cluster(scenario, choice), choice, scenario, self.base)

    def _cluster(self, scenario: Document, choice: ClusterChoice) -> ClusterSource:
        if choice.inline is not None:
            inline = ClusterSource.read(scenario.below(("cluster", "inline")), "inline")
            return with_profiles(inline, self.base)
        if choice.snapshot is not None:
            return _snapshot(scenario, choice.snapshot)
        if choice.files is not None:
            return self._files(scenario, choice.files)
        name = choice.profile or ""
        if name not in self.clusters:
            place = ("cluster", "profile")
            document = open_named("cluster", name, self.base, scenario.mark(place), dotted(place))
            stem, folder = name, self.base
            if is_file_name(name):
                stem, folder = FilePath(name).stem, (self.base / name).parent
            self.clusters[name] = with_profiles(ClusterSource.read(document, stem), folder)
        return self.clusters[name]

    def _files(self, scenario: Document, names: tuple[str, ...]) -> ClusterSource:
        key = "\n".join(names)
        if key not in self.clusters:
            documents = []
            for index, name in enumerate(names):
                place = ("cluster", "files", index)
                if not is_file_name(name):
                    raise scenario.error(place, f"'{name}' is no file", "a path, such as ./pods.json")
                documents.append(open_named("cluster", name, self.base, scenario.mark(place), dotted(place)))
            self.clusters[key] = ClusterSource.of_snapshot(documents, FilePath(names[0]).stem)
        return self.clusters[key]


def _snapshot(scenario: Document, text: str) -> ClusterSource:
    from scenarios.document import read_text

    document = read_text(text, scenario.source, as_json=True)
    name = document.data.get("name", "snapshot") if isinstance(document.data, dict) else "snapshot"
    return ClusterSource.read(document, str(name))


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
    regressions: Regressions | None = None  # `where` of its rules in the spelling of the points' coordinates

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

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing and refuses nothing: a kind of a snapshot that nothing acts on."""
        return tuple(str(note) for source in self.sources.clusters.values() for note in source.notes)

    def line_of(self, target_id: str) -> int:
        """Return the line on which a target begins, for annotations; 0 if it stands in no file."""
        ids = [target.id for target in self.targets]
        return self.document.mark(("targets", ids.index(target_id))).line if target_id in ids else 0

    def line_of_rule(self, rule_id: str) -> int:
        """Return the line on which a rule of `regressions` begins; 0 if it stands in no file."""
        ids = [rule.id for rule in self.regressions.rules] if self.regressions else []
        if rule_id not in ids:
            return 0
        return self.document.mark(("regressions", "rules", ids.index(rule_id))).line

    def resolved_yaml(self) -> str:
        """Return the whole scenario with every default explicit; loading it gives the same RunSpecs."""
        from scenarios.resolved import resolved_yaml

        return resolved_yaml(self)
