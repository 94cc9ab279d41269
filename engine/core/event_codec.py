"""Events as JSON values and back, by version of the history that holds them.

Version 1 knew no control of running executions, and closed cancelled attempts in the instant of the command.
Version 2 adds pauses, cancellations with clean-up, signals, overrides, stops, capacity and recovery.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.definition import Workflow
from engine.core.errors import EngineError, HistoryError
from engine.core.events import (
    AttemptCancelled,
    AttemptFailed,
    AttemptSucceeded,
    CancelRequested,
    CapacityReported,
    ConditionEvaluated,
    DeadlineReached,
    DrainRequested,
    EmergencyStopRequested,
    EngineRecovered,
    Event,
    ExecutionSubmitted,
    Failure,
    PauseRequested,
    Remembered,
    ReopenRequested,
    ResumeRequested,
    SignalReceived,
    StepOverridden,
    WorkflowRegistered,
)

HISTORY_VERSION: Final = 2

# Of each kind of event: the first version that has it, and its fields with their names in JSON.
_FIELDS: Final[Mapping[type, tuple[int, tuple[tuple[str, str], ...]]]] = {
    WorkflowRegistered: (1, (("workflow", "workflow"),)),
    ExecutionSubmitted: (
        1,
        (
            ("execution", "execution_id"),
            ("workflow", "workflow"),
            ("variables", "variables"),
            ("priority", "priority"),
        ),
    ),
    AttemptSucceeded: (
        1,
        (("execution", "execution_id"), ("step", "step_id"), ("attempt", "attempt"), ("outputs", "outputs")),
    ),
    AttemptFailed: (1, (("execution", "execution_id"), ("step", "step_id"), ("attempt", "attempt"))),
    ConditionEvaluated: (
        1,
        (("execution", "execution_id"), ("step", "step_id"), ("outcome", "outcome"), ("error", "error")),
    ),
    Remembered: (
        1,
        (
            ("execution", "execution_id"),
            ("step", "step_id"),
            ("attempt", "attempt"),
            ("key", "key"),
            ("value", "value"),
        ),
    ),
    DeadlineReached: (1, ()),
    AttemptCancelled: (2, (("execution", "execution_id"), ("step", "step_id"), ("attempt", "attempt"))),
    PauseRequested: (2, (("execution", "execution_id"),)),
    ResumeRequested: (2, (("execution", "execution_id"),)),
    CancelRequested: (
        2,
        (("execution", "execution_id"), ("reason", "reason"), ("compensate", "compensate")),
    ),
    SignalReceived: (2, (("execution", "execution_id"), ("name", "name"), ("payload", "payload"))),
    StepOverridden: (
        2,
        (("execution", "execution_id"), ("step", "step_id"), ("how", "how"), ("reason", "reason")),
    ),
    EmergencyStopRequested: (2, (("reason", "reason"),)),
    DrainRequested: (2, ()),
    ReopenRequested: (2, ()),
    CapacityReported: (2, (("free", "free"),)),
    EngineRecovered: (2, ()),
}
_BY_NAME: Final[Mapping[str, type]] = {kind.__name__: kind for kind in _FIELDS}


def event_to_json(event: Event) -> dict[str, Any]:
    """Return an event as JSON values, under its name."""
    kind = type(event)
    row = {name: getattr(event, attribute) for name, attribute in _FIELDS[kind][1]}
    if kind is AttemptFailed:
        failure: Failure = getattr(event, "failure")  # noqa: B009 - narrowed by its exact type
        row |= {"reason": failure.reason, "message": failure.message, "retryable": failure.retryable}
    elif kind is WorkflowRegistered:
        row["workflow"] = row["workflow"].to_json()
    row["event"] = kind.__name__
    return row


def event_from_json(row: Mapping[str, Any], version: int = HISTORY_VERSION) -> Event:
    """Return the event that `event_to_json` of `version` wrote; raises `HistoryError` for anything else."""
    if not 1 <= version <= HISTORY_VERSION:
        message = f"a history of version {version}; this engine reads 1 to {HISTORY_VERSION}"
        raise HistoryError(message)
    try:
        kind = _BY_NAME[row["event"]]
        since, fields = _FIELDS[kind]
        if since > version:
            message = f"{kind.__name__} came with version {since}"
            raise HistoryError(message)
        values = {attribute: row[name] for name, attribute in fields}
        if kind is AttemptFailed:
            values["failure"] = Failure(row["reason"], row["message"], row["retryable"])
        elif kind is WorkflowRegistered:
            values["workflow"] = Workflow.from_json(row["workflow"])
        make: Callable[..., Event] = kind
        return make(**values)
    except (KeyError, TypeError, EngineError) as error:
        message = f"not an event of a version-{version} history: {error}"
        raise HistoryError(message) from error
