"""Signals of a scenario: sent to every execution, on time, once for each wait; and charged as such."""

from dataclasses import replace
from typing import Any

import pytest

from engine.core.definition import Step, StepKind, Workflow
from scenarios.runspec import RunSpec, SignalSpec
from simulator import simulate
from tests.simulator.worlds import SECOND_NS, engine, of_type, run_row, run_spec

FIVE = {"dist": "constant", "value_s": 5.0}
SPREAD = {"dist": "uniform", "low_s": 1.0, "high_s": 9.0}


def gate(step_id: str, *needs: str, ensure: str = "", timeout_ns: int | None = None) -> Step:
    return Step(
        step_id, kind=StepKind.WAIT, signal="approve", needs=needs, ensure=ensure, timeout_ns=timeout_ns
    )


def work(step_id: str, *needs: str) -> Step:
    return Step(step_id, action="wait", parameters={"duration_s": 2}, needs=needs)


def spec(signal: SignalSpec, *steps: Step, count: int = 1) -> RunSpec:
    base = run_spec(Workflow("gated", steps), count, limits=engine(max_concurrency=None))
    return replace(base, workload=replace(base.workload, signals=(signal,)))


def ends(run: RunSpec) -> dict[str, Any]:
    return {row["step"]: row for row in of_type(simulate(run), "step")}


def test_a_signal_comes_so_long_after_the_wait_began() -> None:
    steps = ends(spec(SignalSpec("approve", FIVE, {}, from_waiting=True), work("a"), gate("g", "a")))
    assert steps["g"]["ended_ns"] - steps["g"]["ready_ns"] == 5 * SECOND_NS
    assert steps["g"]["causes"] == {"signal": 5 * SECOND_NS}


def test_every_wait_gets_a_signal_of_its_own() -> None:
    steps = ends(spec(SignalSpec("approve", FIVE, {}, from_waiting=True), gate("one"), gate("two", "one")))
    assert [steps[name]["ended_ns"] for name in ("one", "two")] == [5 * SECOND_NS, 10 * SECOND_NS]


def test_a_signal_from_the_submission_on_may_be_there_before_the_wait() -> None:
    early = SignalSpec("approve", {"dist": "constant", "value_s": 1.0}, {}, from_waiting=False)
    steps = ends(spec(early, work("a"), gate("g", "a")))
    assert steps["g"]["ended_ns"] == steps["g"]["ready_ns"] == 2 * SECOND_NS


@pytest.mark.parametrize(
    ("payload", "state"), [({"approved": True}, "completed"), ({"approved": False}, "failed")]
)
def test_an_approval_gate_looks_at_the_payload(payload: dict[str, bool], state: str) -> None:
    signal = SignalSpec("approve", FIVE, payload, from_waiting=True)
    ensure = 'steps["g"].outputs.approved'
    steps = ends(spec(signal, gate("g", ensure=ensure), work("after", "g")))
    assert steps["g"]["state"] == state


def test_a_wait_that_nobody_answers_in_time_fails() -> None:
    signal = SignalSpec("approve", FIVE, {}, from_waiting=True)
    steps = ends(spec(signal, gate("g", timeout_ns=3 * SECOND_NS)))
    assert steps["g"]["state"] == "failed"
    assert steps["g"]["ended_ns"] == 3 * SECOND_NS


def test_each_execution_waits_for_its_own_draw_and_all_are_reproducible() -> None:
    run = spec(SignalSpec("approve", SPREAD, {}, from_waiting=True), gate("g"), count=20)
    result = simulate(run)
    waits = [row["ended_ns"] - row["ready_ns"] for row in of_type(result, "step")]
    assert len(set(waits)) == 20
    assert all(SECOND_NS <= one <= 9 * SECOND_NS for one in waits)
    assert run_row(simulate(run))["history_digest"] == run_row(result)["history_digest"]


def test_whoever_is_admitted_in_the_place_of_another_gets_a_signal_too() -> None:
    base = spec(SignalSpec("approve", FIVE, {}, from_waiting=True), gate("g"), count=5)
    run = replace(base, engine=engine(max_concurrency=2))
    steps = of_type(simulate(run), "step")
    assert [step["ended_ns"] // SECOND_NS for step in steps] == [5, 5, 10, 10, 15]
    assert run_row(simulate(run))["completed_count"] == 5
