"""The workflow file: its header, and its steps once their templates have been expanded."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from engine.core.definition import Branch, RetryPolicy, Step, StepKind
from scenarios.fields import Duration, Model, Name, PositiveDuration, Rows, custom_error
from scenarios.units import SECOND_NS

Scalar = str | int | float | bool


class WorkflowParameter(Model):
    """A parameter of a workflow file: a default, and for numbers the range in which it makes sense."""

    default: Scalar
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
            return {str: "text", bool: "true or false", int: "an integer", float: "a number"}[wanted]
        if isinstance(value, int | float) and number:
            if self.min is not None and value < self.min:
                return f"at least {self.min}"
            if self.max is not None and value > self.max:
                return f"at most {self.max}"
        return ""


class WorkflowFile(Model):
    """A workflow. Steps may hold templates (``{{ CEL }}`` over parameters and ``i``) and `repeat` blocks."""

    api_version: Annotated[Literal["headroom/v1"], Field(alias="apiVersion")]
    kind: Literal["Workflow"]
    name: Name
    description: str = ""
    parameters: dict[str, WorkflowParameter] = Field(default_factory=dict)
    timeout: PositiveDuration | None = None  # of a whole execution
    steps: Annotated[list[Any], Field(min_length=1)]


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


class StepEntry(Model):
    """One step, templates expanded."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?$")]
    kind: Literal["action", "condition", "decision", "wait", "parallel", "sequential"] = "action"
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
        )


class StepsEntry(Model):
    """All steps of an expanded workflow."""

    steps: Rows[StepEntry]
