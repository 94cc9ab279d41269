"""What one decision of the engine takes: the default of `engine.cost.decision`, measured."""

from time import process_time

import pytest

from engine.actions import CATALOGUE
from engine.cel import CelConditions
from engine.core.attempt_runner import Attempt
from engine.core.definition import Step, Workflow
from engine.core.effects import Effect
from engine.core.events import ExecutionSubmitted, WorkflowRegistered
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from scenarios.engine_costs import ENGINE_COSTS

EXECUTIONS, STEPS, ROUNDS = 500, 10, 7


class Nowhere:
    """A world for actions that ask for nothing."""

    def begin(self, attempt: Attempt) -> None: ...

    def perform(self, attempt: Attempt, effect: Effect[object]) -> None:
        message = f"a log step asked for {effect} in attempt {attempt.key}"
        raise AssertionError(message)

    def cancel(self, attempt: Attempt) -> None: ...

    def finish(self, attempt: Attempt) -> None: ...


def seconds_an_event() -> float:
    """Return the time of the machine, the host and its rows for one event of a chain of log steps."""
    host = Host(WorkflowEngine(Limits()), CATALOGUE, CelConditions(), lambda: 0, lambda _row: None)
    host.performer = Nowhere()
    steps = [
        Step(f"s{n}", action="log", parameters={"message": "x"}, needs=(f"s{n - 1}",) if n else ())
        for n in range(STEPS)
    ]
    host.feed(WorkflowRegistered(Workflow("chain", tuple(steps))))
    began = process_time()
    for number in range(EXECUTIONS):
        host.feed(ExecutionSubmitted(f"e{number}", "chain", {}))
    return (process_time() - began) / len(host.history)


@pytest.mark.bench
def test_a_decision_takes_about_what_scenarios_assume() -> None:
    """Within a factor of four: machines differ, and an engine that became so much slower is another one."""
    measured = sorted(seconds_an_event() for _ in range(ROUNDS))[ROUNDS // 2]
    assumed = ENGINE_COSTS["engine.decision"].value
    print(f"\none decision: {measured * 1e6:.1f} us measured, {assumed * 1e6:g} us assumed")
    assert assumed / 4 < measured < assumed * 4
