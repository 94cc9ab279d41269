"""The engine core: workflows, their state machine, its history.

Standard library only; no clock, no randomness, no I/O.
"""

from engine.core.action import (
    ActionContext,
    ActionCoroutine,
    ActionFunction,
    ActionSpec,
    InvalidParameters,
    Parameter,
    Rule,
)
from engine.core.admission import StationTotals
from engine.core.attempt_runner import Attempt, Performer
from engine.core.attribution import Span, Spans, execution_rows
from engine.core.causes import Cause
from engine.core.commands import CancelAttempt, Command, EvaluateCondition, ReportExecution, StartAttempt
from engine.core.conditions import Conditions, Program
from engine.core.definition import Branch, RetryPolicy, Step, StepKind, Workflow
from engine.core.errors import (
    ActionError,
    ConditionError,
    DefinitionError,
    EngineError,
    HistoryError,
    ProtocolError,
)
from engine.core.events import (
    AttemptFailed,
    AttemptSucceeded,
    ConditionEvaluated,
    DeadlineReached,
    Event,
    ExecutionSubmitted,
    Failure,
    Remembered,
    WorkflowRegistered,
)
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.history import History, event_from_json, event_to_json, replay
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.states import AttemptState, ExecutionState, StepState

__all__ = [
    "ActionContext",
    "ActionCoroutine",
    "ActionError",
    "ActionFunction",
    "ActionSpec",
    "Attempt",
    "AttemptFacts",
    "AttemptFailed",
    "AttemptState",
    "AttemptSucceeded",
    "Branch",
    "CancelAttempt",
    "Cause",
    "Command",
    "ConditionError",
    "ConditionEvaluated",
    "Conditions",
    "DeadlineReached",
    "DefinitionError",
    "EngineError",
    "EvaluateCondition",
    "Event",
    "ExecutionFacts",
    "ExecutionState",
    "ExecutionSubmitted",
    "Failure",
    "History",
    "HistoryError",
    "Host",
    "InvalidParameters",
    "Limits",
    "Parameter",
    "Performer",
    "Program",
    "ProtocolError",
    "Remembered",
    "ReportExecution",
    "RetryPolicy",
    "Rule",
    "Span",
    "Spans",
    "StartAttempt",
    "StationTotals",
    "Step",
    "StepFacts",
    "StepKind",
    "StepState",
    "Workflow",
    "WorkflowEngine",
    "WorkflowRegistered",
    "event_from_json",
    "event_to_json",
    "execution_rows",
    "replay",
]
