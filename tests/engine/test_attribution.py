"""Every nanosecond is charged to one cause, and the sums are exact."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.attribution import Span, execution_rows
from engine.core.causes import Cause
from engine.core.definition import Rollback, Step, StepKind
from engine.core.errors import ProtocolError
from engine.core.events import PauseRequested, ResumeRequested, SignalReceived
from engine.core.ledger import contiguous
from tests.engine.rig import HOPELESS, SECOND_NS, Rig, act, group, retrying
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.world import run

KIND = StepKind


def rows_of(rig: Rig, execution_id: str = "x", until_ns: int | None = None) -> dict[str, dict[str, Any]]:
    """Rows by step id, the execution's own under its id; every attempt is charged to API service."""
    execution = rig.execution(execution_id)
    until_ns = rig.now if until_ns is None else until_ns
    spans: dict[tuple[str, int], list[Span]] = {}
    for step in execution.steps.values():
        for attempt in step.attempts:
            if attempt.started_ns >= 0:
                end_ns = attempt.ended_ns if attempt.ended_ns >= 0 else until_ns
                spans[step.id, attempt.number] = [(Cause.API_SERVICE, attempt.started_ns, end_ns)]
    rows = [dict(row) for row in execution_rows(execution, spans, until_ns=until_ns, detail=True)]
    return {
        str(row["step"] if row["type"] == "step" else row["execution"]): row
        for row in rows
        if row["type"] != "attempt"
    }


def test_a_chain_is_charged_from_admission_to_its_end() -> None:
    rig = Rig(act("a"), act("b", "a"), act("side"), max_concurrency=1)
    rig.submit("first")
    rig.submit()
    rig.succeed("side", "first")
    rig.succeed("a", "first")
    rig.succeed("b", "first", after_ns=7)
    rig.succeed("side", after_ns=1)
    rig.succeed("a", after_ns=2)
    rig.succeed("b", after_ns=3)
    rows = rows_of(rig)
    assert rows["x"]["causes"] == {"admission": 7, "API service": 6}
    assert [rows[name]["critical"] for name in ("a", "b", "side")] == [True, True, False]
    assert rows["a"]["causes"] == {"API service": 3}


def test_lock_queue_back_off_and_work_are_told_apart() -> None:
    rig = Rig(act("a", lock="l", retry=retrying(2, delay_ns=5)), step_slots=1)
    rig.submit("one")
    rig.submit()
    rig.submit("three")
    rig.succeed("a", "one", after_ns=10)  # x gets lock and slot
    rig.fail("a", after_ns=3)  # x backs off, keeps the lock
    rig.sleep()
    rig.succeed("a", after_ns=4)
    assert rows_of(rig)["a"]["causes"] == {"lock": 10, "API service": 7, "retry back-off": 5}
    rig.succeed("a", "three", after_ns=1)
    assert rows_of(rig, "three")["three"]["causes"] == {"lock": 22, "API service": 1}


def test_waiting_for_a_slot_is_the_dispatch_queue() -> None:
    rig = Rig(act("a"), act("b"), step_slots=1)
    rig.submit()
    rig.succeed("a", after_ns=6)
    rig.succeed("b", after_ns=1)
    rows = rows_of(rig)
    assert rows["b"]["causes"] == rows["x"]["causes"] == {"dispatch queue": 6, "API service": 1}


def test_a_declared_wait_is_declared_work() -> None:
    rig = Rig(Step("w", KIND.WAIT, wait_ns=9))
    rig.submit()
    rig.sleep()
    assert rows_of(rig)["x"]["causes"] == {"declared work": 9}


def test_a_group_is_charged_as_its_critical_children() -> None:
    wait = Step("w", KIND.WAIT, wait_ns=10)
    inner = group("h", KIND.SEQUENTIAL, act("p"), act("q"))
    rig = Rig(act("before"), group("g", KIND.PARALLEL, wait, inner, needs=("before",)), act("after", "g"))
    rig.submit()
    rig.succeed("before", after_ns=1)
    rig.succeed("p", after_ns=2)
    rig.sleep()  # the wait ends at 11
    rig.succeed("q", after_ns=4)
    rig.succeed("after", after_ns=5)
    rows = rows_of(rig)
    assert rows["g"]["causes"] == rows["h"]["causes"] == {"API service": 14}
    assert rows["x"]["causes"] == {"API service": 20}
    critical = [name for name, row in rows.items() if row.get("critical")]
    assert critical == ["before", "g", "h", "p", "q", "after"]


def test_a_chain_goes_through_skipped_steps() -> None:
    condition = Step("c", KIND.CONDITION, needs=("a",), condition="false")
    rig = Rig(act("a"), condition, act("skipped", "c"), act("other"), act("end", "skipped", "other"))
    rig.submit()
    rig.succeed("other", after_ns=2)
    rig.succeed("a", after_ns=3)
    rig.succeed("end", after_ns=4)
    rows = rows_of(rig)
    assert rows["x"]["causes"] == {"API service": 9}
    skipped = rows["skipped"]
    assert (skipped["state"], skipped["ready_ns"], skipped["ended_ns"]) == ("skipped", -1, -1)
    assert (skipped["causes"], skipped["critical"]) == ({}, False)


def test_what_was_stopped_is_charged_up_to_then() -> None:
    rig = Rig(
        act("fails"), act("locked", lock="l"), act("waits", lock="l"), group("g", KIND.PARALLEL, act("in"))
    )
    rig.submit()
    rig.fail("fails", after_ns=8)
    rows = rows_of(rig)
    assert rows["x"]["state"] == "failed"
    assert rows["x"]["failure"] == "Broken: it broke"
    assert rows["x"]["causes"] == {"API service": 8}
    assert rows["waits"]["causes"] == {"lock": 8}
    assert (rows["g"]["state"], rows["g"]["causes"]) == ("cancelled", {"API service": 8})


