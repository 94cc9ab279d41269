"""Token buckets in the engine's clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.causes import Cause
from engine.core.definition import Step
from engine.core.errors import DefinitionError, ProtocolError
from engine.core.events import DeadlineReached
from engine.core.limits import Limits
from engine.core.rates import Bucket, Rate
from tests.engine.rig import HOPELESS, SECOND_NS, Rig, act

HALF_NS = SECOND_NS // 2


def test_a_burst_starts_at_once_and_the_rest_at_the_rate() -> None:
    rig = Rig(act("a"), rates={"act": Rate(2, 2)})
    for number in range(5):
        rig.submit(f"x{number}")
    assert len(rig.running) == 2
    assert rig.states("x2") == {"a": "rated"}
    starts = []
    while rig.engine.next_deadline() != 600 * SECOND_NS:  # the time-out of the first
        rig.sleep()
        starts.append((rig.now, rig.running[-1][0]))
    assert starts == [(HALF_NS, "x2"), (2 * HALF_NS, "x3"), (3 * HALF_NS, "x4")]
    attempt = rig.step("a", "x3").attempts[0]
    assert (attempt.runnable_ns, attempt.locked_ns, attempt.started_ns) == (0, 0, SECOND_NS)
    assert attempt.held == ((Cause.RATE_LIMIT, 0, SECOND_NS),)


def test_who_waits_for_a_token_holds_no_slot() -> None:
    rig = Rig(act("a"), Step("b", action="other"), step_slots=2, rates={"act": Rate(1, 1)})
    rig.submit("x")
    rig.submit("y")
    assert [key[:2] for key in rig.running] == [("x", "a"), ("x", "b")]
    rig.succeed("b", "x")
    assert rig.states("y") == {"a": "rated", "b": "running"}


def test_a_token_that_has_come_is_kept_for_whoever_waits_for_a_slot() -> None:
    rig = Rig(act("a"), Step("b", action="other"), step_slots=2, rates={"act": Rate(1, 1)})
    rig.submit("x")
    rig.submit("y")
    rig.succeed("a", "x")  # y's a is rated; x's b and y's b run
    assert [key[:2] for key in rig.running] == [("x", "b"), ("y", "b")]
    rig.sleep()
    assert rig.step("a", "y").state == "queued"
    rig.submit("z", 0)
    rig.succeed("b", "y", after_ns=HALF_NS)
    assert rig.step("a", "y").state == "running"
    assert rig.step("a", "z").state == "queued"
    held = rig.step("a", "y").attempts[0].held
    assert held == ((Cause.RATE_LIMIT, 0, SECOND_NS),)  # the rest, up to 1.5 s, was for a slot


def test_whoever_fails_while_waiting_leaves_its_token_to_the_next() -> None:
    rig = Rig(act("a"), Step("b", action="other"), rates={"act": Rate(1, 1)})
    for name in "xyz":
        rig.submit(name)
    rig.fail("b", "y")
    assert rig.states("y") == {"a": "omitted", "b": "failed"}
    rig.sleep()
    assert (rig.now, rig.running[-1][:2]) == (SECOND_NS, ("z", "a"))


def test_no_deadline_of_a_bucket_is_due_before_its_time() -> None:
    rig = Rig(act("a"), rates={"act": Rate(1, 1)})
    rig.submit("x")
    rig.submit("y")
    rig.now = SECOND_NS - 1
    with pytest.raises(ProtocolError, match="no deadline is due"):
        rig.tell(DeadlineReached())


def test_a_token_that_is_given_back_goes_to_who_waits_and_not_into_the_past() -> None:
    rig = Rig(act("a"), Step("hold", action="free"), rates={"act": Rate(1, 1)}, step_slots=2)
    for name in "xyz":
        rig.submit(name)
    rig.succeed("a", "x")
    rig.succeed("hold", "x")
    assert (rig.states("y"), rig.states("z")) == (
        {"a": "rated", "hold": "running"},
        {"a": "rated", "hold": "running"},
    )
    rig.sleep()  # the token is y's, who waits for a slot
    rig.now = 5 * SECOND_NS
    rig.fail("hold", "y", failure=HOPELESS)  # gives a slot to y's a, which ends with its execution
    rig.succeed("hold", "z")
    assert rig.engine.next_deadline() is not None
    while rig.states("z")["a"] == "rated":
        before = rig.now
        rig.sleep()
        assert rig.now >= before
    assert rig.now == 5 * SECOND_NS


@pytest.mark.parametrize(
    "rate", [{"per_s": 0}, {"per_s": -1}, {"per_s": float("nan")}, {"per_s": 1, "burst": 0}]
)
def test_a_rate_at_which_nothing_starts_is_refused(rate: dict[str, float]) -> None:
    with pytest.raises(DefinitionError, match="limits"):
        Limits(rates={"act": Rate(**rate)})  # type: ignore[arg-type] # that is the point


@given(
    per_s=st.floats(0.5, 1e6),
    burst=st.integers(1, 5),
    moves=st.lists(st.tuples(st.sampled_from(["come", "start", "leave"]), st.integers(0, 3_000_000_000))),
)
def test_a_bucket_never_gives_more_than_it_has(
    per_s: float, burst: int, moves: list[tuple[str, int]]
) -> None:
    """With tokens reserved, used later and given back: in no span more starts than burst and inflow."""
    rate = Rate(per_s, burst)
    bucket: Bucket[int] = Bucket(rate, lambda _: True)
    now, starts, reserved = 0, [], 0
    for move, after_ns in moves:
        now += after_ns
        while bucket.pop_due(now) is not None:
            reserved += 1
        if move == "start" and reserved:
            reserved -= 1
            bucket.take(now, is_reserved=True)
            starts.append(now)
        elif move == "leave" and reserved:
            reserved -= 1
            bucket.give_back(now)
        elif bucket.is_free(now):
            bucket.take(now, is_reserved=False)
            starts.append(now)
        else:
            bucket.queue.push((now,), now)
        free_ns = bucket.free_ns()
        if bucket.queue.length and free_ns is not None:
            assert bucket.pop_due(free_ns - 1) is None
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            span_ns = starts[last] - starts[first]
            assert last - first + 1 <= burst + span_ns // rate.interval_ns
            assert (last - first + 1 - burst) <= per_s * span_ns / SECOND_NS + 1e-6
