"""What no limit ever lets happen, and that nobody waits for ever: random workflows under random limits."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.commands import StartAttempt
from engine.core.definition import RetryPolicy, Step, StepKind, Workflow
from engine.core.events import CapacityReported
from engine.core.limits import Limits
from engine.core.rates import Rate
from engine.core.snapshot import restore_snapshot, take_snapshot
from tests.engine.rig import BROKEN, HOPELESS, Rig

NAMES = "abcdef"
ACTIONS = ("one", "two", "three")
SEMAPHORES = {"b": 2, "e": 3}


@st.composite
def levels(draw: st.DrawFn, depth: int = 0, held: str = "", prefix: str = "s") -> tuple[Step, ...]:
    """Siblings; whatever is inside a lock takes only locks whose names come after it."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 3))):
        step_id = f"{prefix}{number}"
        allowed = [name for name in NAMES if name > held]
        locks = tuple(draw(st.lists(st.sampled_from(allowed), max_size=3))) if allowed else ()
        needs = (
            tuple(draw(st.lists(st.sampled_from([step.id for step in steps]), max_size=1))) if steps else ()
        )
        kinds = [StepKind.ACTION] * 2 + ([StepKind.PARALLEL, StepKind.SEQUENTIAL] if depth < 2 else [])
        kind = draw(st.sampled_from(kinds))
        if kind is StepKind.ACTION:
            fields: dict[str, Any] = {
                "action": draw(st.sampled_from(ACTIONS)),
                "retry": RetryPolicy(draw(st.integers(1, 2)), 5),
                "demand": {"cpu_m": draw(st.integers(0, 3))},
                "parameters": {"n": draw(st.integers(0, 1))},
                "expected_ns": draw(st.integers(0, 9)),
            }
        else:
            fields = {"steps": draw(levels(depth + 1, max((held, *locks)), f"{step_id}-"))}
        steps.append(Step(step_id, kind, needs, locks=locks, **fields))
    return tuple(steps)


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "max_concurrency": draw(st.sampled_from([None, 1, 2])),
        "step_slots": draw(st.sampled_from([None, 1, 2, 3])),
        "dispatch": draw(st.sampled_from(["fifo", "critical-path"])),
        "ageing_ns": draw(st.sampled_from([None, 1, 10])),
        "semaphores": SEMAPHORES,
        "rates": draw(
            st.sampled_from([{}, {"one": Rate(1e6, 1)}, {"one": Rate(3e5, 2), "two": Rate(1e5, 1)}])
        ),
        "coalesce": draw(st.sampled_from([(), ("one",), ACTIONS])),
        "capacity_aware": draw(st.booleans()),
    }


@dataclass
class Judge:
    """Knows what runs from commands alone, and what each step may hold."""

    rig: Rig
    limits: Limits
    names: Mapping[str, Counter[str]]  # step -> its locks and those of everything around it
    starts: dict[str, list[int]]

    def look(self) -> None:
        held: dict[tuple[str, str], None] = {}  # a lock is held by the step that takes it, once
        for execution_id, step_id, _ in self.rig.running:
            for owner in self.names[step_id]:
                held[execution_id, owner] = None
        count: Counter[str] = Counter()
        for _, owner in held:
            count[owner.split("/")[1]] += 1
        for name, holders in count.items():
            assert holders <= SEMAPHORES.get(name, 1), f"{name} is held by {holders}"
        for name in NAMES:
            assert len(self.rig.engine.lock_holders(name)) <= SEMAPHORES.get(name, 1)
        slots = self.limits.step_slots
        assert slots is None or len(self.rig.running) <= slots
        most = self.limits.max_concurrency
        assert most is None or self.rig.engine.active_count <= most

    def note_starts(self, commands: list[StartAttempt]) -> None:
        for command in commands:
            self.starts.setdefault(command.action, []).append(self.rig.now)

    def judge_rates(self) -> None:
        """In every span of time, no more starts than the burst and what has flowed in since."""
        for action, rate in self.limits.rates.items():
            at = self.starts.get(action, [])
            for first in range(len(at)):
                for last in range(first, len(at)):
                    allowed = rate.burst + (at[last] - at[first]) // rate.interval_ns
                    assert last - first + 1 <= allowed, (action, at[first : last + 1])


