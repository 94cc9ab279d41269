"""Steps and their locks: taken one after the other in order of their names, given back together.

`engine.core.locks` says why nothing can wait for itself in a circle.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from engine.core.admission import Rank
from engine.core.events import Failure
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.limits import Limits
from engine.core.locks import Locks
from engine.core.moves import move
from engine.core.parameters import UnknownVariable
from engine.core.states import StepInput, StepState

_LOCKING: Final = StepState.LOCKING

Owner = tuple[ExecutionFacts, StepFacts]


def _is_locking(owner: Owner) -> bool:
    return owner[1].state is _LOCKING


class LockMachine(ABC):
    """Steps that take locks."""

    def __init__(self, limits: Limits) -> None:
        """Start with no lock held."""
        self._locks: Locks[ExecutionFacts, StepFacts] = Locks(_is_locking, limits.semaphores)
        self._granted: deque[Owner] = deque()  # has just been given a lock

    def lock_holders(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return the executions and steps that hold a lock, the first to take it first."""
        return tuple((execution.execution_id, step.id) for execution, step in self._locks.holders(name))

    def lock_holder(self, name: str) -> tuple[str, str] | None:
        """Return the execution and step that hold a lock, or None."""
        return next(iter(self.lock_holders(name)), None)

    def lock_names(self) -> tuple[str, ...]:
        """Return the names of all locks that are held, in the order in which they were taken."""
        return self._locks.names()

    @abstractmethod
    def _refuse(self, execution: ExecutionFacts, step: StepFacts, failure: Failure, now: int) -> None:
        """Fail a step that has not started, and its attempt, if it has one."""

    @abstractmethod
    def _enclosing(self, execution: ExecutionFacts, step: StepFacts) -> StepFacts | None:
        """Return the step right around a step, or None."""

    def _take_locks(self, execution: ExecutionFacts, step: StepFacts, now: int) -> bool:
        """Take a step's locks; False where it has to wait for one, or has failed."""
        plan = step.plan
        if not plan.locks or step.locks:
            return True
        try:
            names = plan.resolve_locks(self._variables(execution, step)) if plan.resolve_locks else plan.locks
        except UnknownVariable as error:
            self._refuse(execution, step, Failure("UnknownVariable", str(error), retryable=False), now)
            return False
        wanted = tuple(sorted(dict.fromkeys(str(name) for name in names)))
        around = self._lock_around(execution, step)
        if around and wanted[0] <= around:
            message = (
                f"wants lock {wanted[0]!r} inside lock {around!r}; "
                "inside a lock, names must come after its own"
            )
            self._refuse(execution, step, Failure("LockOrder", message, retryable=False), now)
            return False
        step.locks = wanted
        return self._acquire(execution, step, now)

    def _acquire(self, execution: ExecutionFacts, step: StepFacts, now: int) -> bool:
        rank: Rank = (now, execution.index, step.plan.index)
        for name in step.locks[step.locks_held_count :]:
            if not self._locks.acquire(name, rank, (execution, step)):
                if step.state is not _LOCKING:
                    step.state = move(step, StepInput.LOCK)
                return False
            step.locks_held_count += 1
        return True

    def _release_locks(self, step: StepFacts) -> None:
        """Give back the locks that a step holds, and stop waiting for the others."""
        names, held_count = step.locks, step.locks_held_count
        if not names:
            return
        step.locks, step.locks_held_count = (), 0
        for name in names[:held_count]:
            following = self._locks.release(name, step)
            if following is not None:
                following[1].locks_held_count += 1
                self._granted.append(following)
        if held_count < len(names) and not any(owner[1] is step for owner in self._granted):
            self._locks.leave(names[held_count])  # else it has just been given one, and waits for none yet

    def _lock_around(self, execution: ExecutionFacts, step: StepFacts) -> str:
        """Return the last lock by name that is held by what encloses a step, or empty."""
        last = ""
        around = self._enclosing(execution, step)
        while around is not None:
            if around.locks:
                last = max(last, around.locks[-1])
            around = self._enclosing(execution, around)
        return last

    def _variables(self, execution: ExecutionFacts, _step: StepFacts) -> Mapping[str, Any]:
        """Return what references of a step see."""
        return execution.variables
