"""The engine by itself: events a second, what ten thousand executions at once cost, and their memory."""

import gc
import tracemalloc
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

from engine.core import collector
from engine.core.commands import StartAttempt
from engine.core.definition import Step, Workflow
from engine.core.events import AttemptSucceeded, Event, ExecutionSubmitted, WorkflowRegistered
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.ordering import reduce
from engine.core.validation import dependencies
from tests.benchmarks.alternating import alternate

STEPS = 10
EXECUTIONS = 10_000
KIBIBYTE = 1_024

Entry = tuple[int, Event]


def chain(steps: int = STEPS) -> Workflow:
    return Workflow(
        "w", tuple(Step(f"s{n}", needs=(f"s{n - 1}",) if n else (), action="act") for n in range(steps))
    )


@dataclass
class Feeder:
    """Keeps so many executions under way until `total` have run; the first to start is the first to end."""

    at_once: int
    total: int
    limits: Limits
    workflow: Workflow
    on_event: Callable[[Entry], None] = lambda _: None

    def run(self) -> tuple[WorkflowEngine, int]:
        """Return the engine, and how many events it took in."""
        engine = WorkflowEngine(self.limits)
        engine.handle(WorkflowRegistered(self.workflow), 0)
        running: deque[tuple[str, str, int]] = deque()
        now = submitted = events = 0

        def tell(event: Event) -> None:
            nonlocal events, submitted
            events += 1
            self.on_event((now, event))
            for command in engine.handle(event, now):
                if type(command) is StartAttempt:
                    running.append((command.execution_id, command.step_id, command.attempt))
                else:
                    engine.forget(command.execution_id)
                    if submitted < self.total:
                        submit()

        def submit() -> None:
            nonlocal submitted
            submitted += 1
            tell(ExecutionSubmitted(f"x{submitted}", "w", {}))

        while submitted < min(self.at_once, self.total):
            submit()
        while running:
            now += 1_000
            tell(AttemptSucceeded(*running.popleft(), {}))
        return engine, events


def us_per_event(
    at_once: int, total: int, limits: Limits | None = None, workflow: Workflow | None = None
) -> float:
    """Measure with the collector of cycles set as a durable host sets it (`engine.core.collector`)."""
    gc.collect()
    before = collector.look_seldom()
    try:
        began = process_time()
        _, events = Feeder(at_once, total, limits or Limits(), workflow or chain()).run()
        return (process_time() - began) / events * 1e6
    finally:
        collector.put_back(before)


def other_loops(entries: list[Entry]) -> dict[str, float]:
    """Events a second of loops that do less than to file each event under its step, or the same otherwise."""

    def rate(loop: Callable[[dict[object, object]], None]) -> float:
        began = process_time()
        for _ in range(5):
            loop({})
        return 5 * len(entries) / (process_time() - began)

    def by_update(states: dict[object, object]) -> None:
        for now, event in entries:
            states.update({(event.execution_id, getattr(event, "step_id", "")): now})  # type: ignore[union-attr] # all have it

    def by_execution(states: dict[object, object]) -> None:
        for now, event in entries:
            states[event.execution_id] = now  # type: ignore[union-attr] # all have it

    def by_number(states: dict[object, object]) -> None:
        for number, entry in enumerate(entries):
            states[number] = entry  # noqa: PERF403 - the loop is what is measured

    return {
        "dict.update under the step": rate(by_update),
        "the event under its execution": rate(by_execution),
        "the event under its number": rate(by_number),
    }


def test_events_through_the_state_machine() -> None:
    """The replay of a long history against a loop that updates one dict entry for each event.

    Judged against the least that a state machine must do: file the event under whom it is about. Other
    readings of "one dict update per event" are printed beside it: `dict.update` in place of an assignment,
    and two that build no key. 1/40 of those is the time of some forty calls of a Python function, for a
    whole step of a workflow.
    """
    entries: list[Entry] = []
    Feeder(100, 5_000, Limits(), chain(), entries.append).run()
    gc.collect()

    def engine_events_per_s() -> float:
        gc.disable()
        engine = WorkflowEngine(Limits())
        engine.handle(WorkflowRegistered(chain()), 0)
        began = process_time()
        for now, event in entries:
            for command in engine.handle(event, now):
                if type(command) is not StartAttempt:
                    engine.forget(command.execution_id)
        spent = process_time() - began
        gc.enable()
        return len(entries) / spent

    def updates_per_s() -> float:
        """What any state machine has to do at the least: file the event under whom it is about."""
        states: dict[tuple[str, str], int] = {}
        began = process_time()
        for _ in range(5):
            for now, event in entries:
                states[event.execution_id, getattr(event, "step_id", "")] = now  # type: ignore[union-attr] # all have it
        return 5 * len(entries) / (process_time() - began)

    found = alternate("engine events against dict updates", engine_events_per_s, updates_per_s, 1 / 40)
    for name, bare_per_s in other_loops(entries).items():
        print(f"against {name}: 1/{bare_per_s / found.rate:.0f}")
    assert found.rate >= 150_000
    assert found.ratio >= found.target


def test_ten_thousand_executions_at_once_cost_little_more_an_event_than_a_hundred() -> None:
    found = alternate(
        "events at 10,000 executions at once against 100",
        lambda: 1e6 / us_per_event(EXECUTIONS, EXECUTIONS),
        lambda: 1e6 / us_per_event(100, EXECUTIONS),
        1 / 1.3,
        rounds=5,
    )
    assert found.ratio >= found.target


def test_memory_of_a_step_in_flight() -> None:
    """Ten thousand executions, half way: all that the engine keeps, over the steps of all of them."""
    steps_in_flight = EXECUTIONS * STEPS
    tracemalloc.start()
    engine = WorkflowEngine(Limits())
    engine.handle(WorkflowRegistered(chain()), 0)
    before, _ = tracemalloc.get_traced_memory()
    for number in range(EXECUTIONS):
        engine.handle(ExecutionSubmitted(f"x{number}", "w", {}), number)
    for position in range(STEPS // 2):
        for number in range(EXECUTIONS):
            engine.handle(AttemptSucceeded(f"x{number}", f"s{position}", 1, {}), EXECUTIONS * (position + 1))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    bytes_a_step = (after - before) / steps_in_flight
    print(f"\nmemory of a step in flight: {bytes_a_step:,.0f} bytes, target {3 * KIBIBYTE:,}")
    assert engine.active_count == EXECUTIONS
    assert bytes_a_step <= 3 * KIBIBYTE


def test_needs_that_others_imply_cost_nothing_when_they_are_dropped() -> None:
    """A hundred steps that each need all before them: 4,950 needs, of which 99 are left."""
    dense = Workflow(
        "w", tuple(Step(f"s{n}", needs=tuple(f"s{m}" for m in range(n)), action="act") for n in range(100))
    )
    order = dependencies(dense.steps)
    assert sum(map(len, order.values())) == 4_950
    assert sum(map(len, reduce(order).values())) == 99
    found = alternate(
        "events with needs reduced against all of them",
        lambda: 1e6 / us_per_event(20, 100, Limits(reduce_needs=True), dense),
        lambda: 1e6 / us_per_event(20, 100, Limits(), dense),
        1.0,
        rounds=5,
    )
    assert found.ratio >= found.target
