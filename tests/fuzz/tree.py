"""The steps of an execution by their full ids, read from the definitions alone."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from engine.core.definition import Step, StepKind, Workflow

_PART: Final = re.compile(r"([^./\[]+)(\[\d+\])?([./]|$)")


class Place(NamedTuple):
    """A step of a definition in one scope: an execution, an iteration of a loop, a call of a workflow."""

    scope: str  # what all full ids of the scope begin with
    step: Step

    @property
    def id(self) -> str:
        return self.scope + self.step.id


class Tree:
    """Finds steps, what is around them, and what they need."""

    def __init__(self, workflow: Workflow, workflows: Mapping[str, Workflow]) -> None:
        self._workflow = workflow
        self._workflows = workflows
        self._places: dict[str, Place] = {}
        self._around: dict[str, tuple[Place | None, tuple[Step, ...]]] = {}

    def place(self, full_id: str) -> Place:
        """Return the step of a full id."""
        found = self._places.get(full_id)
        if found is None:
            self._find(full_id)
            found = self._places[full_id]
        return found

    def around(self, place: Place) -> tuple[Place | None, tuple[Step, ...]]:
        """Return the group, loop or call right around a step, and its level."""
        self.place(place.id)
        return self._around[place.id]

    def within(self, place: Place) -> Iterator[Place]:
        """Yield a step, and then the steps around it, outwards."""
        current: Place | None = place
        while current is not None:
            yield current
            current = self.around(current)[0]

    def needs(self, place: Place, *, in_sequence: bool = True) -> Iterator[Place]:
        """Yield what must have ended before a step of this level begins, as its definition says.

        Without `in_sequence`, children of a sequential group need not wait for the one before.
        """
        around, level = self.around(place)
        step = place.step
        for position, other in enumerate(level):
            if other.id == step.id:
                is_ordered = around is not None and around.step.kind is StepKind.SEQUENTIAL
                if in_sequence and is_ordered and position:
                    yield Place(place.scope, level[position - 1])
                continue
            leads = any(step.id in branch.steps for branch in other.branches)
            if other.id in step.needs or leads or step.id in (*other.on_success, *other.on_failure):
                yield Place(place.scope, other)

    def is_inside(self, full_id: str, place: Place) -> bool:
        """Tell whether a full id is that of a step or of something inside it."""
        if full_id == place.id or full_id.startswith((f"{place.id}[", f"{place.id}/")):
            return True
        if not full_id.startswith(place.scope):
            return False
        return any(
            full_id == place.scope + step.id
            or full_id.startswith((f"{place.scope}{step.id}[", f"{place.scope}{step.id}/"))
            for step in place.step.walk()
        )

    def _find(self, full_id: str) -> None:
        workflow, scope, around = self._workflow, "", None
        level: tuple[Step, ...] = workflow.steps
        for part in _PART.finditer(full_id):
            step_id, _, separator = part.groups()
            outer = self._add_level(level, scope, around, step_id)
            if not separator:
                return
            scope = full_id[: part.end()]
            around = outer
            if separator == "/":
                workflow = self._workflows[outer.step.workflow]
                level = workflow.steps
            else:
                level = outer.step.steps
        message = f"no step {full_id!r}"
        raise KeyError(message)

    def _add_level(self, level: tuple[Step, ...], scope: str, around: Place | None, wanted: str) -> Place:
        """Note the steps of a level and of the groups in it; return the one that is wanted."""
        found: Place | None = None
        pending = [(level, around)]
        while pending:
            steps, outer = pending.pop()
            for step in steps:
                place = Place(scope, step)
                self._places[place.id] = place
                self._around[place.id] = (outer, steps)
                if step.id == wanted:
                    found = place
                if step.kind in (StepKind.PARALLEL, StepKind.SEQUENTIAL):
                    pending.append((step.steps, place))
        if found is None:
            message = f"no step {wanted!r} in scope {scope!r}"
            raise KeyError(message)
        return found
