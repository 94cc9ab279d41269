"""Every invariant can fail: an engine, a host or a model that is broken on purpose is found in few seeds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest

from engine.core import recorder, steps
from engine.core.admission import Slots
from engine.core.attempt_runner import AttemptRunner
from engine.core.attribution import execution_rows
from engine.core.containers import ContainerMachine
from engine.core.control import ControlMachine
from engine.core.deadlines import DeadlineKind, Deadlines
from engine.core.events import AttemptSucceeded, EngineRecovered, Failure, Remembered
from engine.core.facts import ExecutionFacts
from engine.core.locks import Locks
from engine.core.machine import WorkflowEngine
from engine.core.rates import Bucket
from engine.core.store import Entry
from simulator.cluster.fleet import Fleet
from simulator.cluster.store import Store
from tests.fuzz.account import try_seed
from tests.fuzz.faults import WatchedStore

SEEDS = range(150)
Break = Callable[[pytest.MonkeyPatch], None]


def _ignored_slots(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Slots, "is_free", property(lambda _self: True))


def _ignored_rates(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Bucket, "is_free", lambda _self, _now: True)


def _lock_for_all(patch: pytest.MonkeyPatch) -> None:
    """A lock table that grants what is held already."""
    acquire = Locks.acquire

    def granting(self: Any, name: str, rank: Any, owner: Any) -> bool:
        lock = self._locks.get(name)
        if lock is not None:
            lock.holders.append(owner)
            return True
        return acquire(self, name, rank, owner)

    patch.setattr(Locks, "acquire", granting)


def _hasty(patch: pytest.MonkeyPatch) -> None:
    """An admission that makes every step ready at once."""
    admit = WorkflowEngine._admit  # noqa: SLF001 - broken where it is done

    def admitting(self: Any, *arguments: Any) -> None:
        before = {execution_id for execution_id, it in self._executions.items() if it.steps}
        admit(self, *arguments)
        for execution_id, execution in self._executions.items():
            if execution.steps and execution_id not in before:
                self._ready.extend(
                    (execution, step, "") for step in execution.steps.values() if not step.parent
                )

    patch.setattr(WorkflowEngine, "_admit", admitting)


def _forgetful(patch: pytest.MonkeyPatch) -> None:
    """A recovery that takes the first success for something remembered."""
    events = WatchedStore.events

    def forgetting(self: Any, engine: str, from_position: int = 0) -> Iterator[Entry]:
        is_forgotten = False
        for now, event in events(self, engine, from_position):
            if isinstance(event, AttemptSucceeded) and not is_forgotten:
                is_forgotten = True
                yield now, Remembered(event.execution_id, event.step_id, event.attempt, "lost", 1)
            else:
                yield now, event

    patch.setattr(WatchedStore, "events", forgetting)


def _forgetful_of_rollbacks(patch: pytest.MonkeyPatch) -> None:
    """A recovery that takes the success of a rollback for something remembered."""
    events = WatchedStore.events

    def forgetting(self: Any, engine: str, from_position: int = 0) -> Iterator[Entry]:
        for now, event in events(self, engine, from_position):
            is_undone = isinstance(event, AttemptSucceeded) and "undone" in event.outputs
            if isinstance(event, AttemptSucceeded) and is_undone:
                yield now, Remembered(event.execution_id, event.step_id, event.attempt, "lost", 1)
            else:
                yield now, event

    patch.setattr(WatchedStore, "events", forgetting)


def _deaf_to_pauses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ControlMachine, "_pause", lambda _self, _execution, _now: None)


def _deaf_to_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ControlMachine, "_on_emergency_stop", lambda _self, _event, _now: None)


def _wide(patch: pytest.MonkeyPatch) -> None:
    """Loops that begin one iteration too many."""
    begin = ContainerMachine._begin_loop  # noqa: SLF001 - broken where it is done

    def beginning(self: Any, execution: Any, step: Any, now: int) -> None:
        begin(self, execution, step, now)
        if step.loop is not None and step.loop.next_number < len(step.loop.items):
            self._begin_iteration(execution, step, step.id, now)

    patch.setattr(ContainerMachine, "_begin_loop", beginning)


def _deaf_to_waits(patch: pytest.MonkeyPatch) -> None:
    """Deadlines that never end a wait."""
    arm = Deadlines.arm

    def arming(self: Any, at_ns: int, kind: DeadlineKind, *arguments: Any) -> None:
        if kind is not DeadlineKind.WAIT_END:
            arm(self, at_ns, kind, *arguments)

    patch.setattr(Deadlines, "arm", arming)


def _armed_in_the_past(patch: pytest.MonkeyPatch) -> None:
    arm = Deadlines.arm

    def arming(self: Any, at_ns: int, kind: DeadlineKind, *arguments: Any) -> None:
        late_ns = 1_000_000_000 if kind is DeadlineKind.BACKOFF_END else 0
        arm(self, at_ns - late_ns, kind, *arguments)

    patch.setattr(Deadlines, "arm", arming)


def _revising(patch: pytest.MonkeyPatch) -> None:
    """A recovery that changes what had ended."""
    handle = WorkflowEngine.handle

    def handling(self: Any, event: Any, now: int) -> Any:
        if isinstance(event, EngineRecovered):
            for execution in self._executions.values():
                if execution.ended_ns >= 0:
                    execution.failure = Failure("Revised", "on second thoughts")
        return handle(self, event, now)

    patch.setattr(WorkflowEngine, "handle", handling)


def _drawing(patch: pytest.MonkeyPatch) -> None:
    """An engine whose state depends on more than its events."""
    complete, numbers = steps.StepMachine._complete, count()  # noqa: SLF001 - broken where it is done

    def completing(self: Any, execution: Any, step: Any, outputs: Any, now: int) -> None:
        complete(self, execution, step, {**outputs, "drawn": next(numbers)}, now)

    patch.setattr(steps.StepMachine, "_complete", completing)


def _miscounting(patch: pytest.MonkeyPatch) -> None:
    """Rows that charge a nanosecond too much."""

    def rows(*arguments: Any, **more: Any) -> list[Any]:
        made: list[Any] = list(execution_rows(*arguments, **more))
        return [{**row, "causes": {**row["causes"], "lock": 1}} if "causes" in row else row for row in made]

    patch.setattr(recorder, "execution_rows", rows)


def _crowding(patch: pytest.MonkeyPatch) -> None:
    """A scheduler that takes the first node, whatever it holds."""
    patch.setattr(Fleet, "choose", lambda self, *_arguments: next(iter(self.ordered()), None))


def _careless(patch: pytest.MonkeyPatch) -> None:
    """A store that takes an old resource version for today's."""
    written = Store.patch

    def writing(self: Any, ref: Any, changes: Mapping[str, Any], link: Any, _version: Any = None) -> Any:
        return written(self, ref, changes, link)

    patch.setattr(Store, "patch", writing)


