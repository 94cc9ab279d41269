"""Everything the engine may ask of its world, in the imperative."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_NOTHING: Final[Mapping[str, Any]] = {}  # shared, as most commands have no outputs


@dataclass(slots=True)
class StartAttempt:
    """Run `action` with `parameters`; answer with `AttemptSucceeded` or `AttemptFailed`.

    `memory` is what earlier attempts of the step remembered. With `is_rollback`, undo what the step did: by
    the action's `rollback`, from the step's `outputs`.
    """

    execution_id: str
    step_id: str
    attempt: int
    action: str
    parameters: Mapping[str, Any]
    memory: Mapping[str, Any]
    is_rollback: bool = False
    outputs: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)


@dataclass(slots=True)
class CancelAttempt:
    """Stop an attempt that is running; its result, should one come, must not be reported.

    It may clean up first; answer with `AttemptCancelled` when it has stopped. With `is_final` its grace is
    over: stop it here and now, and answer nothing.
    """

    execution_id: str
    step_id: str
    attempt: int
    is_final: bool = False


@dataclass(slots=True)
class EvaluateCondition:
    """Evaluate `expression` over `values` and answer with `ConditionEvaluated` at once."""

    execution_id: str
    step_id: str
    expression: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class ReportExecution:
    """An execution has ended; its facts can be read from the engine, then forgotten."""

    execution_id: str


Command = StartAttempt | CancelAttempt | EvaluateCondition | ReportExecution
