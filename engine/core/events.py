"""Everything that can happen to the engine, in the past tense.

A history is a sequence of these with their instants.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

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


@dataclass(slots=True)
class AttemptCancelled:
    """An attempt that was to stop has stopped: its clean-up, if it had any, is done."""

    execution_id: str
    step_id: str
    attempt: int


@dataclass(slots=True)
class PauseRequested:
    """Somebody wants nothing more of an execution to start; what runs goes on to its end."""

    execution_id: str


@dataclass(slots=True)
class ResumeRequested:
    """Somebody wants a paused execution to go on."""

    execution_id: str


@dataclass(slots=True)
class CancelRequested:
    """Somebody wants an execution stopped; with `compensate`, what it completed is undone."""

    execution_id: str
    reason: str
    compensate: bool = False


@dataclass(slots=True)
class SignalReceived:
    """A signal came in for an execution; one that no step waits for yet is kept."""

    execution_id: str
    name: str
    payload: Mapping[str, Any]


@dataclass(slots=True)
class StepOverridden:
    """Somebody decided over a step's head: skip it, as if it had ended well, or try it again now."""

    execution_id: str
    step_id: str
    how: Literal["skip", "retry"]
    reason: str


@dataclass(slots=True)
class EmergencyStopRequested:
    """Somebody wants everything stopped at once, and nothing admitted until the engine is reopened."""

    reason: str


@dataclass(slots=True)
class DrainRequested:
    """Somebody wants nothing more admitted; what runs goes on to its end."""


@dataclass(slots=True)
class ReopenRequested:
    """Somebody wants executions admitted again, after an emergency stop or a drain."""


@dataclass(slots=True)
class CapacityReported:
    """What the cluster has free: `cpu_m`, `memory_b`, `pods`."""

    free: Mapping[str, int]


@dataclass(slots=True)
class EngineRecovered:
    """The engine's process was replaced: whatever ran is started again under the same number."""


Event = (
    WorkflowRegistered
    | ExecutionSubmitted
    | AttemptSucceeded
    | AttemptFailed
    | AttemptCancelled
    | ConditionEvaluated
    | Remembered
    | DeadlineReached
    | PauseRequested
    | ResumeRequested
    | CancelRequested
    | SignalReceived
    | StepOverridden
    | EmergencyStopRequested
    | DrainRequested
    | ReopenRequested
    | CapacityReported
    | EngineRecovered
)