def _one_number(patch: pytest.MonkeyPatch) -> None:
    """An engine that gives every execution the same number."""
    end = WorkflowEngine._end_execution  # noqa: SLF001 - broken where it is done

    def ending(self: Any, execution: ExecutionFacts, *arguments: Any, **more: Any) -> None:
        execution.index = 0
        end(self, execution, *arguments, **more)

    patch.setattr(WorkflowEngine, "_end_execution", ending)


def _mixing(patch: pytest.MonkeyPatch) -> None:
    """An engine that gives every step the variables of the first execution it saw."""
    first: list[Mapping[str, Any]] = []

    def variables(_self: Any, execution: ExecutionFacts, *_arguments: Any) -> Mapping[str, Any]:
        first.append(execution.variables)
        return first[0]

    patch.setattr(WorkflowEngine, "_variables", variables)


def _deaf_to_cancels(patch: pytest.MonkeyPatch) -> None:
    """A host that lets go of what it should cancel, and lets it run."""
    patch.setattr(AttemptRunner, "_cancel", lambda _self, _command: None)


MUTANTS: Sequence[tuple[str, Break]] = (
    ("limits", _ignored_slots),
    ("limits", _ignored_rates),
    ("locks", _lock_for_all),
    ("order", _hasty),
    ("redone", _forgetful),
    ("undone-again", _forgetful_of_rollbacks),
    ("pause", _deaf_to_pauses),
    ("stop", _deaf_to_stops),
    ("loop", _wide),
    ("ends", _deaf_to_waits),
    ("deadline", _armed_in_the_past),
    ("result", _revising),
    ("replay", _drawing),
    ("causes", _miscounting),
    ("cluster", _crowding),
    ("counter", _careless),
    ("ids", _one_number),
    ("leak", _mixing),
    ("after-end", _deaf_to_cancels),
)


@pytest.mark.parametrize(("invariant", "mutant"), MUTANTS, ids=[it.__name__.strip("_") for _, it in MUTANTS])
def test_a_mutant_is_found(invariant: str, mutant: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    assert any(found.invariant == invariant for seed in SEEDS for found in try_seed(seed))
