"""The transition tables of execution, step and attempt.

Rules
=====
1. A state names a recorded fact. Nothing is in a state that the history does not imply.
2. A table gives, for a state and an input, the next state. What a table does not hold cannot happen:
   `ProtocolError`.
3. An execution and an attempt that have ended (`ENDED_EXECUTIONS`, `ENDED_ATTEMPTS`) never move again. A step
   that has ended (`ENDED_STEPS`) moves only where somebody decides so: its work is undone, or its failure is
   overridden while its execution goes on.
4. State changes are never interleaved with waiting: one event is followed through all its consequences,
   then the commands that follow from them are returned.

Theory of operation
===================
*Execution.* Submitted executions are `PENDING` until admission gives them a slot, or are refused at once when
the queue is full (`FAILED`). A `RUNNING` execution makes its steps ready; while it is `PAUSED` nothing of it
starts. It is `COMPLETED` when all its top-level steps have ended well. When a step has failed for good and
its workflow does not bear it, when its time is out, or when somebody cancels it, everything of it that still
runs is cancelled and everything that waits is omitted. Once nothing of it is left it is `ROLLING_BACK` if its
workflow compensates, and then `FAILED` or `CANCELLED`.

*Step.* `PENDING` until all its needs have ended. Then it is skipped or omitted, or asks for its `when`
(`EVALUATING`), and does what its kind does:

- an action takes its locks (`LOCKING`), then a step slot (`QUEUED`), and then an attempt runs (`RUNNING`).
  Where another step's attempt does the same it only waits for that one's end (`JOINED`); where its action has
  started as often as it may, or the cluster could not hold it, it waits beside the queue (`RATED`). A failed
  attempt that may be tried again leads to `BACKING_OFF`, whence it queues for a slot again; locks are kept,
  the slot is not. After success its post-condition is asked for (`EVALUATING`);
- a condition and a decision ask for their expressions (`EVALUATING`), answered in the same instant; a
  condition that fetches runs an attempt first;
- a wait is `WAITING` until its deadline or its signal and holds no slot; one that fetches runs an attempt now
  and then;
- a group, a loop and a subflow are `OPEN` while steps inside them run.

A running attempt that is to stop may clean up first: its step is `CANCELLING` until it has. Work that is to
be undone (`UNDOING`) goes through the same locks and slots, and is `ROLLING_BACK` while its attempt runs.

*Attempt.* `PENDING` from the instant it may run until it has locks and slot (or until the twin that it joined
has succeeded); then `RUNNING` until it has succeeded, failed (its action's error, or its timeout) or been
cancelled.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class ExecutionState(StrEnum):
    """Where one run of a workflow stands."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    ROLLING_BACK = "rolling-back"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ExecutionInput(StrEnum):
    """What moves an execution."""

    ADMIT = "admit"
    REFUSE = "refuse"
    PAUSE = "pause"
    RESUME = "resume"
    ROLL_BACK = "roll-back"  # nothing of it is left, and what it completed is undone
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


class StepState(StrEnum):
    """Where a step of an execution stands."""

    PENDING = "pending"
    EVALUATING = "evaluating"
    LOCKING = "locking"
    JOINED = "joined"
    RATED = "rated"
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    BACKING_OFF = "backing-off"
    WAITING = "waiting"
    OPEN = "open"
    UNDOING = "undoing"
    ROLLING_BACK = "rolling-back"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    OMITTED = "omitted"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled-back"


