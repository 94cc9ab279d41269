"""From a workflow file and the values of its parameters to the engine's `Workflow`s."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.core.definition import Workflow
from engine.core.errors import DefinitionError
from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, one_of
from scenarios.problems import PROBLEMS_MAX, validated
from scenarios.workflow_checks import Scope, free_names, problems_of, text_problems, walk
from scenarios.workflow_expand import Expansion
from scenarios.workflow_schema import StepEntry, StepsEntry, WorkflowBody, WorkflowFile

Find = Callable[[Document, Path, str], "WorkflowSource"]
"""(the caller's document, the place of the name in it, the name) -> the workflow that it names."""


@dataclass(frozen=True)
class WorkflowSource:
    """A workflow file that has been read and whose header is sound."""

    document: Document
    file: WorkflowFile

    @classmethod
    def read(cls, document: Document) -> "WorkflowSource":
        """Check the header; the steps are checked when they are expanded."""
        if not isinstance(document.data, dict):
            raise document.error((), "not a workflow", "a mapping with apiVersion, kind, name and steps")
        return cls(document, validated(WorkflowFile, document))

    def values(self, given: Mapping[str, Any], scenario: Document) -> dict[str, Any]:
        """Return the value of every parameter; `ScenarioError` points into the scenario."""
        problems = []
        parameters = self.file.parameters
        for name, value in given.items():
            place: Path = ("workload", "parameters", name)
            if name not in parameters:
                expected = one_of(parameters) if parameters else "no parameters"
                message = f"workflow '{self.file.name}' has no parameter '{name}'"
                hint = did_you_mean(name, parameters)
                problems.append(scenario.problem(place, message, expected, hint, key=True))
            elif expected := parameters[name].refusal(value):
                problems.append(scenario.problem(place, f"found {value!r}", expected))
        if problems:
            raise ScenarioError(problems)
        return {name: given.get(name, parameter.default) for name, parameter in parameters.items()}

    def build(self, values: Mapping[str, Any], variables: Iterable[str]) -> Workflow:
        """Return the workflow; `variables` are the names that ``${...}`` may begin with."""
        return self.assemble(values, variables)[self.file.name]

    def assemble(
        self, values: Mapping[str, Any], variables: Iterable[str], find: "Find | None" = None
    ) -> "Assembly":
        """Return the workflow and all that it calls, each after what it calls itself.

        `find` opens what stands in another file; without it, everything stands in this one.
        """
        assembly = Assembly(find)
        document = Expansion(self.document, values).run()
        _Unit(assembly, self, document, self.file.name, self.file, ()).build(tuple(variables))
        return assembly


class Assembly:
    """Workflows being built together: a subflow before its callers, a cycle named by its path."""

    def __init__(self, find: Find | None) -> None:
        """Start with nothing built."""
        self.built: dict[str, Workflow] = {}
        self.free: dict[str, tuple[str, ...]] = {}  # the variables that each leaves to its caller
        self.semaphores: dict[str, int] = {}  # that their files declare
        self.signals: dict[str, None] = {}  # that their steps wait for
        self.files: dict[str, dict[str, WorkflowSource]] = {}  # caller -> what it names in other files
        self._find = find
        self._path: list[str] = []

    def __getitem__(self, name: str) -> Workflow:
        """Return one of the workflows."""
        return self.built[name]

    def enter(self, name: str, document: Document, place: Path) -> None:
        """Begin a workflow that the one begun before calls at `place`."""
        if name in self._path:
            cycle = " -> ".join([*self._path[self._path.index(name) :], name])
            raise document.error(place, f"a cycle of subflows: {cycle}", "workflows that can be put in order")
        self._path.append(name)

    def leave(self, workflow: Workflow, free: tuple[str, ...]) -> None:
        """Keep what has been built."""
        self._path.pop()
        self.built[workflow.name] = workflow
        self.free[workflow.name] = free

    def whole(self, source: WorkflowSource) -> dict[str, Any]:
        """Return a workflow file with all that it calls in other files written into it."""
        data: dict[str, Any] = source.document.data
        called = self.files.get(source.file.name, {})
        if not called:
            return data
        held = {name: self.whole(found) for name, found in called.items()}
        return {**data, "workflows": {**(data.get("workflows") or {}), **held}}

    def find(self, document: Document, place: Path, name: str, inline: Iterable[str]) -> WorkflowSource:
        """Return the workflow file that `name` means."""
        if self._find is None:
            raise document.error(
                place, f"unknown workflow '{name}'", one_of(inline), did_you_mean(name, inline)
            )
        return self._find(document, place, name)


class _Unit:
    """One workflow of a file: its own, or one of those that it holds for its subflow steps."""

    def __init__(
        self,
        assembly: Assembly,
        source: WorkflowSource,
        document: Document,
        name: str,
        body: WorkflowBody,
        base: Path,
    ) -> None:
        self.assembly = assembly
        self.source = source
        self.document = document
        self.name = name
        self.body = body
        self.base = base
        self.called: dict[str, str] = {}  # as the file writes it -> the name under which it is registered

    def build(self, variables: tuple[str, ...] | None, caller: tuple[Document, Path] | None = None) -> None:
        """Check and build, first what its steps call."""
        self.assembly.enter(self.name, *(caller or (self.document, ())))
        document, place = self.document, (*self.base, "steps")
        holder = document.data
        for piece in self.base:
            holder = holder[piece]
        if not holder["steps"]:
            raise document.error(place, "no step is left", "at least one step")
        steps = validated(StepsEntry, document, self.base).steps
        scope = Scope.of(document, steps, variables)
        problems = list(problems_of(scope, steps, place))
        for name, text in self.body.outputs.items():
            problems += text_problems(scope, text, (*self.base, "outputs", name))
        problems += self._subflows(steps, place)
        self.assembly.semaphores |= self.source.file.semaphores
        self.assembly.signals |= dict.fromkeys(step.signal for _, step in walk(steps, ()) if step.signal)
        if problems:
            raise ScenarioError(problems[:PROBLEMS_MAX])
        self.assembly.leave(self._workflow(steps), free_names(steps))

    def _subflows(self, steps: tuple[StepEntry, ...], base: Path) -> list[Problem]:
        problems = []
        for path, step in walk(steps, base):
            if step.kind == "subflow" and step.workflow:
                name = self._call(step.workflow, (*path, "workflow"))
                missing = [one for one in self.assembly.free[name] if one not in step.parameters]
                for variable in missing:
                    message = f"workflow '{step.workflow}' refers to ${{{variable}}}, and is not given it"
                    place = (*path, "parameters")
                    problems.append(self.document.problem(place, message, f"a parameter '{variable}'"))
        return problems

    def _call(self, named: str, place: Path) -> str:
        inline = self.source.file.workflows
        body = inline.get(named)
        if body is not None and not isinstance(body, WorkflowFile):
            name = f"{self.source.file.name}.{named}"
            unit = _Unit(self.assembly, self.source, self.document, name, body, ("workflows", named))
        else:
            if body is None:
                found = self.assembly.find(self.document, place, named, inline)
                self.assembly.files.setdefault(self.source.file.name, {})[named] = found
            else:
                found = WorkflowSource.read(self.source.document.below(("workflows", named)))
            name = found.file.name
            expanded = Expansion(found.document, found.values({}, self.document)).run()
            unit = _Unit(self.assembly, found, expanded, name, found.file, ())
        if name not in self.assembly.built:
            unit.build(None, (self.document, place))
        self.called[named] = name
        return name

    def _workflow(self, steps: tuple[StepEntry, ...]) -> Workflow:
        body = self.body
        try:
            return Workflow(
                self.name,
                tuple(self._renamed(step).build() for step in steps),
                body.timeout,
                body.on_step_failure,
                body.failures_max,
                body.compensate,
                body.outputs,
            )
        except DefinitionError as error:
            raise self.document.error((*self.base, "steps"), str(error)) from None

    def _renamed(self, step: StepEntry) -> StepEntry:
        changes: dict[str, Any] = {}
        if step.workflow in self.called:
            changes["workflow"] = self.called[step.workflow]
        if step.steps:
            changes["steps"] = tuple(self._renamed(child) for child in step.steps)
        return step.model_copy(update=changes) if changes else step
