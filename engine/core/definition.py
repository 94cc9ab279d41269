"""What a workflow is: frozen definitions, validated when built.

A `Workflow` is a set of `Step`s ordered by `needs`. Group steps (`parallel`, `sequential`) and loops hold
children of their own; ids are unique in the whole workflow, and `needs` name steps of the same level.
Parameters may refer to variables with ``${path.to.value}`` and to what steps gave with
``${steps.ID.outputs.path}``, resolved when an attempt starts; conditions are expressions over recorded
values (see `engine.core.conditions`). The rules of validation are in `engine.core.validation`.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from engine.core import validation
from engine.core.errors import DefinitionError

SECOND_NS = 1_000_000_000
FailurePolicy = Literal["fail-fast", "continue", "tolerate"]


class StepKind(StrEnum):
    """What a step does."""

    ACTION = "action"  # runs an action of the catalogue
    CONDITION = "condition"  # evaluates an expression; where it is false, the steps that need it are skipped
    DECISION = "decision"  # takes the first branch whose expression is true; the other branches are skipped
    WAIT = "wait"  # until time has passed, an instant has come, a signal arrives, or a condition holds
    PARALLEL = "parallel"  # a group whose children start together, as far as their needs allow
    SEQUENTIAL = (
        "sequential"  # a group whose children run one after the other; a false condition skips the rest
    )
    LOOP = "loop"  # its children once for each item of a list, or number of a range
    SUBFLOW = "subflow"  # one run of another workflow, inside this one


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
class Rollback:
    """How a step is undone: by `action`, or, where it is empty, by its own action's `rollback`.

    Parameters may refer to what the step gave and remembered: ``${outputs.path}``, ``${memory.key}``. Where
    they are empty and so is `action`, the step's own parameters are given.
    """

    action: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    retry: RetryPolicy = RetryPolicy()
    timeout_ns: int | None = None  # of one attempt; None: the engine's default


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Which fields apply depends on `kind`; a field that does not apply must be empty.

    A *wait* names exactly one of `wait_ns`, `until`, `signal`, and `fetch` with `condition`. A *condition*
    may `fetch` first: an attempt of that name whose outputs the expression sees as ``value``. A *loop* names
    one of `items` and `range`; its body sees the variables ``item`` and ``index``.
    """

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
    # What its end leads to
    on_success: tuple[str, ...] = ()  # steps of its level that need it and run only if it completed
    on_failure: tuple[str, ...] = ()  # the same if it failed; the failure then counts as handled
    continue_on_failure: bool = (
        False  # what needs it runs as if it had ended well, and the failure counts nowhere
    )
    ensure: str = ""  # an expression asked after success; where it is false the attempt has failed
    exports: Mapping[str, str] = field(
        default_factory=dict
    )  # variable -> path in the outputs ("": all of them)
    rollback: Rollback | None = None
    # Waits and conditions
    until: str = ""  # an instant: RFC 3339, or seconds on the engine's clock; may hold ${...}
    signal: str = ""  # its payload becomes the outputs
    fetch: str = ""  # the source of a condition: metric, resource, time, or one of the user's own
    poll_ns: int = 5 * SECOND_NS  # of a wait that fetches: how long after one answer it asks again
    # Loops
    items: str | tuple[Any, ...] = ()  # a list, or ${path} to one
    range: tuple[int | str, ...] = ()  # start, stop, step; each a number or ${path} to one
    parallelism: int = 1  # iterations at once
    iterations_max: int = 100
    break_when: str = ""  # an expression asked after each iteration; where it is true the loop ends
    # Subflows: `parameters` become its variables
    workflow: str = ""
    # Limits
    locks: tuple[str, ...] = ()  # more of them, taken together; may hold ${...}
    demand: Mapping[str, int] = field(default_factory=dict)  # of the cluster: cpu_m, memory_b, pods

    def walk(self) -> Iterator["Step"]:
        """Yield the step, then its descendants, depth first in order of definition."""
        yield self
        for child in self.steps:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A named, validated set of steps. Building one raises `DefinitionError` if it could not run.

    `on_step_failure` says what an unhandled failure does: ``fail-fast`` stops everything else; ``continue``
    does all that does not need the failed step, then fails; ``tolerate`` does the same and completes, with up
    to `failures_max` of them. `compensate` undoes completed steps when an execution fails or is cancelled.
    """

    name: str
    steps: tuple[Step, ...]
    timeout_ns: int | None = None  # of a whole execution, from its admission; None: the engine's default
    on_step_failure: FailurePolicy = "fail-fast"
    failures_max: int = 0
    compensate: bool = False
    outputs: Mapping[str, str] = field(
        default_factory=dict
    )  # of a subflow: name -> text that may hold ${...}

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
        return _to_json(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Workflow":
        """Build a workflow from what `to_json` gave; raises `DefinitionError` for anything else."""
        try:
            return cls(**_read(cls, document, "workflow"))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            message = f"workflow {document.get('name', '')!r}: not a definition: {error!r}"
            raise DefinitionError(message) from error


Part = Workflow | Step | Branch | RetryPolicy | Rollback


def _to_json(part: Part) -> dict[str, Any]:
    """Return a part's fields that differ from their defaults; those without a default always."""
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
    if isinstance(value, Part):
        return _to_json(value)
    if isinstance(value, StepKind):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return value


def _step(document: Mapping[str, Any]) -> Step:
    return Step(**_read(Step, document, f"step {document.get('id', '')!r}"))


def _branch(document: Mapping[str, Any]) -> Branch:
    return Branch(**_read(Branch, document, "branch"))


def _retry(document: Mapping[str, Any]) -> RetryPolicy:
    return RetryPolicy(**_read(RetryPolicy, document, "retry"))


def _rollback(document: Mapping[str, Any]) -> Rollback:
    return Rollback(**_read(Rollback, document, "rollback"))


# How fields are read that JSON writes otherwise; a branch's steps are ids, and so no more than a tuple.
_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "kind": StepKind,
    "retry": _retry,
    "rollback": _rollback,
    "branches": lambda rows: tuple(_branch(row) for row in rows),
    **dict.fromkeys(("needs", "on_success", "on_failure", "range", "locks"), tuple),
    "items": lambda value: value if isinstance(value, str) else tuple(value),
}


def _read(kind: type[Part], document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the fields of a part as its constructor takes them; refuses those it does not have."""
    known = tuple(spec.name for spec in dataclasses.fields(kind))
    unknown = [name for name in document if name not in known]
    if unknown:
        message = f"{where}: unknown field {unknown[0]!r}; known are {', '.join(known)}"
        raise DefinitionError(message)
    read = {name: _READERS[name](value) if name in _READERS else value for name, value in document.items()}
    if "steps" in read:
        steps = read["steps"]
        read["steps"] = tuple(steps) if kind is Branch else tuple(_step(child) for child in steps)
    return read
