"""The workflow file: its header, and its steps once their templates have been expanded."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from engine.core.definition import Branch, FailurePolicy, RetryPolicy, Rollback, Step, StepKind
from scenarios.fields import (
    Duration,
    Model,
    Name,
    PositiveDuration,
    Quantity,
    Rows,
    custom_error,
    with_units,
)
from scenarios.units import SECOND_NS, UnitError, parse_bytes, parse_cpu, parse_duration

Scalar = str | int | float | bool
Given = Scalar | list[Any]
STEP_ID = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?$"
ITERATIONS_MAX = 10_000
UNTIL_EXPECTED = "an instant such as 2026-01-31T08:00:00Z, a duration after the start such as 30s, or ${path}"


class WorkflowParameter(Model):
    """A parameter of a workflow file: a default, and for numbers the range in which it makes sense."""

    default: Given
    min: int | float | None = None
    max: int | float | None = None
    summary: str = ""

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if wrong := self.refusal(self.default):
            raise custom_error(f"default {self.default!r}", wrong, at=("default",))
        return self

    def refusal(self, value: object) -> str:
        """Return what was expected if `value` does not fit, else nothing."""
        wanted = type(self.default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if type(value) is not wanted and not (wanted is float and number):
            return _KINDS[wanted]
        if isinstance(value, int | float) and number:
            if self.min is not None and value < self.min:
                return f"at least {self.min}"
            if self.max is not None and value > self.max:
                return f"at most {self.max}"
        return ""


_KINDS = {str: "text", bool: "true or false", int: "an integer", float: "a number", list: "a list"}


class WorkflowBody(Model):
    """What a workflow is, apart from its name. Steps may hold templates and `repeat` blocks."""

    description: str = ""
    timeout: PositiveDuration | None = None  # of a whole execution
    on_step_failure: FailurePolicy = "fail-fast"  # what an unhandled failure of a step does to the rest
    failures_max: Annotated[int, Field(ge=0, le=10_000)] = 0  # of `tolerate`: so many, and it completes
    compensate: bool = False  # undo what was completed when an execution fails or is cancelled
    outputs: dict[str, str] = Field(default_factory=dict)  # of a subflow: name -> text with ${...}
    steps: Annotated[list[Any], Field(min_length=1)]


def _body_or_file(value: Any) -> str:
    is_file = "apiVersion" in value if isinstance(value, dict) else isinstance(value, WorkflowFile)
    return "file" if is_file else "body"


Inline = Annotated[
    Annotated[WorkflowBody, Tag("body")] | Annotated["WorkflowFile", Tag("file")],
    Discriminator(_body_or_file),
]
"""A workflow that a file holds: nothing but its body, or a whole file with parameters of its own."""


class WorkflowFile(WorkflowBody):
    """A workflow. Steps may hold templates (``{{ CEL }}`` over parameters and ``i``) and `repeat` blocks."""

    api_version: Annotated[Literal["headroom/v1"], Field(alias="apiVersion")]
    kind: Literal["Workflow"]
    name: Name
    parameters: dict[str, WorkflowParameter] = Field(default_factory=dict)
    workflows: dict[str, Inline] = Field(default_factory=dict)  # what its subflow steps may call
    semaphores: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=dict
    )  # locks that more than one may hold; a scenario's engine may say otherwise


class RetryEntry(Model):
    """How often a failed attempt is tried again."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 1
    delay: Duration = SECOND_NS
    backoff: Annotated[float, Field(ge=1, le=100)] = 2.0
    delay_max: Duration = 300 * SECOND_NS

    def build(self) -> RetryPolicy:
        """Return the engine's policy."""
        return RetryPolicy(self.max_attempts, self.delay, self.backoff, self.delay_max)


class BranchEntry(Model):
    """One way out of a decision; an empty `when` is the default branch, and the last."""

    when: str = ""
    steps: Annotated[Rows[str], Field(min_length=1)]


class RollbackEntry(Model):
    """How a step is undone: by an action of its own, or by what its action has for it."""

    action: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    retry: RetryEntry = RetryEntry()
    timeout: PositiveDuration | None = None  # of one attempt; the engine's step_timeout otherwise

    def build(self) -> Rollback:
        """Return the engine's form."""
        return Rollback(self.action, self.parameters, self.retry.build(), self.timeout)


class Demand(Model):
    """What a step takes of the cluster, for an engine that does not start what would find no place."""

    cpu: Quantity = "0"
    memory: Quantity = "0"
    pods: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    def build(self) -> dict[str, int]:
        """Return what is not zero, in the engine's units."""
        amounts = {"cpu_m": parse_cpu(self.cpu), "memory_b": parse_bytes(self.memory), "pods": self.pods}
        return {name: amount for name, amount in amounts.items() if amount}


