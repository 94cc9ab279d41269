"""Everything the engine may ask of its world, in the imperative."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class StartAttempt:
    """Run `action` with `parameters`; answer with `AttemptSucceeded` or `AttemptFailed`.

    `memory` is what earlier attempts of the step remembered.
    """

    execution_id: str
    step_id: str
    attempt: int
    action: str
    parameters: Mapping[str, Any]
    memory: Mapping[str, Any]


@dataclass(slots=True)
class CancelAttempt:
    """Stop an attempt that is running; its result, should one come, must not be reported."""

    execution_id: str
    step_id: str
    attempt: int


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
