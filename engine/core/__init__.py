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
from engine.core.definition import Branch, RetryPolicy, Rollback, Step, StepKind, Workflow
from engine.core.durable_host import DurableHost
from engine.core.errors import (
    ActionError,
    ConditionError,
    DefinitionError,
    EngineError,
    HistoryError,
    LeaseHeld,
    LeaseLost,
    NotTheEnd,
    ProtocolError,
    SchemaTooNew,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreUnreachable,
)
from engine.core.event_codec import HISTORY_VERSION, event_from_json, event_to_json
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
from engine.core.facts import AttemptFacts, ExecutionFacts, StepFacts
from engine.core.history import History, replay
from engine.core.host import Host
from engine.core.journal import Journal, StoreJournal
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.recovery import Recovered, recover
from engine.core.states import AttemptState, ExecutionState, StepState
from engine.core.store import EngineSummary, ExecutionStore, ExecutionSummary, Lease, Snapshot

__all__ = [
    "HISTORY_VERSION",
    "ActionContext",
    "ActionCoroutine",
    "ActionError",
    "ActionFunction",
    "ActionSpec",
    "Attempt",
    "AttemptCancelled",
    "AttemptFacts",
    "AttemptFailed",
    "AttemptState",
    "AttemptSucceeded",
    "Branch",
    "CancelAttempt",
    "CancelRequested",
    "CapacityReported",
    "Cause",
    "Command",
    "ConditionError",
    "ConditionEvaluated",
    "Conditions",
    "DeadlineReached",
    "DefinitionError",
    "DrainRequested",
    "DurableHost",
    "EmergencyStopRequested",
    "EngineError",
    "EngineRecovered",
    "EngineSummary",
    "EvaluateCondition",
    "Event",
    "ExecutionFacts",
    "ExecutionState",
    "ExecutionStore",
    "ExecutionSubmitted",
    "ExecutionSummary",
    "Failure",
    "History",
    "HistoryError",
    "Host",
    "InvalidParameters",
    "Journal",
    "Lease",
    "LeaseHeld",
    "LeaseLost",
    "Limits",
    "NotTheEnd",
    "Parameter",
    "PauseRequested",
    "Performer",
    "Program",
    "ProtocolError",
    "Recovered",
    "Remembered",
    "ReopenRequested",
    "ReportExecution",
    "ResumeRequested",
    "RetryPolicy",
    "Rollback",
    "Rule",
    "SchemaTooNew",
    "SignalReceived",
    "Snapshot",
    "Span",
    "Spans",
    "StartAttempt",
    "StationTotals",
    "Step",
    "StepFacts",
    "StepKind",
    "StepOverridden",
    "StepState",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreJournal",
    "StoreUnreachable",
    "Workflow",
    "WorkflowEngine",
    "WorkflowRegistered",
    "event_from_json",
    "event_to_json",
    "execution_rows",
    "recover",
    "replay",
]