class StepInput(StrEnum):
    """What moves a step."""

    ASK = "ask"  # an expression has to be evaluated
    LOCK = "lock"  # a lock is wanted, and held by another
    JOIN = "join"  # another step's attempt does the same, and its end will do
    RATE = "rate"  # its action has started as often as it may, or the cluster cannot hold it now
    QUEUE = "queue"  # a step slot is wanted, and all are taken
    START = "start"  # an attempt starts
    STOP = "stop"  # its attempt is to stop, and may clean up
    WAIT = "wait"  # declared time starts to pass
    OPEN = "open"  # steps inside it may start
    BACK_OFF = "back-off"  # an attempt failed and will be tried again
    COMPLETE = "complete"
    FAIL = "fail"
    SKIP = "skip"
    OMIT = "omit"  # something it needs has failed, or its execution has before the step started
    CANCEL = "cancel"  # it was stopped while it was under way
    UNDO = "undo"  # it is to be undone
    ROLL_BACK = "roll-back"  # an attempt to undo it starts
    UNDONE = "undone"
    RETRY = "retry"  # somebody wants it tried again, or something it needs


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
    ExecutionState.PENDING: {
        ExecutionInput.ADMIT: ExecutionState.RUNNING,
        ExecutionInput.REFUSE: ExecutionState.FAILED,
        ExecutionInput.CANCEL: ExecutionState.CANCELLED,
    },
    ExecutionState.RUNNING: {
        ExecutionInput.PAUSE: ExecutionState.PAUSED,
        ExecutionInput.ROLL_BACK: ExecutionState.ROLLING_BACK,
        ExecutionInput.COMPLETE: ExecutionState.COMPLETED,
        ExecutionInput.FAIL: ExecutionState.FAILED,
        ExecutionInput.CANCEL: ExecutionState.CANCELLED,
    },
    ExecutionState.PAUSED: {
        ExecutionInput.RESUME: ExecutionState.RUNNING,  # also when it is to be stopped
    },
    ExecutionState.ROLLING_BACK: {
        ExecutionInput.FAIL: ExecutionState.FAILED,
        ExecutionInput.CANCEL: ExecutionState.CANCELLED,
    },
    ExecutionState.COMPLETED: {},
    ExecutionState.FAILED: {},
    ExecutionState.CANCELLED: {},
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
        StepInput.COMPLETE: StepState.COMPLETED,  # a decision with only a default branch; an empty loop
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
        StepInput.WAIT: StepState.WAITING,  # after `when`; a condition that does not hold yet
        StepInput.OPEN: StepState.OPEN,
        StepInput.BACK_OFF: StepState.BACKING_OFF,  # its post-condition does not hold
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,  # stopped after its work was done
        StepInput.UNDO: StepState.UNDOING,  # failed, and to be undone
    },
    StepState.LOCKING: {
        StepInput.ASK: StepState.EVALUATING,  # the post-condition of an empty loop
        StepInput.JOIN: StepState.JOINED,
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.OPEN: StepState.OPEN,  # of a group, a loop or a subflow
        StepInput.COMPLETE: StepState.COMPLETED,  # an empty loop
        StepInput.FAIL: StepState.FAILED,
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,
        StepInput.ROLL_BACK: StepState.ROLLING_BACK,
    },
    StepState.JOINED: {
        StepInput.ASK: StepState.EVALUATING,  # its post-condition
        StepInput.LOCK: StepState.LOCKING,  # its twin has not ended well: its own turn
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.RATED: {
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.FAIL: StepState.FAILED,
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.QUEUED: {
        StepInput.RATE: StepState.RATED,
        StepInput.START: StepState.RUNNING,
        StepInput.FAIL: StepState.FAILED,
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.OMIT: StepState.OMITTED,
        StepInput.CANCEL: StepState.CANCELLED,  # queued for another attempt
        StepInput.ROLL_BACK: StepState.ROLLING_BACK,
    },
    StepState.RUNNING: {
        StepInput.ASK: StepState.EVALUATING,  # its post-condition, or the condition it has fetched for
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,
        StepInput.BACK_OFF: StepState.BACKING_OFF,
        StepInput.STOP: StepState.CANCELLING,
        StepInput.CANCEL: StepState.CANCELLED,  # stopped in the instant of its start
        StepInput.UNDO: StepState.UNDOING,  # failed, and to be undone
    },
    StepState.CANCELLING: {
        StepInput.CANCEL: StepState.CANCELLED,
        StepInput.FAIL: StepState.FAILED,  # its time was out
        StepInput.BACK_OFF: StepState.BACKING_OFF,  # the same
        StepInput.SKIP: StepState.SKIPPED,  # overridden
        StepInput.UNDO: StepState.UNDOING,  # failed, and to be undone
    },
    StepState.BACKING_OFF: {
        StepInput.FAIL: StepState.FAILED,  # it did as its twin did, and its own locks cannot be named
        StepInput.LOCK: StepState.LOCKING,  # as it did, and somebody else has them
        StepInput.JOIN: StepState.JOINED,
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.CANCEL: StepState.CANCELLED,
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.ROLL_BACK: StepState.ROLLING_BACK,
    },
    StepState.WAITING: {
        StepInput.ASK: StepState.EVALUATING,  # its post-condition
        StepInput.JOIN: StepState.JOINED,  # as the next three: it asks again whether its condition holds
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.START: StepState.RUNNING,
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,  # its time was out
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.OPEN: {
        StepInput.ASK: StepState.EVALUATING,  # whether a loop is to end; its post-condition
        StepInput.COMPLETE: StepState.COMPLETED,
        StepInput.FAIL: StepState.FAILED,  # something inside failed
        StepInput.SKIP: StepState.SKIPPED,
        StepInput.CANCEL: StepState.CANCELLED,
    },
    StepState.UNDOING: {
        StepInput.LOCK: StepState.LOCKING,
        StepInput.RATE: StepState.RATED,
        StepInput.QUEUE: StepState.QUEUED,
        StepInput.ROLL_BACK: StepState.ROLLING_BACK,
        StepInput.FAIL: StepState.FAILED,  # a parameter that names an unknown variable
    },
    StepState.ROLLING_BACK: {
        StepInput.UNDONE: StepState.ROLLED_BACK,
        StepInput.FAIL: StepState.FAILED,
        StepInput.BACK_OFF: StepState.BACKING_OFF,
        StepInput.STOP: StepState.CANCELLING,
    },
    StepState.COMPLETED: {
        StepInput.UNDO: StepState.UNDOING,  # its execution compensates
    },
    StepState.FAILED: {
        StepInput.SKIP: StepState.SKIPPED,  # overridden
        StepInput.RETRY: StepState.PENDING,  # overridden
    },
    StepState.SKIPPED: {},
    StepState.OMITTED: {
        StepInput.RETRY: StepState.PENDING,  # what it needs was overridden
    },
    StepState.CANCELLED: {
        StepInput.UNDO: StepState.UNDOING,  # its execution compensates
    },
    StepState.ROLLED_BACK: {
        StepInput.SKIP: StepState.SKIPPED,  # overridden
        StepInput.RETRY: StepState.PENDING,  # overridden
    },
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

ENDED_EXECUTIONS: Final = (ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED)
ENDED_STEPS: Final = (
    StepState.COMPLETED,
    StepState.FAILED,
    StepState.SKIPPED,
    StepState.OMITTED,
    StepState.CANCELLED,
    StepState.ROLLED_BACK,
)
ENDED_ATTEMPTS: Final = (AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.CANCELLED)
