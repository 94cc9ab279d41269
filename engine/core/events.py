"""Everything that can happen to the engine, in the past tense.

A history is a sequence of these with their instants.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.core.definition import Workflow


class Failure(NamedTuple):
    """Why an attempt failed: a CamelCase `reason`, a sentence, and whether a retry can help."""

    reason: str
    message: str
    retryable: bool = True


@dataclass(slots=True)
class WorkflowRegistered:
    """A definition became known under its name."""

    workflow: Workflow


@dataclass(slots=True)
class ExecutionSubmitted:
    """Somebody asked for one run of a workflow. `execution_id` is unique and given, never drawn."""

    execution_id: str
    workflow: str
    variables: Mapping[str, Any]
    priority: int = 0


@dataclass(slots=True)
class AttemptSucceeded:
    """An attempt's action returned `outputs` (JSON)."""

    execution_id: str
    step_id: str
    attempt: int
    outputs: Mapping[str, Any]


@dataclass(slots=True)
class AttemptFailed:
    """An attempt's action raised an `ActionError`."""

    execution_id: str
    step_id: str
    attempt: int
    failure: Failure


@dataclass(slots=True)
class ConditionEvaluated:
    """The outcome of an expression over recorded values; `error` is set when it could not be evaluated."""

    execution_id: str
    step_id: str
    outcome: bool
    error: str = ""


@dataclass(slots=True)
class Remembered:
    """An attempt recorded a value that its successor after a crash or a retry will find."""

    execution_id: str
    step_id: str
    attempt: int
    key: str
    value: Any


@dataclass(slots=True)
class DeadlineReached:
    """Time came to `next_deadline()`: a timeout, the end of a back-off or of a wait step."""


Event = (
    WorkflowRegistered
    | ExecutionSubmitted
    | AttemptSucceeded
    | AttemptFailed
    | ConditionEvaluated
    | Remembered
    | DeadlineReached
)
