"""From a workflow file and the values of its parameters to the engine's `Workflow`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from engine.core.conditions import Conditions
from engine.core.definition import Workflow
from engine.core.errors import ConditionError, DefinitionError
from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, one_of
from scenarios.problems import validated
from scenarios.workflow_expand import Expansion
from scenarios.workflow_schema import StepEntry, StepsEntry, WorkflowFile

_REFERENCE: Final = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_]*)")


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
        document = Expansion(self.document, values).run()
        if not document.data["steps"]:
            raise document.error(("steps",), "no step is left", "at least one step")
        steps = validated(StepsEntry, document).steps
        problems = list(_problems(document, steps, ("steps",), tuple(variables)))
        problems += _duplicates(document, steps)
        if problems:
            raise ScenarioError(problems[:50])
        try:
            return Workflow(self.file.name, tuple(step.build() for step in steps), self.file.timeout)
        except DefinitionError as error:
            raise self.document.error(("steps",), str(error)) from None


def _duplicates(document: Document, steps: Iterable[StepEntry]) -> Iterator[Problem]:
    seen: dict[str, Path] = {}
    for path, step in _walk(steps, ("steps",)):
        if step.id in seen:
            yield document.problem(
                (*path, "id"), f"a second step '{step.id}'", "ids that are unique in the workflow"
            )
        seen[step.id] = path


def _walk(steps: Iterable[StepEntry], base: Path) -> Iterator[tuple[Path, StepEntry]]:
    for index, step in enumerate(steps):
        yield (*base, index), step
        yield from _walk(step.steps, (*base, index, "steps"))


def _problems(
    document: Document, level: tuple[StepEntry, ...], base: Path, variables: tuple[str, ...]
) -> Iterator[Problem]:
    ids = [step.id for step in level]
    known = True
    for index, step in enumerate(level):
        place = (*base, index)
        for path, name in _step_names(step, place):
            if name not in ids:
                known = False
                yield document.problem(path, f"unknown step '{name}'", one_of(ids), did_you_mean(name, ids))
        yield from _action_problems(document, step, place)
        yield from _reference_problems(document, step, place, variables)
        yield from _expression_problems(document, step, place)
        yield from _problems(document, step.steps, (*place, "steps"), variables)
    if known and (cycle := _cycle(level)):
        index = ids.index(cycle[0])
        message = f"a cycle in needs: {' -> '.join(cycle)}"
        yield document.problem((*base, index, "needs"), message, "steps that can be put in order")


def _step_names(step: StepEntry, place: Path) -> Iterator[tuple[Path, str]]:
    for position, name in enumerate(step.needs):
        yield (*place, "needs", position), name
    for number, branch in enumerate(step.branches):
        for position, name in enumerate(branch.steps):
            yield (*place, "branches", number, "steps", position), name


def _cycle(level: tuple[StepEntry, ...]) -> list[str]:
    graph = {step.id: list(step.needs) for step in level}
    for step in level:
        for branch in step.branches:
            for name in branch.steps:
                graph[name].append(step.id)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]  # each needs the next
    return []


def _action_problems(document: Document, step: StepEntry, place: Path) -> Iterator[Problem]:
    from engine.actions import CATALOGUE

    if not step.action or step.kind != "action":
        return
    action = CATALOGUE.get(step.action)
    if action is None:
        hint = did_you_mean(step.action, CATALOGUE)
        yield document.problem((*place, "action"), f"unknown action '{step.action}'", one_of(CATALOGUE), hint)
        return
    for name, value in step.parameters.items():
        where = (*place, "parameters", name)
        parameter = action.parameters.get(name)
        if parameter is None:
            message = f"{step.action} has no parameter '{name}'"
            hint = did_you_mean(name, action.parameters)
            yield document.problem(where, message, one_of(action.parameters), hint, key=True)
        elif value is not None and "${" not in str(value) and not parameter.accepts(value):
            yield document.problem(where, f"found {value!r}", f"a value of type {parameter.type}")
    for name, parameter in action.parameters.items():
        if parameter.required and name not in step.parameters:
            yield document.problem((*place, "parameters"), f"{step.action} needs the parameter '{name}'")


def _reference_problems(
    document: Document, step: StepEntry, place: Path, variables: tuple[str, ...]
) -> Iterator[Problem]:
    texts = [(("parameters", key), value) for key, value in step.parameters.items()] + [
        (("lock",), step.lock)
    ]
    for path, value in texts:
        for name in _REFERENCE.findall(str(value)):
            if name not in variables:
                expected = one_of(variables) if variables else "variables or targets in the workload"
                hint = did_you_mean(name, variables)
                yield document.problem((*place, *path), f"${{{name}...}} is no variable", expected, hint)


def _expression_problems(document: Document, step: StepEntry, place: Path) -> Iterator[Problem]:
    texts: list[tuple[Path, str]] = [(("when",), step.when), (("condition",), step.condition)]
    texts += [(("branches", number, "when"), branch.when) for number, branch in enumerate(step.branches)]
    for path, text in texts:
        if text:
            try:
                _conditions().compile(text)
            except ConditionError as error:
                expected = "a condition in CEL over variables and steps"
                yield document.problem((*place, *path), " ".join(str(error).split()), expected)


@cache
def _conditions() -> Conditions:
    from engine.cel import CelConditions

    return CelConditions()
