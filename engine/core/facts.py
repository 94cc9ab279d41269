"""What the engine knows of an execution: readable until it is forgotten, never written to from outside.

Instants are integer nanoseconds; those that have not come are -1. What stands below a line ``#
Book-keeping`` serves the machine alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.core.causes import Cause
from engine.core.definition import StepKind
from engine.core.events import Failure
from engine.core.plan import Plan, PlanStep
from engine.core.states import AttemptState, ExecutionInput, ExecutionState, StepInput, StepState

NOTHING: Final[Mapping[str, Any]] = {}  # shared, as most steps have no outputs and remember nothing


@dataclass(slots=True)
class AttemptFacts:
    """One try of an action step. From `runnable_ns` it waits for the lock, from `locked_ns` for a slot."""

    number: int
    runnable_ns: int  # needs met, or back-off over
    locked_ns: int = -1  # has its lock; the same as runnable_ns where there is none
    started_ns: int = -1
    ended_ns: int = -1
    outcome: AttemptState = AttemptState.PENDING
    failure: Failure | None = None
    is_rollback: bool = False  # undoes the step
    parameters: Mapping[str, Any] | None = None  # while it runs: what it was started with
    held: Sequence[
        tuple[Cause, int, int]
    ] = ()  # of its waiting, what was for neither lock nor slot; -1: still


@dataclass(slots=True)
class Scope:
    """Steps that see one another: an execution's own, those of one iteration, or of one run of a subflow.

    The ids of its steps begin with `prefix`: ``loop[3].`` or ``call/``, after that of the scope around it.
    """

    plan: Plan = field(repr=False, compare=False)
    variables: Mapping[str, Any]
    prefix: str = ""
    owner: "StepFacts | None" = field(default=None, repr=False, compare=False)  # the loop, or the subflow
    number: int = 0  # of an iteration, from 0
    steps: "list[StepFacts]" = field(
        default_factory=list, repr=False, compare=False
    )  # in order of definition
    # Book-keeping
    left_count: int = 0  # steps of its top level that have not ended
    detours: bool = False  # a step was skipped or failed, a condition came out false, or a way was chosen
    failures: "list[StepFacts]" = field(default_factory=list, repr=False, compare=False)  # not handled
    tolerated_count: int = 0
    values: dict[str, Any] | None = field(default=None, repr=False, compare=False)  # what conditions see


@dataclass(slots=True)
class LoopFacts:
    """Where a loop stands."""

    items: Sequence[Any]
    next_number: int = 0
    outputs: dict[int, Mapping[str, Any]] = field(default_factory=dict)  # of the iterations that have ended
    last: Scope | None = field(
        default=None, repr=False, compare=False
    )  # whose end `break_when` is asked after


class _StepAtHand:
    """What every event of a step reads, side by side in memory: at ten thousand executions nothing is cached.

    Slots of a base class come first; within a class CPython lays them out by name.
    """

    __slots__ = (
        "attempts", "due_ns", "due_order", "ended_ns", "id", "locks", "outputs", "plan", "ready_ns", "scope",
        "state", "then", "undoing", "waits_for_count",
    )  # fmt: skip


@dataclass(slots=True)
class StepFacts(_StepAtHand):
    """One step of an execution.

    `ready_ns` is the `ended_ns` of `ready_by`: the id of the need that ended last, of the group for its
    first children (then the group's `started_ns`), or empty for what admission made ready. A skipped step
    ended when it became ready. Ids are whole: ``call/loop[3].child``.
    """

    plan: PlanStep = field(repr=False, compare=False)
    scope: Scope = field(repr=False, compare=False)
    id: str
    parent: str  # the group, loop or subflow that it is inside of, or empty
    outputs: Mapping[str, Any]
    memory: Mapping[str, Any]  # what its attempts have remembered
    state: StepState = StepState.PENDING
    failure: Failure | None = None
    ready_ns: int = -1
    ready_by: str = ""
    started_ns: int = -1
    ended_ns: int = -1
    ended_by: str = ""  # of a group: the child that ended last
    attempts: Sequence[AttemptFacts] = ()
    # Book-keeping
    waits_for_count: int = 0
    children_left_count: int = 0  # of a loop: iterations under way; of a subflow: 1 while it runs
    halted: bool = False  # of a sequential group: a condition came out false, so the rest is skipped
    overridden: bool = False  # skipped from outside: what needs it runs
    tries_count: int = 0  # attempts that failed in a row
    due_ns: int = -1  # its armed deadline
    due_order: int = 0  # which of those that were armed that is
    until_ns: int = -1  # of a wait: when it is given up
    awaits: str = ""  # of a wait for a signal: its name, while it waits
    then: StepInput | None = None  # what follows once its attempt, or everything inside it, has stopped
    undoing: bool = False  # its attempts undo it
    loop: LoopFacts | None = None
    scopes: list[Scope] | None = None  # of a loop and a subflow: what runs inside
    locks: Sequence[str] = ()  # the names of the locks it wants, in the order in which it takes them
    locks_held_count: int = 0  # how many of them it holds: the first so many
    asked: int = -1  # which expression is being evaluated; below 0: see `engine.core.steps`

    @property
    def kind(self) -> StepKind:
        """What the step does."""
        return self.plan.kind

    @property
    def action(self) -> str:
        """The name of its action, or empty."""
        return self.plan.action


class _ExecutionAtHand:
    """As `_StepAtHand`."""

    __slots__ = ("execution_id", "progress_gap_ns_max", "progress_ns", "started_ns", "state", "steps")


@dataclass(slots=True)
class ExecutionFacts(_ExecutionAtHand):
    """One run of a workflow. `index` counts submissions from 0."""

    execution_id: str
    index: int
    workflow: str
    variables: Mapping[str, Any]
    priority: int
    submitted_ns: int
    state: ExecutionState = ExecutionState.PENDING
    failure: Failure | None = None
    admitted_ns: int = -1
    started_ns: int = -1  # its first step began
    ended_ns: int = -1
    last_step: str = ""  # the step whose end ended it
    progress_gap_ns_max: int = 0  # longest time without an attempt's start or end, or a step's end
    # By id: in order of definition, then those of iterations and subflows as they began
    steps: dict[str, StepFacts] = field(default_factory=dict)
    pauses: list[tuple[int, int]] = field(default_factory=list)  # from, to; to is -1 while it is paused
    rollback_failures: list[tuple[str, Failure]] = field(default_factory=list)  # steps that were not undone
    # Book-keeping
    plan: Plan = field(repr=False, compare=False, kw_only=True)
    root: Scope = field(init=False, repr=False, compare=False)
    held_ns: int = -1  # since when its admission has been put off for want of capacity
    parked: Sequence[StepFacts] = ()  # steps that would start, were the execution not paused
    due_ns: int = -1  # its armed timeout
    due_order: int = 0
    progress_ns: int = 0  # when the last sign of progress came
    pause_wanted: bool = False  # before it was admitted
    then: ExecutionInput | None = None  # how it ends once nothing of it is left
    compensates: bool = False  # if it is cancelled
    stopped_ns: int = -1  # nothing of it was left, and what it had done began to be undone
    undone: list[str] = field(default_factory=list)  # steps, in the order in which they were undone
    done: list[StepFacts] = field(
        default_factory=list, repr=False, compare=False
    )  # could be undone, in order
    held: list[tuple[StepFacts, str]] = field(default_factory=list)  # became ready in a pause, and by whom
    clocks: list["Clock"] = field(default_factory=list, repr=False, compare=False)  # stand still in a pause
    signals: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)  # came early
    signals_count: int = 0  # of those
    waiting: dict[str, list[StepFacts]] = field(
        default_factory=dict, repr=False, compare=False
    )  # for signals

    def __post_init__(self) -> None:
        """Begin with its own scope, whose steps come with its admission."""
        self.root = Scope(self.plan, self.variables)


@dataclass(slots=True)
class Clock:
    """A deadline that stands still: how much of it is left, or the instant that it is tied to."""

    kind: int
    step: StepFacts | None  # None: the execution's own
    attempts_count: int
    left_ns: int = -1
    at_ns: int = -1
