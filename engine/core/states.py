"""The transition tables of execution, step and attempt.

Rules
=====
1. A state names a recorded fact. Nothing is in a state that the history does not imply.
2. A table gives, for a state and an input, the next state. What a table does not hold cannot happen:
   `ProtocolError`.
3. Ended states (`ENDED_STEPS`, `ENDED_EXECUTIONS`, `ENDED_ATTEMPTS`) have no way out.
4. State changes are never interleaved with waiting: one event is followed through all its consequences,
   then the commands that follow from them are returned.

Theory of operation
===================
*Execution.* Submitted executions are `QUEUED` until admission gives them a slot, or are refused at once when
the queue is full (`FAILED`). A `RUNNING` execution makes its steps ready; it is `COMPLETED` when all its
top-level steps have ended well, `FAILED` as soon as one of them has failed for good or its time is out. Then
everything of it that still runs is cancelled and everything that waits is omitted, in the same instant.

*Step.* `PENDING` until all its needs have ended. Then it is skipped, or asks for its `when` (`EVALUATING`),
and does what its kind does:

- an action takes its locks (`LOCKING`), then a step slot (`QUEUED`), and then an attempt runs (`RUNNING`).
  Where another step's attempt does the same it only waits for that one's end (`JOINED`); where its action
  has started as often as it may, or the cluster could not hold it, it waits beside the queue (`RATED`). A
  failed attempt that may be tried again leads to `BACKING_OFF`, whence it queues for a slot again; the locks
  are kept, the slot is not;
- a condition and a decision ask for their expressions (`EVALUATING`), answered in the same instant;
- a wait is `WAITING` until its deadline and holds no slot;
- a group is `OPEN` while its children run.

*Attempt.* `PENDING` from the instant it may run until it has locks and slot (or until the twin that it joined
has succeeded); then `RUNNING` until it has
succeeded, failed (its action's error, or its timeout) or been cancelled.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class ExecutionState(StrEnum):
    """Where one run of a workflow stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"


class ExecutionInput(StrEnum):
    """What moves an execution."""

    ADMIT = "admit"
    REFUSE = "refuse"
    PAUSE = "pause"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"


class StepState(StrEnum):
    """Where a step of an execution stands."""

    PENDING = "pending"
    EVALUATING = "evaluating"
    LOCKING = "locking"
    JOINED = "joined"
    RATED = "rated"
    QUEUED = "queued"
    RUNNING = "running"
    BACKING_OFF = "backing-off"
    WAITING = "waiting"
    OPEN = "open"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    OMITTED = "omitted"
    CANCELLED = "cancelled"


class StepInput(StrEnum):
    """What moves a step."""

    ASK = "ask"  # an expression has to be evaluated
    LOCK = "lock"  # its lock is wanted, and held by another
    JOIN = "join"  # another step's attempt does the same, and its end will do
    RATE = "rate"  # its action has started as often as it may, or the cluster cannot hold it now
    QUEUE = "queue"  # a step slot is wanted, and all are taken
    START = "start"  # an attempt starts
    WAIT = "wait"  # declared time starts to pass
    OPEN = "open"  # the children of a group may start
    BACK_OFF = "back-off"  # an attempt failed and will be tried again
    COMPLETE = "complete"
    FAIL = "fail"
    SKIP = "skip"
    OMIT = "omit"  # its execution has failed before the step started
    CANCEL = "cancel"  # its execution has failed while the step was under way


class AttemptState(StrEnum):
    """Where one try of an action step stands; of an ended attempt, its outcome."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptInput(StrEnum):
    """What moves an attempt."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