def _until(value: object) -> object:
    """Return an instant as the engine reads it: RFC 3339, seconds on its clock, or a reference."""
    if isinstance(value, str) and ("${" in value or "-" in value or value == ""):
        return value
    try:
        duration_ns = parse_duration(value)
    except UnitError as error:
        raise UnitError(error.message, UNTIL_EXPECTED, error.hint) from None
    whole, rest = divmod(duration_ns, SECOND_NS)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") if rest else str(whole)


def _bounds(value: object) -> object:
    """Return start, stop and step of a range that may leave the first and the last of them out."""
    if not isinstance(value, list) or not 1 <= len(value) <= 3:
        raise UnitError(f"{value!r} is no range", "[stop], [start, stop] or [start, stop, step]")
    wrong = [bound for bound in value if isinstance(bound, bool) or not isinstance(bound, int | str)]
    if wrong:
        raise UnitError(f"{wrong[0]!r} in a range", "whole numbers or ${path}")
    start, stop, step = {1: [0, *value, 1], 2: [*value, 1], 3: value}[len(value)]
    return (start, stop, step)


Until = Annotated[str, BeforeValidator(with_units(_until))]
Range = Annotated[
    tuple[int | str, ...],
    BeforeValidator(with_units(_bounds)),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "minItems": 1,
            "maxItems": 3,
        }
    ),
]


class StepEntry(Model):
    """One step, templates expanded. Which keys apply depends on `kind`."""

    id: Annotated[str, Field(pattern=STEP_ID)]
    kind: Literal["action", "condition", "decision", "wait", "parallel", "sequential", "loop", "subflow"] = (
        "action"
    )
    needs: Rows[str] = ()
    when: str = ""
    action: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    condition: str = ""
    branches: Rows[BranchEntry] = ()
    wait: Duration = 0
    steps: Rows["StepEntry"] = ()
    retry: RetryEntry = RetryEntry()
    timeout: PositiveDuration | None = None  # of one attempt; the engine's step_timeout otherwise
    lock: str = ""
    expected: Duration = SECOND_NS  # what critical-path dispatch believes the step takes
    on_success: Rows[str] = ()  # steps that need this one and run only if it completed
    on_failure: Rows[str] = ()  # the same if it failed, which is then handled
    continue_on_failure: bool = False  # what needs it runs all the same, and the failure counts nowhere
    ensure: str = ""  # CEL asked after success; where it is false, the attempt has failed
    exports: dict[str, str] = Field(default_factory=dict)  # variable -> path in the outputs
    rollback: RollbackEntry | None = None
    until: Until = ""  # of a wait
    signal: str = ""  # of a wait: its name; the payload becomes the outputs
    fetch: str = ""  # of a wait or condition: metric, resource, time, or a source of one's own
    poll: PositiveDuration = 5 * SECOND_NS  # of a wait that fetches: from one answer to the next question
    items: str | list[Any] = Field(default_factory=list)  # of a loop: a list, or ${path} to one
    range: Range = ()  # of a loop: start, stop, step
    parallelism: Annotated[int, Field(ge=1, le=ITERATIONS_MAX)] = 1  # of a loop: iterations at once
    iterations_max: Annotated[int, Field(ge=1, le=ITERATIONS_MAX)] = 100
    break_when: str = ""  # of a loop: CEL asked after each iteration
    workflow: str = ""  # of a subflow: one of `workflows`, or a workflow file, or a shipped one
    locks: Rows[str] = ()  # taken together; may hold ${...}
    demand: Demand = Demand()

    def build(self) -> Step:
        """Return the engine's step."""
        return Step(
            id=self.id,
            kind=StepKind(self.kind),
            needs=self.needs,
            when=self.when,
            action=self.action,
            parameters=self.parameters,
            condition=self.condition,
            branches=tuple(Branch(branch.steps, branch.when) for branch in self.branches),
            wait_ns=self.wait,
            steps=tuple(child.build() for child in self.steps),
            retry=self.retry.build(),
            timeout_ns=self.timeout,
            lock=self.lock,
            expected_ns=self.expected,
            on_success=self.on_success,
            on_failure=self.on_failure,
            continue_on_failure=self.continue_on_failure,
            ensure=self.ensure,
            exports=self.exports,
            rollback=self.rollback.build() if self.rollback else None,
            until=self.until,
            signal=self.signal,
            fetch=self.fetch,
            poll_ns=self.poll,
            items=self.items if isinstance(self.items, str) else tuple(self.items),
            range=self.range,
            parallelism=self.parallelism,
            iterations_max=self.iterations_max,
            break_when=self.break_when,
            workflow=self.workflow,
            locks=self.locks,
            demand=self.demand.build(),
        )


class StepsEntry(Model):
    """All steps of an expanded workflow; `workflows` are checked by themselves."""

    steps: Rows[StepEntry]
    workflows: dict[str, Any] = Field(default_factory=dict)
