"""What a pause does to attempts that wait: nobody waits for them, what was set aside is given back."""

from engine.core.definition import Step
from engine.core.events import CancelRequested, CapacityReported, PauseRequested, ResumeRequested
from engine.core.rates import Rate
from engine.core.snapshot import restore_snapshot, take_snapshot
from tests.engine.rig import SECOND_NS, Rig, act


def test_a_paused_leader_that_has_not_started_lets_its_twins_go() -> None:
    rig = Rig(
        act("a", "n", parameters={"n": 1}),
        act("n", parameters={"n": "${n}"}),
        coalesce=("act",),
        step_slots=1,
    )
    rig.submit("x", n=2)
    rig.submit("y", n=3)
    rig.submit("z", n=4)
    rig.succeed("n", "x", after_ns=1)  # x's a queues behind y's and z's n, and leads
    rig.succeed("n", "y", after_ns=1)  # y's a joins it
    assert (rig.states("x")["a"], rig.states("y")["a"]) == ("queued", "joined")
    rig.tell(PauseRequested("x"))
    assert rig.states("y")["a"] == "queued"
    rig.succeed("n", "z", after_ns=1)
    assert [key[:2] for key in rig.running] == [("y", "a")]
    rig.succeed("a", "y")
    assert rig.execution("z").state == "completed"  # a twin of y's
    assert rig.states("x")["a"] == "queued"
    rig.tell(ResumeRequested("x"))
    assert [key[:2] for key in rig.running] == [("x", "a")]
    rig.succeed("a", "x")
    assert rig.execution("x").state == "completed"


def test_a_paused_step_gives_back_the_token_that_was_reserved_for_it() -> None:
    rig = Rig(Step("hold", action="free"), act("a"), rates={"act": Rate(1, 1)}, step_slots=2)
    rig.submit("x")
    rig.submit("y")
    rig.succeed("a", "x")  # y's hold gets the slot
    rig.succeed("hold", "x")
    assert rig.states("y") == {"hold": "running", "a": "rated"}
    rig.submit("z")
    rig.sleep()  # the token is y's, but both slots are taken
    assert (rig.now, rig.states("y")["a"], rig.states("z")["a"]) == (SECOND_NS, "queued", "queued")
    rig.tell(PauseRequested("y"))
    rig.succeed("hold", "y")
    assert rig.execution("y").parked == (rig.step("a", "y"),)
    assert rig.states("z") == {"hold": "running", "a": "running"}
    rig.engine = restore_snapshot(take_snapshot(rig.engine))  # who is parked stays so
    rig.tell(ResumeRequested("y"))
    rig.succeed("hold", "z")
    assert rig.states("y")["a"] == "rated"
    rig.sleep()
    assert (rig.now, rig.states("y")["a"]) == (2 * SECOND_NS, "running")


def test_a_parked_step_can_be_cancelled_and_leaves_nothing_behind() -> None:
    rig = Rig(act("a"), act("b"), step_slots=1)
    rig.submit("x")
    rig.tell(PauseRequested("x"))
    rig.succeed("a", "x")
    assert rig.execution("x").parked == (rig.step("b", "x"),)
    rig.tell(CancelRequested("x", "enough"))
    assert (rig.execution("x").state, rig.states("x")["b"]) == ("cancelled", "omitted")
    rig.submit("y")
    assert rig.running == [("y", "a", 1)]


def test_who_is_paused_is_passed_in_the_line_for_capacity() -> None:
    rig = Rig(act("a", demand={"cpu_m": 2}), act("b", demand={"cpu_m": 2}), capacity_aware=True)
    rig.tell(CapacityReported({"cpu_m": 5}))
    rig.submit("x")
    rig.submit("y")
    assert rig.engine.queued_count == 1
    rig.tell(CapacityReported({"cpu_m": 1}))
    rig.succeed("a", "x")
    rig.tell(PauseRequested("x"))
    rig.succeed("b", "x")
    assert {key[0] for key in rig.running} == {"y"}
