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
from engine.core.states import AttemptState, ExecutionState, StepState

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
    held: Sequence[tuple[Cause, int, int]] = ()  # of its waiting, what was for neither lock nor slot; -1: still


@dataclass(slots=True)
class StepFacts:
    """One step of an execution.

    `ready_ns` is the `ended_ns` of `ready_by`: the id of the need that ended last, of the group for its
    first children (then the group's `started_ns`), or empty for what admission made ready. A skipped step
    ended when it became ready.
    """

    plan: PlanStep = field(repr=False, compare=False)
    parent: str  # the group it is a child of, or empty
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
    children_left_count: int = 0
    halted: bool = False  # of a sequential group: a condition came out false, so the rest is skipped
    locks: Sequence[str] = ()  # the names of the locks it wants, in the order in which it takes them
    locks_held_count: int = 0  # how many of them it holds: the first so many
    asked: int = -1  # which expression is being evaluated; -1: its `when`

    @property
    def id(self) -> str:
        """The step's id."""
        return self.plan.id

    @property
    def kind(self) -> StepKind:
        """What the step does."""
        return self.plan.kind

    @property
    def action(self) -> str:
        """The name of its action, or empty."""
        return self.plan.action


@dataclass(slots=True)
class ExecutionFacts:
    """One run of a workflow. `index` counts submissions from 0."""

    execution_id: str
    index: int
    workflow: str
    variables: Mapping[str, Any]
    priority: int
    submitted_ns: int
    state: ExecutionState = ExecutionState.QUEUED
    failure: Failure | None = None
    admitted_ns: int = -1
    started_ns: int = -1  # its first step began
    ended_ns: int = -1
    last_step: str = ""  # the step whose end ended it
    progress_gap_ns_max: int = 0  # longest time without an attempt's start or end, or a step's end
    steps: Mapping[str, StepFacts] = field(
        default_factory=dict
    )  # in order of definition; empty before admission
    # Book-keeping
    plan: Plan = field(repr=False, compare=False, kw_only=True)
    steps_by_number: list[StepFacts] = field(default_factory=list, repr=False, compare=False)
    top_level_left_count: int = 0
    held_ns: int = -1  # since when its admission has been put off for want of capacity
    parked: Sequence[StepFacts] = ()  # steps that would start, were the execution not paused
    timeout_armed: bool = False
    progress_ns: int = 0  # when the last sign of progress came
    detours: bool = False  # a step was skipped, a condition came out false, or a decision was taken
    values: dict[str, Any] | None = field(
        default=None, repr=False, compare=False
    )  # what conditions see, once asked