def test_what_has_not_ended_is_charged_up_to_the_present() -> None:
    rig = Rig(act("a"), act("b", "a"), group("g", KIND.SEQUENTIAL, act("in"), act("next")), max_concurrency=1)
    rig.submit()
    rig.submit("queued")
    rig.succeed("a", after_ns=5)
    rows = rows_of(rig, until_ns=12)
    execution = rows["x"]
    assert (execution["state"], execution["ended_ns"], execution["causes"]) == (
        "unfinished",
        12,
        {"API service": 12},
    )
    assert execution["progress_gap_ns_max"] == 7
    assert (rows["b"]["state"], rows["b"]["ended_ns"]) == ("unfinished", 12)
    assert (rows["next"]["state"], rows["next"]["ready_ns"]) == ("unfinished", -1)
    queued = rows_of(rig, "queued", until_ns=12)
    assert list(queued) == ["queued"]
    assert queued["queued"]["causes"] == {"admission": 12}


def test_a_refused_execution_took_no_time() -> None:
    rig = Rig(act("a"), max_concurrency=1, max_queue=0)
    rig.submit()
    rig.submit("y")
    rows = rows_of(rig, "y")
    assert (rows["y"]["state"], rows["y"]["causes"]) == ("failed", {})


def test_what_of_a_wait_lies_in_a_pause_is_charged_to_it() -> None:
    rig = Rig(Step("w", KIND.WAIT, wait_ns=9), act("a", "w"), act("b", "a"))
    rig.submit()
    rig.now = 4
    rig.tell(PauseRequested("x"))
    rig.now = 10
    rig.tell(ResumeRequested("x"))
    rig.sleep()
    rig.tell(PauseRequested("x"))
    rig.succeed("a", after_ns=3)
    assert rows_of(rig, until_ns=20)["x"]["causes"] == {"declared work": 9, "API service": 3, "pause": 8}
    rig.now = 20
    rig.tell(ResumeRequested("x"))
    rig.succeed("b", after_ns=1)
    rows = rows_of(rig)
    assert rows["w"]["causes"] == {"declared work": 9, "pause": 6}
    assert rows["x"]["causes"] == {"declared work": 9, "API service": 4, "pause": 8}


def test_a_signal_a_loop_and_a_rollback_are_charged() -> None:
    wait = Step("w", KIND.WAIT, signal="go")
    loop = Step("l", KIND.LOOP, needs=("w",), steps=(act("b", rollback=Rollback()),), range=(0, 2, 1))
    rig = Rig(wait, loop, act("c", "l"), workflow={"compensate": True})
    rig.submit()
    rig.now = 5
    rig.tell(SignalReceived("x", "go", {}))
    rig.succeed("l[0].b", after_ns=1)
    rig.succeed("l[1].b", after_ns=2)
    rig.fail("c", after_ns=3)
    rig.succeed("l[1].b", after_ns=10)
    rig.succeed("l[0].b", after_ns=20)
    rows = rows_of(rig)
    assert rows["x"]["causes"] == {"signal": 5, "API service": 36}
    assert rows["l"]["causes"] == {"API service": 3}
    assert rows["l[1].b"]["causes"] == {"API service": 2}
    assert all(rows[name]["critical"] for name in ("w", "l", "l[0].b", "l[1].b", "c"))


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [(Cause.API_SERVICE, 0, 9)],
        [(Cause.API_SERVICE, 1, 10)],
        [(Cause.API_SERVICE, 0, 4), (Cause.LOCK, 5, 10)],
        [(Cause.API_SERVICE, 0, 6), (Cause.LOCK, 5, 10)],
        [(Cause.API_SERVICE, 0, 12), (Cause.LOCK, 12, 10)],
    ],
)
def test_spans_with_a_gap_or_an_overlap_are_refused(spans: list[Span]) -> None:
    with pytest.raises(ProtocolError):
        contiguous(spans, 0, 10, "a")


@given(seed=st.integers(0, 10**6), tying=st.booleans(), until=st.sampled_from([None, 3_000_000, 20_000_000]))
def test_sums_are_exact_and_rows_in_order(seed: int, *, tying: bool, until: int | None) -> None:
    world = run(HeapAgenda(), seed, tying=tying, until=until)
    indices = []
    for row in world.rows:
        if row["type"] == "execution":
            indices.append(row["index"])
            assert sum(row["causes"].values()) == row["ended_ns"] - row["submitted_ns"]
            assert "residual" not in row["causes"]
        elif row["type"] == "step":
            duration_ns = row["ended_ns"] - row["ready_ns"] if row["ready_ns"] >= 0 else 0
            assert sum(row["causes"].values()) == duration_ns
            assert all(value > 0 for value in row["causes"].values())
        elif row["type"] == "attempt":
            covered = [(start, end) for _, start, end in row["spans"]]
            assert sum(end - start for start, end in covered) == row["ended_ns"] - row["started_ns"]
    assert indices == list(range(world.host.engine.submitted_count))


def test_a_group_that_waited_for_its_lock_and_then_failed_is_charged_for_the_wait() -> None:
    """The chain begins inside the group: what came before its opening belongs to it all the same."""
    rig = Rig(Step("g", KIND.SEQUENTIAL, steps=(act("a"),), locks=("one",)))
    rig.submit("x")
    rig.submit("y")
    rig.succeed("a", "x", after_ns=2 * SECOND_NS)
    rig.fail("a", "y", after_ns=SECOND_NS, failure=HOPELESS)
    assert rows_of(rig, "y")["y"]["causes"] == {"lock": 2 * SECOND_NS, "API service": SECOND_NS}
