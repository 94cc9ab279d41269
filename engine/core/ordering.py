"""Making the order of a level's steps cheaper, where nothing that an execution does can change.

*Transitive reduction* (`reduce`): an order that follows from others is not waited for. Only the waiting is
dropped: whether a step is skipped is still decided by all the needs that its definition names, all of which
have ended by then.

*Parallelisation* (`sequence`): neighbours in a sequential group run together where they are provably
independent. Anything that could tell the difference is a barrier, which everything before it precedes and
everything after it follows: a step that is no plain action, one with conditions or paths, one that names no
target. Two plain actions are independent if they name different targets by static parameters, refer to
nothing that the other gives, export nothing alike, and want no lock in common. What a failure leaves undone
may differ: of a sequence its later steps have not begun.
"""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from engine.core.definition import Step, StepKind

# The parameters by which actions name what they act on; those of one action say which kind it is.
TARGET_PARAMETERS: Final = (
    "namespace",
    "kind",
    "deployment",
    "statefulset",
    "daemonset",
    "pod",
    "node",
    "pvc",
    "backup_pvc",
    "secret",
    "hpa",
    "policy",
    "name",
)
_REFERENCE: Final = re.compile(r"\$\{([^{}]*)\}")


def reduce(order: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return an acyclic order without what follows from the rest: its transitive reduction."""
    before: dict[str, int] = {}  # everything that has ended when a step has, as a set of bits
    bits = {step_id: 1 << number for number, step_id in enumerate(order)}
    reduced: dict[str, list[str]] = {}
    for step_id in _from_first_to_last(order):
        needs = order[step_id]
        implied = 0
        for need in needs:
            implied |= before[need] & ~bits[need]
        reduced[step_id] = [need for need in needs if not bits[need] & implied]
        mine = bits[step_id]
        for need in needs:
            mine |= before[need]
        before[step_id] = mine
    return {step_id: reduced[step_id] for step_id in order}


def sequence(level: Sequence[Step], *, parallelise: bool) -> dict[str, list[str]]:
    """Return what each child of a sequential group waits for among those before it."""
    if not parallelise:
        return {level[0].id: []} | {after.id: [before.id] for before, after in pairwise(level)}
    facts = [_Independence(step) for step in level]
    order = {
        step.id: [
            before.id
            for before, known in zip(level[:position], facts, strict=False)
            if not known.is_independent(facts[position])
        ]
        for position, step in enumerate(level)
    }
    return reduce(order)


class _Independence:
    """What decides whether a step may run beside another."""

    __slots__ = ("exports", "is_plain", "locks", "refers", "step_id", "target")

    def __init__(self, step: Step) -> None:
        self.step_id = step.id
        self.target = {name: step.parameters[name] for name in TARGET_PARAMETERS if name in step.parameters}
        self.locks = tuple(name for name in (step.lock, *step.locks) if name)
        self.exports = tuple(step.exports)
        self.refers = _references((step.parameters, self.locks, step.rollback and step.rollback.parameters))
        paths = (step.when, step.ensure, step.needs, step.on_success, step.on_failure)
        self.is_plain = (
            step.kind is StepKind.ACTION
            and not any(paths)
            and not step.continue_on_failure
            and bool(self.target)
            and all(_is_static(value) for value in self.target.values())
            and all(_is_static(name) for name in self.locks)
        )

    def is_independent(self, other: "_Independence") -> bool:
        return (
            self.is_plain
            and other.is_plain
            and self.target.keys() == other.target.keys()
            and self.target != other.target
            and not self.gives(other)
            and not other.gives(self)
            and not any(name in other.exports for name in self.exports)
            and not any(name in other.locks for name in self.locks)
        )

    def gives(self, other: "_Independence") -> bool:
        """Tell whether the other refers to anything that this step gives."""
        given = (*self.exports, f"steps.{self.step_id}")
        return any(
            path == "steps" or any(f"{path}.".startswith(f"{name}.") for name in given)
            for path in other.refers
        )


def _references(value: Any) -> list[str]:
    """Return the paths of all references in a value."""
    found: list[str] = _REFERENCE.findall(json.dumps(value, sort_keys=True))
    return found


def _is_static(value: Any) -> bool:
    return isinstance(value, (str, int)) and "${" not in str(value)


def _from_first_to_last(order: Mapping[str, Sequence[str]]) -> list[str]:
    left = {step_id: len(needs) for step_id, needs in order.items()}
    dependents: dict[str, list[str]] = {step_id: [] for step_id in order}
    for step_id, needs in order.items():
        for need in needs:
            dependents[need].append(step_id)
    found = [step_id for step_id, count in left.items() if not count]
    for step_id in found:  # grows while it is walked
        for dependent in dependents[step_id]:
            left[dependent] -= 1
            if not left[dependent]:
                found.append(dependent)
    return found
