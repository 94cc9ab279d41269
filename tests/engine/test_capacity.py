"""Capacity-aware admission: what the cluster cannot hold waits, and the first in line always goes at last."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.core.attribution import execution_rows
from engine.core.capacity import Capacity
from engine.core.causes import Cause
from engine.core.definition import Step, StepKind
from engine.core.events import CapacityReported
from engine.core.rates import Rate
from tests.engine.rig import HOPELESS, SECOND_NS, Rig, act

FULL = CapacityReported({"cpu_m": 0, "memory_b": 0, "pods": 0})


def cpu(amount: int) -> CapacityReported:
    return CapacityReported({"cpu_m": amount})


def heavy(step_id: str, amount: int, *needs: str, **fields: Any) -> Step:
    return act(step_id, *needs, demand={"cpu_m": amount}, **fields)


def test_a_step_waits_until_its_demand_fits() -> None:
    rig = Rig(heavy("a", 5), heavy("b", 5), act("c"), capacity_aware=True)
    rig.tell(cpu(8))
    rig.submit()
    assert rig.running_steps == ["a", "c"]
    assert rig.step("b").state == "rated"
    rig.now = 3
    rig.tell(cpu(10))
    assert rig.running_steps == ["a", "c", "b"]
    assert rig.step("b").attempts[0].held == ((Cause.CAPACITY, 0, 3),)


def test_until_the_first_report_everything_fits_and_without_the_switch_always() -> None:
    for aware, report in ((True, None), (False, FULL)):
        rig = Rig(heavy("a", 5), heavy("b", 5), capacity_aware=aware)
        if report is not None:
            rig.tell(report)
        rig.submit()
        assert rig.running_steps == ["a", "b"]


def test_what_a_started_step_has_taken_is_not_subtracted_twice() -> None:
    rig = Rig(heavy("a", 5), heavy("b", 5, "go"), act("go"), capacity_aware=True)
    rig.tell(cpu(10))
    rig.submit()
    rig.tell(cpu(5))  # a's pod is there: its promise is fulfilled
    rig.succeed("go")
    assert rig.running_steps == ["a", "b"]


def test_the_end_of_a_step_frees_what_it_was_promised() -> None:
    rig = Rig(heavy("a", 5), heavy("b", 5), capacity_aware=True)
    rig.tell(cpu(8))
    rig.submit()
    rig.succeed("a")
    assert rig.running_steps == ["b"]


def test_the_first_goes_anyway_when_nothing_with_a_demand_is_under_way() -> None:
    rig = Rig(heavy("a", 5), heavy("b", 9), capacity_aware=True)
    rig.tell(FULL)
    rig.submit()
    assert rig.running_steps == ["a"]
    rig.succeed("a")
    assert rig.running_steps == ["b"]


def test_nobody_with_a_demand_passes_the_first_in_line() -> None:
    rig = Rig(heavy("a", 5), heavy("big", 6), heavy("small", 1), capacity_aware=True)
    rig.tell(cpu(10))
    rig.submit()
    assert rig.running_steps == ["a"]
    rig.succeed("a")
    assert rig.running_steps == ["big", "small"]


def test_an_execution_whose_first_steps_cannot_fit_is_admitted_later() -> None:
    rig = Rig(heavy("a", 6), act("after", "a"), capacity_aware=True)
    rig.tell(cpu(10))
    rig.submit("x")
    rig.submit("y")
    assert (rig.engine.queued_count, rig.engine.active_count) == (1, 1)
    assert rig.execution("y").steps == {}
    rig.succeed("a", "x", after_ns=4)
    assert (rig.execution("y").held_ns, rig.execution("y").admitted_ns) == (0, 4)
    assert sorted(key[:2] for key in rig.running) == [("x", "after"), ("y", "a")]
    rig.succeed("a", "y", after_ns=1)
    rig.succeed("after", "y")
    spans = {("a", 1): [(Cause.DECLARED_WORK, 4, 5)]}
    row = execution_rows(rig.execution("y"), spans, until_ns=5)[0]
    assert row["type"] == "execution"
    assert row["causes"] == {"capacity": 4, "declared work": 1}


def test_a_step_that_fails_before_its_turn_leaves_the_line() -> None:
    rig = Rig(heavy("a", 5), heavy("b", 6), act("c"), capacity_aware=True)
    rig.tell(cpu(10))
    rig.submit("x")
    rig.fail("c", "x", failure=HOPELESS)
    assert rig.states("x") == {"a": "cancelled", "b": "omitted", "c": "failed"}
    rig.submit("y")
    assert rig.step("a", "y").state == "running"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("report"), st.integers(0, 20)),
            st.tuples(st.just("promise"), st.integers(0, 9)),
            st.tuples(st.just("drop"), st.integers(0, 40)),
        )
    )
)
def test_promises_are_the_sum_of_what_is_left_of_each(moves: list[tuple[str, int]]) -> None:
    """Against plain bookkeeping: never negative, and nothing promised is lost or counted twice."""
    capacity = Capacity()
    left: dict[tuple[str, str], int] = {}
    free: int | None = None
    for number, (move, amount) in enumerate(moves):
        if move == "promise":
            key = ("x", str(number))
            capacity.promise(key, {"cpu_m": amount})
            left[key] = amount
        elif move == "drop" and left:
            key = list(left)[amount % len(left)]
            capacity.drop(key)
            del left[key]
        elif move == "report":
            taken = max(0, (free if free is not None else amount) - amount)
            for key, open_yet in list(left.items()):
                part = min(taken, open_yet)
                left[key] -= part
                taken -= part
            free = amount
            capacity.report({"cpu_m": amount})
        assert capacity.promised()["cpu_m"] == sum(left.values())
        assert capacity.promises_count == len(left)
        fits = free is None or not left or free - sum(left.values()) >= 3
        assert capacity.fits({"cpu_m": 3}) == fits


def test_a_token_comes_before_capacity_so_that_nobody_waits_in_a_circle() -> None:
    """Else one could have capacity and wait for a token that another keeps while it waits for capacity."""
    rig = Rig(
        Step("holds", action="free", demand={"cpu_m": 1}),
        Step("wait", StepKind.WAIT, wait_ns=1),
        heavy("first", 1, "wait"),
        act("light", "first-is-there"),
        heavy("second", 1, "first-is-there"),
        Step("first-is-there", StepKind.WAIT, wait_ns=2),
        capacity_aware=True,
        rates={"act": Rate(1, 1)},
    )
    rig.tell(FULL)
    rig.submit()
    while rig.step("second").state == "pending":
        rig.sleep()
    if "light" in rig.running_steps:
        rig.succeed("light")
    if rig.engine.next_deadline() == SECOND_NS + 2:  # a token comes for whoever waits for one
        rig.sleep()
    rig.succeed("holds")
    for _ in range(9):
        if rig.running:
            rig.succeed(rig.running_steps[0])
        elif rig.engine.next_deadline() is not None:
            rig.sleep()
    assert rig.execution().state == "completed", rig.states()
