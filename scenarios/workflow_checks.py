"""What the schema cannot see in a workflow's steps: names that lead nowhere, cycles, text that is no CEL."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from engine.core.action import ActionSpec
from engine.core.conditions import Conditions
from engine.core.errors import ConditionError
from scenarios.document import Document
from scenarios.errors import Path, Problem, did_you_mean, one_of
from scenarios.workflow_schema import StepEntry

STEPS: Final = "steps"  # ${steps.ID.outputs...}
_OF_LOOPS: Final = ("item", "index")
_OF_ROLLBACKS: Final = ("outputs", "memory")
_REFERENCE: Final = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_]*)(?:\.([A-Za-z0-9_-]+))?")


@dataclass(frozen=True)
class Scope:
    """What the steps of one workflow may refer to; `variables` None: whatever the caller gives."""

    document: Document
    variables: tuple[str, ...] | None
    step_ids: tuple[str, ...]

    @classmethod
    def of(cls, document: Document, steps: Iterable[StepEntry], variables: Iterable[str] | None) -> "Scope":
        """Return the scope of a workflow: its variables are those given, and those that its steps export."""
        all_steps = [step for _, step in walk(steps, ())]
        exported = [name for step in all_steps for name in step.exports]
        known = None if variables is None else tuple(dict.fromkeys([*variables, *exported]))
        return cls(document, known, tuple(step.id for step in all_steps))

    def inside_loop(self) -> "Scope":
        """Return the scope of a loop's body."""
        known = None if self.variables is None else (*self.variables, *_OF_LOOPS)
        return Scope(self.document, known, self.step_ids)


def walk(steps: Iterable[StepEntry], base: Path) -> Iterator[tuple[Path, StepEntry]]:
    """Yield every step with its place, groups before their children."""
    for index, step in enumerate(steps):
        yield (*base, index), step
        yield from walk(step.steps, (*base, index, "steps"))


def problems_of(scope: Scope, steps: tuple[StepEntry, ...], base: Path) -> Iterator[Problem]:
    """Yield what is wrong with the steps of one workflow that stand at `base`."""
    yield from _level(scope, steps, base)
    seen: dict[str, Path] = {}
    for path, step in walk(steps, base):
        if step.id in seen:
            message = f"a second step '{step.id}'"
            yield scope.document.problem((*path, "id"), message, "ids that are unique in the workflow")
        seen[step.id] = path


def free_names(steps: tuple[StepEntry, ...]) -> tuple[str, ...]:
    """Return the variables that the steps of a workflow refer to and do not provide themselves."""
    names: dict[str, None] = {}
    _collect_free(steps, (), names)
    exported = [name for _, step in walk(steps, ()) for name in step.exports]
    return tuple(name for name in names if name not in exported)


def _collect_free(steps: Iterable[StepEntry], bound: tuple[str, ...], names: dict[str, None]) -> None:
    for step in steps:
        for _, value, local in _referring(step):
            for name, _rest in _REFERENCE.findall(str(value)):
                if name not in (STEPS, *bound, *local):
                    names[name] = None
        _collect_free(step.steps, (*bound, *_OF_LOOPS) if step.kind == "loop" else bound, names)


def _level(scope: Scope, level: tuple[StepEntry, ...], base: Path) -> Iterator[Problem]:
    document = scope.document
    ids = [step.id for step in level]
    known = True
    for index, step in enumerate(level):
        place = (*base, index)
        for path, name in _step_names(step, place):
            if name not in ids:
                known = False
                yield document.problem(path, f"unknown step '{name}'", one_of(ids), did_you_mean(name, ids))
        yield from _action_problems(document, step, place)
        yield from _reference_problems(scope, step, place)
        yield from _expression_problems(document, step, place)
        inner = scope.inside_loop() if step.kind == "loop" else scope
        yield from _level(inner, step.steps, (*place, "steps"))
    if known and (cycle := _cycle(level)):
        index = ids.index(cycle[0])
        message = f"a cycle in needs: {' -> '.join(cycle)}"
        yield document.problem((*base, index, "needs"), message, "steps that can be put in order")


def _step_names(step: StepEntry, place: Path) -> Iterator[tuple[Path, str]]:
    lists: list[tuple[Path, tuple[str, ...]]] = [
        (("needs",), step.needs),
        (("on_success",), step.on_success),
        (("on_failure",), step.on_failure),
    ]
    lists += [(("branches", number, "steps"), branch.steps) for number, branch in enumerate(step.branches)]
    for path, names in lists:
        for position, name in enumerate(names):
            yield (*place, *path, position), name


