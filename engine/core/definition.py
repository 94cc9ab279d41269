"""What a workflow is: frozen definitions, validated when built.

A `Workflow` is a set of `Step`s ordered by `needs`. Group steps (`parallel`, `sequential`) hold children of
their own; ids are unique in the whole workflow, and `needs` name steps of the same level. Parameters may
refer to the execution's variables with ``${path.to.value}``, resolved when an attempt starts; conditions
are expressions over recorded values (see `engine.core.conditions`). The rules of validation are in
`engine.core.validation`.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.core import validation
from engine.core.errors import DefinitionError

SECOND_NS = 1_000_000_000


class StepKind(StrEnum):
    """What a step does."""

    ACTION = "action"  # runs an action of the catalogue
    CONDITION = "condition"  # evaluates an expression; where it is false, the steps that need it are skipped
    DECISION = "decision"  # takes the first branch whose expression is true; the other branches are skipped
    WAIT = "wait"  # lets declared time pass, without a step slot
    PARALLEL = "parallel"  # a group whose children start together, as far as their needs allow
    SEQUENTIAL = (
        "sequential"  # a group whose children run one after the other; a false condition skips the rest
    )


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed attempt is tried again.

    The delay after it is `delay_ns` x `backoff` ^ (attempt - 1), at most `delay_ns_max`.
    """

    max_attempts: int = 1
    delay_ns: int = SECOND_NS
    backoff: float = 2.0
    delay_ns_max: int = 300 * SECOND_NS

    def delay_after_ns(self, attempt: int) -> int:
        """Return how long to wait after failed attempt `attempt` (counted from 1)."""
        delay = float(self.delay_ns)
        for _ in range(
            attempt - 1
        ):  # repeated multiplication: the same bits on every machine, and it stops growing
            if delay >= self.delay_ns_max:
                break
            delay *= self.backoff
        return min(int(delay), self.delay_ns_max)


@dataclass(frozen=True, slots=True)
class Branch:
    """One way out of a decision: the steps that run if `when` is true (empty: the default branch).

    The steps are of the decision's own level and need it, whether they say so or not.
    """

    steps: tuple[str, ...]
    when: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Which fields apply depends on `kind`; a field that does not apply must be empty."""

    id: str
    kind: StepKind = StepKind.ACTION
    needs: tuple[str, ...] = ()
    when: str = ""  # an expression; where it is false the step is skipped
    action: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""
    branches: tuple[Branch, ...] = ()
    wait_ns: int = 0
    steps: tuple["Step", ...] = ()
    retry: RetryPolicy = RetryPolicy()
    timeout_ns: int | None = None  # of one attempt; None: the engine's default
    lock: str = ""  # a mutex held from before the first attempt until the step ends; may hold ${...}
    expected_ns: int = SECOND_NS  # what critical-path-first dispatch believes the step takes

    def walk(self) -> Iterator["Step"]:
        """Yield the step, then its descendants, depth first in order of definition."""
        yield self
        for child in self.steps:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A named, validated set of steps. Building one raises `DefinitionError` if it could not run."""

    name: str
    steps: tuple[Step, ...]
    timeout_ns: int | None = None  # of a whole execution, from its admission; None: the engine's default

    def __post_init__(self) -> None:
        """Refuse what could not run."""
        validation.validate(self)

    def walk(self) -> Iterator[Step]:
        """Yield every step, groups before their children, in order of definition."""
        for step in self.steps:
            yield from step.walk()

    def step(self, step_id: str) -> Step:
        """Return the step of that id, at any level; raises KeyError."""
        for step in self.walk():
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def to_json(self) -> dict[str, Any]:
        """Return the definition as JSON values; fields at their defaults are left out."""
        document: dict[str, Any] = {"name": self.name, "steps": [_to_json(step) for step in self.steps]}
        if self.timeout_ns is not None:
            document["timeout_ns"] = self.timeout_ns
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Workflow":
        """Build a workflow from what `to_json` gave; raises `DefinitionError` for anything else."""
        _refuse_unknown(document, ("name", "steps", "timeout_ns"), "workflow")
        try:
            steps = tuple(_step_from_json(step) for step in document["steps"])
            return cls(name=document["name"], steps=steps, timeout_ns=document.get("timeout_ns"))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            message = f"workflow {document.get('name', '')!r}: not a definition: {error!r}"
            raise DefinitionError(message) from error


def _to_json(part: Step | Branch | RetryPolicy) -> dict[str, Any]:
    """Return a part's fields that differ from their defaults; the id and a branch's steps always."""
    document: dict[str, Any] = {}
    for spec in dataclasses.fields(part):
        value = getattr(part, spec.name)
        if spec.default is not dataclasses.MISSING and value == spec.default:
            continue
        if spec.default_factory is not dataclasses.MISSING and value == spec.default_factory():
            continue
        document[spec.name] = _plain(value)
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, (Step, Branch, RetryPolicy)):
        return _to_json(value)
    if isinstance(value, StepKind):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return value


_STEP_FIELDS = tuple(spec.name for spec in dataclasses.fields(Step))
_BRANCH_FIELDS = tuple(spec.name for spec in dataclasses.fields(Branch))
_RETRY_FIELDS = tuple(spec.name for spec in dataclasses.fields(RetryPolicy))


def _step_from_json(document: Mapping[str, Any]) -> Step:
    _refuse_unknown(document, _STEP_FIELDS, f"step {document.get('id', '')!r}")
    fields = dict(document)
    if "kind" in fields:
        fields["kind"] = StepKind(fields["kind"])
    if "needs" in fields:
        fields["needs"] = tuple(fields["needs"])
    if "steps" in fields:
        fields["steps"] = tuple(_step_from_json(child) for child in fields["steps"])
    if "branches" in fields:
        fields["branches"] = tuple(_branch_from_json(branch) for branch in fields["branches"])
    if "retry" in fields:
        _refuse_unknown(fields["retry"], _RETRY_FIELDS, "retry")
        fields["retry"] = RetryPolicy(**fields["retry"])
    return Step(**fields)


def _branch_from_json(document: Mapping[str, Any]) -> Branch:
    _refuse_unknown(document, _BRANCH_FIELDS, "branch")
    return Branch(steps=tuple(document["steps"]), when=document.get("when", ""))


def _refuse_unknown(document: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    unknown = [name for name in document if name not in known]
    if unknown:
        message = f"{where}: unknown field {unknown[0]!r}; known are {', '.join(known)}"
        raise DefinitionError(message)