EXECUTION: Final[Mapping[ExecutionState, Mapping[ExecutionInput, ExecutionState]]] = {
    ExecutionState.QUEUED: {
        ExecutionInput.ADMIT: ExecutionState.RUNNING,
        ExecutionInput.REFUSE: ExecutionState.FAILED,
    },
    ExecutionState.RUNNING: {
        ExecutionInput.PAUSE: ExecutionState.PAUSED,
        ExecutionInput.COMPLETE: ExecutionState.COMPLETED,
        ExecutionInput.FAIL: ExecutionState.FAILED,
    },
    ExecutionState.PAUSED: {
        ExecutionInput.RESUME: ExecutionState.RUNNING,
        ExecutionInput.COMPLETE: ExecutionState.COMPLETED,
        ExecutionInput.FAIL: ExecutionState.FAILED,
    },
    ExecutionState.COMPLETED: {},
    ExecutionState.FAILED: {},
}

STEP: Final[Mapping[StepState, Mapping[StepInput, StepState]]] = {
    StepState.PENDING: {
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.ASK: StepState.EVALUATING,
        StepInput.LOCK: StepState.LOCKING,
        StepInput.JOIN: StepState.JOINED,
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.WAIT: StepState.WAITING,
        StepInput.OPEN: StepState.OPEN,
        StepInput.COMPLETE: StepState.COMPLETED,  # a decision with nothing but a default branch
        StepInput.FAIL: StepState.FAILED,  # a parameter or a lock that names an unknown variable
        StepInput.OMIT: StepState.OMITTED,
    },
    StepState.EVALUATING: {
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.ASK: StepState.EVALUATING,  # after `when`, the step's own; the next branch of a decision
        StepInput.LOCK: StepState.LOCKING,
        StepInput.JOIN: StepState.JOINED,
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.WAIT: StepState.WAITING,
        StepInput.OPEN: StepState.OPEN,
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,
        StepInput.OMIT: StepState.OMITTED,
    },
    StepState.LOCKING: {
        StepInput.JOIN: StepState.JOINED,
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.OPEN: StepState.OPEN,  # a group that has its locks
        StepInput.FAIL: StepState.FAILED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,  # of another attempt, after it was a twin
    },
    StepState.JOINED: {
        StepInput.LOCK: StepState.LOCKING,  # its twin has not ended well: its own turn
        StepInput.RATE: StepState.RATED,
        StepInput.JOIN: StepState.JOINED,  # another twin was faster
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,
        StepInput.BACK_OFF: StepState.BACKING_OFF,  # what its twin gave does not do for it
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.RATED: {
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.FAIL: StepState.FAILED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.QUEUED: {
        StepInput.RATE: StepState.RATED,
        StepInput.START: StepState.RUNNING,
        StepInput.FAIL: StepState.FAILED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,  # queued for another attempt
    },
    StepState.RUNNING: {
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,
        StepInput.BACK_OFF: StepState.BACKING_OFF,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.BACKING_OFF: {
        StepInput.JOIN: StepState.JOINED,
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.WAITING: {
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.OPEN: {
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,  # a child failed
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.COMPLETED: {},
    StepState.FAILED: {},
    StepState.SKIPPED: {},
    StepState.OMITTED: {},
    StepState.CANCELLED: {},
}

ATTEMPT: Final[Mapping[AttemptState, Mapping[AttemptInput, AttemptState]]] = {
    AttemptState.PENDING: {
        AttemptInput.START: AttemptState.RUNNING,
        AttemptInput.SUCCEED: AttemptState.SUCCEEDED,  # its twin did
        AttemptInput.FAIL: AttemptState.FAILED,  # its parameters name an unknown variable
        AttemptInput.CANCEL: AttemptState.CANCELLED,
    },
    AttemptState.RUNNING: {
        AttemptInput.SUCCEED: AttemptState.SUCCEEDED,
        AttemptInput.FAIL: AttemptState.FAILED,
        AttemptInput.CANCEL: AttemptState.CANCELLED,
    },
    AttemptState.SUCCEEDED: {},
    AttemptState.FAILED: {},
    AttemptState.CANCELLED: {},
}

ENDED_EXECUTIONS: Final = tuple(state for state, row in EXECUTION.items() if not row)
ENDED_STEPS: Final = tuple(state for state, row in STEP.items() if not row)
ENDED_ATTEMPTS: Final = tuple(state for state, row in ATTEMPT.items() if not row)