def owners(steps: tuple[Step, ...], around: tuple[str, ...] = ()) -> dict[str, Counter[str]]:
    """Return, for every action, "step/lock" of itself and of all groups around it."""
    out: dict[str, Counter[str]] = {}
    for step in steps:
        own = (*around, *(f"{step.id}/{name}" for name in step.locks))
        out[step.id] = Counter(own)
        out |= owners(step.steps, own)
    return out


def play(
    draw: st.DataObject, steps: tuple[Step, ...], fields: dict[str, Any], *, restarts: bool = False
) -> Rig:
    """Run up to four executions to their ends, in an order that the draw decides."""
    rig = Rig(*steps, **fields)
    judge = Judge(rig, Limits(**fields), owners(steps), {})
    names = [f"x{number}" for number in range(draw.draw(st.integers(1, 4)))]
    seen = 0
    for _ in range(4_000):
        choices = ["submit"] * bool(names) + ["end"] * 2 * bool(rig.running)
        choices += ["sleep"] * (rig.engine.next_deadline() is not None)
        if not choices:
            break
        choice = draw.draw(st.sampled_from([*choices, "report"]))
        if choice == "submit":
            rig.submit(names.pop(), draw.draw(st.integers(0, 2)))
        elif choice == "report":
            rig.tell(CapacityReported({"cpu_m": draw.draw(st.integers(0, 6))}))
        elif choice == "sleep" and (not rig.running or draw.draw(st.booleans())):
            before = rig.now
            rig.sleep()
            assert rig.now >= before
        elif rig.running:
            execution_id, step_id, _ = draw.draw(st.sampled_from(rig.running))
            after_ns = draw.draw(st.integers(0, 3))
            deadline = rig.engine.next_deadline()
            if deadline is not None and rig.now + after_ns > deadline:
                continue
            if draw.draw(st.integers(0, 9)):
                rig.succeed(step_id, execution_id, after_ns=after_ns)
            else:
                rig.fail(step_id, execution_id, after_ns=after_ns, failure=BROKEN)
        if restarts and draw.draw(st.integers(0, 3)) == 0:
            rig.engine = restore_snapshot(take_snapshot(rig.engine))
        judge.note_starts(rig.started[seen:])
        seen = len(rig.started)
        judge.look()
    assert not names
    judge.judge_rates()
    return rig


@given(data=st.data(), steps=levels(), fields=limits())
@settings(max_examples=150, deadline=None)
def test_limits_are_never_exceeded_and_everything_ends(
    data: st.DataObject, steps: tuple[Step, ...], fields: dict[str, Any]
) -> None:
    """Random nested locks, semaphores, rates, twins, capacity: no deadlock, nothing held by too many."""
    rig = play(data, steps, fields)
    for execution in rig.engine.executions():
        assert execution.state in ("completed", "failed"), rig.states(execution.execution_id)
    assert rig.engine.lock_names() == ()
    assert rig.engine.running_attempts_count == 0


@given(data=st.data(), steps=levels(), fields=limits())
@settings(max_examples=40, deadline=None)
def test_limits_hold_through_restarts(
    data: st.DataObject, steps: tuple[Step, ...], fields: dict[str, Any]
) -> None:
    """The engine is replaced by what its snapshot gives, again and again."""
    rig = play(data, steps, fields, restarts=True)
    for execution in rig.engine.executions():
        assert execution.state in ("completed", "failed")


OPTIMISED: dict[str, Any] = {
    "dispatch": "critical-path",
    "coalesce": ACTIONS,
    "capacity_aware": True,
    "reduce_needs": True,
    "parallelise": True,
}