def _cycle(level: tuple[StepEntry, ...]) -> list[str]:
    graph = {step.id: list(step.needs) for step in level}
    for step in level:
        for branch in step.branches:
            for name in branch.steps:
                graph[name].append(step.id)
        for name in (*step.on_success, *step.on_failure):
            graph[name].append(step.id)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]  # each needs the next
    return []


def _action_problems(document: Document, step: StepEntry, place: Path) -> Iterator[Problem]:
    from engine.registry import actions, conditions

    known = actions()
    if step.action and step.kind == "action":
        yield from _call_problems(
            document, ("action", step.action, known), step.parameters, place, complete=True
        )
    if step.fetch and step.kind in ("wait", "condition"):
        yield from _call_problems(
            document, ("fetch", step.fetch, conditions()), step.parameters, place, complete=True
        )
    if step.rollback and step.rollback.action:
        called = ("action", step.rollback.action, known)
        yield from _call_problems(
            document, called, step.rollback.parameters, (*place, "rollback"), complete=True
        )
    elif step.rollback and step.action in known and known[step.action].rollback is None:
        reason = known[step.action].irreversible
        message = f"{step.action} cannot be undone" + (f": {reason}" if reason else "")
        yield document.problem((*place, "rollback"), message, "rollback: {action: ...}")


def _call_problems(
    document: Document,
    called: tuple[str, str, Mapping[str, ActionSpec]],
    parameters: Mapping[str, Any],
    place: Path,
    *,
    complete: bool,
) -> Iterator[Problem]:
    key, name, known = called
    spec = known.get(name)
    if spec is None:
        what = "action" if key == "action" else "source of conditions"
        yield document.problem(
            (*place, key), f"unknown {what} '{name}'", one_of(known), did_you_mean(name, known)
        )
        return
    for given, value in parameters.items():
        where = (*place, "parameters", given)
        parameter = spec.parameters.get(given)
        if parameter is None:
            message = f"{name} has no parameter '{given}'"
            hint = did_you_mean(given, spec.parameters)
            yield document.problem(where, message, one_of(spec.parameters), hint, key=True)
        elif value is not None and "${" not in str(value) and not parameter.accepts(value):
            yield document.problem(where, f"found {value!r}", f"a value of type {parameter.type}")
    for wanted, parameter in spec.parameters.items():
        if complete and parameter.required and wanted not in parameters:
            yield document.problem((*place, "parameters"), f"{name} needs the parameter '{wanted}'")


def _referring(step: StepEntry) -> Iterator[tuple[Path, Any, tuple[str, ...]]]:
    """Yield what may hold references, with the names that are known there and nowhere else."""
    for key, value in step.parameters.items():
        yield ("parameters", key), value, ()
    yield ("lock",), step.lock, ()
    for position, lock in enumerate(step.locks):
        yield ("locks", position), lock, ()
    yield ("until",), step.until, ()
    yield ("items",), step.items, ()
    for position, bound in enumerate(step.range):
        yield ("range", position), bound, ()
    for key, value in step.rollback.parameters.items() if step.rollback else ():
        yield ("rollback", "parameters", key), value, _OF_ROLLBACKS


def _reference_problems(scope: Scope, step: StepEntry, place: Path) -> Iterator[Problem]:
    for path, value, local in _referring(step):
        yield from text_problems(scope, value, (*place, *path), local)


def text_problems(scope: Scope, value: Any, place: Path, local: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Yield what is wrong with the references in a value."""
    for name, rest in _REFERENCE.findall(str(value)):
        if name == STEPS:
            known, shown, wanted = scope.step_ids, f"${{steps.{rest}...}} is no step", rest
        elif name in local or scope.variables is None:
            continue
        else:
            known, shown, wanted = scope.variables, f"${{{name}...}} is no variable", name
        if wanted not in known:
            expected = one_of(known) if known else "variables or targets in the workload"
            yield scope.document.problem(place, shown, expected, did_you_mean(wanted, known))


def _expression_problems(document: Document, step: StepEntry, place: Path) -> Iterator[Problem]:
    names = ("when", "condition", "ensure", "break_when")
    texts: list[tuple[Path, str]] = [((name,), getattr(step, name)) for name in names]
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
