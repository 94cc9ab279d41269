"""The instants at which the engine must be woken.

One heap; what is no longer wanted is dropped when it surfaces.
"""

from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Final

from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.states import ExecutionState, StepState


class DeadlineKind(IntEnum):
    """Why the engine wants to be woken."""

    ATTEMPT_TIMEOUT = 0
    BACKOFF_END = 1
    WAIT_END = 2
    EXECUTION_TIMEOUT = 3
    GRACE_END = 4  # of an attempt that cleans up
    OPEN_END = 5  # of a subflow whose workflow has a timeout


# instant, order of arming, kind, execution, step (None for an execution's), attempt
Deadline = tuple[int, int, DeadlineKind, ExecutionFacts, StepFacts | None, int]

_STATES_WANTED: Final = (
    (StepState.RUNNING, StepState.ROLLING_BACK),
    (StepState.BACKING_OFF,),
    (StepState.WAITING,),
    (),
    (StepState.CANCELLING,),
    (StepState.OPEN,),
)
_RUNNING: Final = ExecutionState.RUNNING
_COMPACT_ABOVE: Final = 64
_ORDER_BITS: Final = 48  # of an entry: 3,000 years of arming at 3,000 a second
_ORDER: Final = (1 << _ORDER_BITS) - 1


def _is_wanted(deadline: Deadline) -> bool:
    """Tell whether a deadline is still its owner's: by its order, as instants may recur."""
    step = deadline[4]
    if step is None:
        execution = deadline[3]
        return execution.due_order == deadline[1] and execution.due_ns >= 0 and execution.state is _RUNNING
    return (
        step.due_order == deadline[1]
        and step.due_ns >= 0
        and step.state in _STATES_WANTED[deadline[2]]
        and len(step.attempts) == deadline[5]
    )


class Deadlines:
    """A heap by instant, then by order of arming; what is armed is kept beside it, by its order.

    So the heap itself refers to nothing: what is no longer wanted keeps nothing alive, and is swept out
    without a look at whose it was. An entry is one integer, the order below the instant: of ten thousand that
    are kept for long, pairs would be most of what sweeping has to fetch from memory.
    """

    __slots__ = ("_armed", "_armed_count", "_heap")

    def __init__(self) -> None:
        """Start with nothing armed."""
        self._heap: list[int] = []
        self._armed: dict[int, Deadline] = {}
        self._armed_count = 0

    def arm(
        self, at_ns: int, kind: DeadlineKind, execution: ExecutionFacts, step: StepFacts | None, attempt: int
    ) -> None:
        """Ask to be woken at `at_ns` unless execution and step have moved on by then.

        Each has one deadline at a time: it takes the place of the one before.
        """
        self._armed_count = order = self._armed_count + 1
        owner = execution if step is None else step
        owner.due_ns, owner.due_order = at_ns, order
        self._armed[order] = (at_ns, order, kind, execution, step, attempt)
        heappush(self._heap, at_ns << _ORDER_BITS | order)

    def disarm(self, owner: ExecutionFacts | StepFacts) -> None:
        """Take back the deadline of an execution or a step, if it has one.

        When half of those in the heap are no longer wanted, they are swept out.
        """
        if owner.due_ns < 0:
            return
        owner.due_ns = -1
        armed, heap = self._armed, self._heap
        armed.pop(owner.due_order, None)
        if len(heap) > _COMPACT_ABOVE and len(armed) * 2 < len(heap):
            self._heap = [entry for entry in heap if entry & _ORDER in armed]
            heapify(self._heap)

    def first_ns(self) -> int | None:
        """Return the earliest instant that is still wanted."""
        heap = self._heap
        while heap:
            deadline = self._armed.get(heap[0] & _ORDER)
            if deadline is not None and _is_wanted(deadline):
                return deadline[0]
            self._armed.pop(heappop(heap) & _ORDER, None)
        return None

    def pop_due(self, now: int) -> Deadline | None:
        """Remove and return the earliest deadline if it is still wanted and due at `now`."""
        first_ns = self.first_ns()
        if first_ns is None or first_ns > now:
            return None
        return self._armed.pop(heappop(self._heap) & _ORDER)

    def rebuild(self) -> None:
        """Make the heap anew from what is armed: snapshots of version 1 hold it in another form."""
        self._heap = [at_ns << _ORDER_BITS | order for at_ns, order, *_ in self._armed.values()]
        heapify(self._heap)

    def __len__(self) -> int:
        """Return how many are in the heap, those that are no longer wanted included."""
        return len(self._heap)