def outcomes(
    draw: st.DataObject, steps: tuple[Step, ...], bad: set[tuple[str, int]], fields: dict[str, Any]
) -> dict[str, str]:
    """Run three executions; what fails does so for good, and depends on what is asked for alone."""
    rig = Rig(*steps, step_slots=2, **fields)
    rig.tell(CapacityReported({"cpu_m": 3}))
    for number in range(3):
        rig.submit(f"x{number}", number)
    wanted = {
        step.id: (step.action, step.parameters["n"]) for one in steps for step in one.walk() if step.action
    }
    while rig.running:
        execution_id, step_id, _ = draw.draw(st.sampled_from(rig.running))
        if wanted[step_id] in bad:
            rig.fail(step_id, execution_id, failure=HOPELESS)
        else:
            rig.succeed(step_id, execution_id)
    return {execution.execution_id: execution.state.value for execution in rig.engine.executions()}


@given(
    data=st.data(),
    steps=levels(),
    bad=st.sets(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 1)), max_size=2),
)
@settings(max_examples=150, deadline=None)
def test_the_optimiser_changes_no_outcome(
    data: st.DataObject, steps: tuple[Step, ...], bad: set[tuple[str, int]]
) -> None:
    """None of it, all of it, each part alone: an execution fails if and only if it asks for a bad thing."""
    asked = {(step.action, step.parameters["n"]) for one in steps for step in one.walk() if step.action}
    expected = dict.fromkeys(("x0", "x1", "x2"), "failed" if asked & bad else "completed")
    for fields in ({}, OPTIMISED, *({name: value} for name, value in OPTIMISED.items())):
        assert outcomes(data, steps, bad, fields) == expected


def test_the_definition_refuses_what_the_order_of_locks_forbids() -> None:
    inner = Step("inner", action="one", locks=("a",))
    with pytest.raises(Exception, match="inside lock 'b'"):
        Workflow("w", (Step("outer", StepKind.SEQUENTIAL, steps=(inner,), locks=("b",)),))


def test_a_lock_whose_name_is_known_only_at_run_time_fails_where_it_breaks_the_order() -> None:
    inner = Step("inner", action="one", locks=("${name}",))
    rig = Rig(Step("outer", StepKind.SEQUENTIAL, steps=(inner,), locks=("b",)))
    rig.submit("good", name="c")
    rig.submit("bad", name="a")
    assert rig.running_steps == ["inner"]
    rig.succeed("inner", "good")
    failure = rig.execution("bad").failure
    assert failure is not None
    assert (failure.reason, failure.message) == (
        "LockOrder",
        "wants lock 'a' inside lock 'b'; inside a lock, names must come after its own",
    )
    assert rig.engine.lock_names() == ()


def test_locks_are_taken_in_order_of_name_and_held_while_waiting_for_the_next() -> None:
    rig = Rig(Step("s", action="one", locks=("${second}", "a")))
    rig.submit("x", second="c")
    rig.submit("y", second="b")
    assert rig.engine.lock_holder("a") == ("x", "s")
    assert rig.engine.lock_holder("b") is None  # y waits for a first
    rig.succeed("s", "x")
    assert (rig.engine.lock_holder("a"), rig.engine.lock_holder("b")) == (("y", "s"), ("y", "s"))


def test_a_group_holds_its_lock_until_its_last_child_has_ended() -> None:
    children = (Step("p", action="one"), Step("q", action="one"))
    rig = Rig(Step("g", StepKind.SEQUENTIAL, steps=children, locks=("l",)))
    rig.submit("x")
    rig.submit("y")
    assert rig.states("y") == {"g": "locking", "p": "pending", "q": "pending"}
    rig.succeed("p", "x", after_ns=1)
    assert rig.engine.lock_holder("l") == ("x", "g")
    rig.succeed("q", "x", after_ns=1)
    assert rig.engine.lock_holder("l") == ("y", "g")
    assert rig.step("g", "y").started_ns == 2


def test_a_semaphore_admits_as_many_as_it_says() -> None:
    rig = Rig(Step("s", action="one", lock="pool"), semaphores={"pool": 2})
    for name in "xyz":
        rig.submit(name)
    assert [key[0] for key in rig.running] == ["x", "y"]
    rig.succeed("s", "y")
    assert [key[0] for key in rig.running] == ["x", "z"]
