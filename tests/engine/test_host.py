"""The host: carries commands out, steps actions, and neither recurses nor loses anything."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest

from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.attempt_runner import Attempt
from engine.core.causes import Cause
from engine.core.definition import Rollback, Step, StepKind, Workflow
from engine.core.effects import Effect, Get, Log, Ref, Remember, Sleep
from engine.core.errors import ActionError, Cancelled, ConditionError, NotFound, ProtocolError
from engine.core.events import CancelRequested, ExecutionSubmitted, Remembered, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.records import Row
from tests.engine.rig import act, retrying

REF = Ref("Pod", "p", "default")
Run = Callable[[ActionContext, Mapping[str, Any]], Coroutine[Effect[Any], Any, Mapping[str, Any]]]


class Words:
    """Conditions that know two words."""

    def compile(self, text: str) -> "Words":
        if text not in ("true", "false"):
            raise ConditionError(text)
        self.outcome = text == "true"
        return self

    def evaluate(self, _values: Mapping[str, Any]) -> bool:
        return self.outcome


class Manual:
    """A performer that answers when told, or at once."""

    def __init__(self) -> None:
        self.host: Host
        self.now = 0
        self.at_once = False
        self.performed: list[tuple[Attempt, Effect[Any]]] = []
        self.calls: list[str] = []

    def begin(self, attempt: Attempt) -> None:
        self.calls.append(f"begin {attempt.key[1]}")

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        self.performed.append((attempt, effect))
        if self.at_once:
            self.host.resume(attempt, len(self.performed))

    def cancel(self, attempt: Attempt) -> None:
        self.calls.append(f"cancel {attempt.key[1]}")
        self._close(attempt)

    def finish(self, attempt: Attempt) -> None:
        self.calls.append(f"finish {attempt.key[1]}")
        self._close(attempt)

    def _close(self, attempt: Attempt) -> None:
        since_ns = attempt.spans[-1][2] if attempt.spans else attempt.started_ns
        attempt.spans.append((Cause.API_SERVICE, since_ns, self.now))


class Bench:
    """A host over a manual performer, with one action ``act``."""

    def __init__(self, run: Run, *steps: Step, detail: bool = False, **limits: Any) -> None:
        self.world = Manual()
        self.rows: list[Row] = []
        self.ended: list[ExecutionFacts] = []
        self.deadlines: list[int | None] = []
        spec = ActionSpec("act", run, {"n": Parameter("integer", default=0)}, 0, "A toy.")
        engine = WorkflowEngine(Limits(**limits))
        self.host = Host(
            engine, {"act": spec}, Words(), lambda: self.world.now, self.rows.append, detail=detail
        )
        self.host.performer = self.world
        self.world.host = self.host
        self.host.on_deadline = self.deadlines.append
        self.host.on_execution_end.append(self.ended.append)
        self.host.feed(WorkflowRegistered(Workflow("w", steps)))

    def submit(self, execution_id: str = "x", **variables: Any) -> None:
        self.host.feed(ExecutionSubmitted(execution_id, "w", variables))


async def reads(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    got = [await Get(REF) for _ in range(parameters["n"])]
    return {"got": got, "manager": context.manager}


def test_an_action_is_stepped_from_effect_to_effect() -> None:
    bench = Bench(reads, act("a", parameters={"n": 2}))
    bench.submit()
    for value in ("one", "two"):
        attempt, effect = bench.world.performed.pop()
        assert effect == Get(REF)
        bench.world.now += 5
        bench.host.resume(attempt, value)
    assert bench.ended[0].steps["a"].outputs == {"got": ["one", "two"], "manager": "headroom/x/a"}
    assert bench.ended[0].ended_ns == 10
    assert bench.world.calls == ["begin a", "finish a"]
    assert [row["type"] for row in bench.rows] == ["execution", "step"]


def test_effects_answered_at_once_do_not_recurse() -> None:
    bench = Bench(reads, act("a", parameters={"n": 50_000}))
    bench.world.at_once = True
    bench.submit()
    assert bench.ended[0].state == "completed"


def test_a_chain_of_steps_that_end_at_once_does_not_recurse() -> None:
    bench = Bench(reads, *(act(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(1_000)))
    bench.submit()
    assert bench.ended[0].state == "completed"


def test_attempts_that_wake_each_other_do_not_recurse() -> None:
    """Resuming one attempt while another is stepped queues it."""
    bench = Bench(reads, *(act(f"s{n}", parameters={"n": 1}) for n in range(1_000)))
    bench.submit()
    waiting = [attempt for attempt, _ in bench.world.performed]

    def wake_next() -> None:
        if waiting:
            bench.host.resume(waiting.pop(0), None)

    original = bench.world.finish

    def finish(attempt: Attempt) -> None:
        original(attempt)
        wake_next()

    bench.world.finish = finish  # type: ignore[method-assign] # the test's own wiring
    wake_next()
    assert bench.ended[0].state == "completed"


def test_an_action_error_fails_the_attempt_and_is_seen_inside_first() -> None:
    async def tries(_context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            await Get(REF)
        except NotFound:
            await Sleep(1)
            raise
        return {}

    bench = Bench(tries, act("a"))
    bench.submit()
    bench.host.throw(bench.world.performed.pop()[0], NotFound("no pod"))
    bench.host.resume(bench.world.performed.pop()[0])
    failure = bench.ended[0].failure
    assert failure is not None
    assert failure == ("NotFound", "no pod", False)


def test_programmer_errors_come_through() -> None:
    async def broken(_context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"x": 1 // 0}

    with pytest.raises(ZeroDivisionError):
        Bench(broken, act("a")).submit()


def test_what_is_remembered_is_in_the_history_before_the_action_goes_on() -> None:
    lengths: list[int] = []

    async def remembers(context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        await Remember("uid", context.memory.get("uid", 0) + 1)
        lengths.append(len(bench.host.history))
        assert context.memory["uid"] == context.attempt
        raise ActionError("again")

    bench = Bench(remembers, act("a", retry=retrying(2)))
    bench.submit()
    bench.world.now = 1_000_000_000
    bench.host.wake()
    remembered = [event for _, event in bench.host.history if isinstance(event, Remembered)]
    assert [event.value for event in remembered] == [1, 2]
    assert lengths == [3, 6]


def test_logs_take_no_time_and_are_handed_on() -> None:
    async def logs(_context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        await Log("hello", {"n": 1})
        return {}

    bench = Bench(logs, act("a"))
    heard: list[str] = []
    bench.host.on_log = lambda attempt, log: heard.append(f"{attempt.key[1]}: {log.message}")
    bench.submit()
    assert heard == ["a: hello"]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step("a", action="absent"), "UnknownAction"),
        (act("a", parameters={"n": "one"}), "InvalidParameters"),
        (act("a", parameters={"m": 1}), "InvalidParameters"),
    ],
)
def test_what_cannot_be_started_fails_without_a_retry(step: Step, reason: str) -> None:
    bench = Bench(reads, step)
    bench.submit()
    failure = bench.ended[0].failure
    assert failure is not None
    assert (failure.reason, failure.retryable) == (reason, False)


def test_a_cancelled_attempt_is_closed_and_its_late_outcome_dropped() -> None:
    """Two attempts fail in one instant: the second is cancelled by the first's failure."""
    closed: list[str] = []

    async def waits(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            if parameters["n"]:
                raise ActionError("at once")
            await Get(REF)
        finally:
            closed.append(context.step_id)
        return {}

    bench = Bench(waits, act("a"), act("b", parameters={"n": 1}), act("c", parameters={"n": 1}))
    bench.submit()
    states = {name: step.state.value for name, step in bench.ended[0].steps.items()}
    assert states == {"a": "cancelled", "b": "failed", "c": "cancelled"}
    assert closed == ["b", "c", "a"]
    assert bench.world.calls == ["begin a", "begin b", "finish b", "begin c", "finish c", "cancel a"]
    assert not bench.host.attempts


def test_a_resumption_that_a_cancellation_overtakes_is_dropped() -> None:
    bench = Bench(reads, act("a", parameters={"n": 1}), act("b", parameters={"n": 1}))
    bench.submit()
    (first, _), (second, _) = bench.world.performed
    original = bench.world.finish

    def finish(attempt: Attempt) -> None:
        original(attempt)
        if attempt is first:
            bench.host.resume(second, None)

    bench.world.finish = finish  # type: ignore[method-assign] # the test's own wiring
    bench.host.throw(first, NotFound("gone"))
    assert bench.ended[0].steps["b"].state == "cancelled"


def test_conditions_are_answered_at_once_and_recorded() -> None:
    condition = Step("c", StepKind.CONDITION, condition="true", when="true")
    bench = Bench(reads, condition, act("a", "c", when="false"))
    bench.submit()
    names = [type(event).__name__ for _, event in bench.host.history]
    assert names == ["WorkflowRegistered", "ExecutionSubmitted"] + ["ConditionEvaluated"] * 3
    assert bench.ended[0].steps["a"].state == "skipped"


def test_conditions_of_an_execution_that_another_has_failed_are_dropped() -> None:
    conditions = [Step(f"c{n}", StepKind.CONDITION, condition="nonsense") for n in range(3)]
    bench = Bench(reads, *conditions)
    bench.submit()
    states = [step.state.value for step in bench.ended[0].steps.values()]
    assert states == ["failed", "omitted", "omitted"]


def test_deadlines_are_told_when_they_change_and_wake_only_when_due() -> None:
    bench = Bench(reads, act("a", parameters={"n": 1}, timeout_ns=9))
    bench.submit()
    assert bench.deadlines == [9]
    bench.world.now = 8
    bench.host.wake()
    assert not bench.ended
    bench.world.now = 9
    bench.host.wake()
    assert bench.deadlines == [9, None]
    failure = bench.ended[0].failure
    assert failure is not None
    assert failure.reason == "Timeout"


def test_an_answer_to_nothing_is_refused() -> None:
    bench = Bench(reads, act("a", parameters={"n": 1}))
    bench.submit()
    attempt, _ = bench.world.performed.pop()
    bench.host.resume(attempt)
    with pytest.raises(ProtocolError, match="waits for nothing"):
        bench.host.resume(attempt)


def test_a_new_execution_may_be_submitted_from_the_end_of_another() -> None:
    bench = Bench(reads, act("a"))
    bench.host.on_execution_end.append(
        lambda facts: bench.submit(f"y{facts.index}") if facts.index < 2_000 else None
    )
    bench.submit()
    assert len(bench.ended) == 2_001


def test_rows_come_in_order_of_submission_with_effects_in_detail() -> None:
    bench = Bench(reads, act("a", parameters={"n": "${n}"}), detail=True)
    bench.submit("slow", n=1)
    bench.submit("quick", n=0)
    assert not bench.rows
    bench.world.now = 4
    bench.host.resume(bench.world.performed.pop()[0])
    assert [(row["type"], dict(row)["execution"]) for row in bench.rows] == [
        ("execution", "slow"),
        ("step", "slow"),
        ("attempt", "slow"),
        ("effect", "slow"),
        ("execution", "quick"),
        ("step", "quick"),
        ("attempt", "quick"),
    ]
    effect = dict(bench.rows[3])
    assert (effect["effect"], effect["target"], effect["ended_ns"], effect["outcome"]) == (
        "Get",
        "Pod default/p",
        4,
        "ok",
    )


def test_closing_writes_what_has_not_finished() -> None:
    bench = Bench(reads, act("a", parameters={"n": 1}), max_concurrency=1, detail=True)
    bench.submit()
    bench.submit("queued")
    bench.world.now = 6
    bench.host.close()
    executions = [dict(row) for row in bench.rows if row["type"] == "execution"]
    assert [(row["execution"], row["state"], row["ended_ns"]) for row in executions] == [
        ("x", "unfinished", 6),
        ("queued", "unfinished", 6),
    ]
    assert bench.world.calls == ["begin a", "cancel a"]


def test_an_answer_that_a_cancellation_overtakes_is_not_taken_for_the_answer_of_the_clean_up() -> None:
    """In one instant one attempt fails, and the other is answered before it is told to stop."""
    cleaned: list[Any] = []

    async def run(context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            await Get(REF)
        except Cancelled:
            cleaned.append(await Get(REF))
        if context.step_id == "bad":
            raise ActionError("on purpose")
        return {}

    bench = Bench(run, act("bad"), act("other"))
    bench.submit()
    (bad, _), (other, _) = bench.world.performed
    close = bench.world.finish

    def finish(attempt: Attempt) -> None:
        close(attempt)
        if attempt is bad:
            bench.host.resume(other, "too late")

    bench.world.finish = finish  # type: ignore[method-assign] # the test's own wiring
    bench.host.resume(bad, "first")
    assert cleaned == []
    bench.host.resume(other, "clean")
    assert cleaned == ["clean"]
    assert bench.ended[0].state == "failed"


async def cleans_up(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        await Get(REF)
    except Cancelled:
        for _ in range(parameters["n"]):
            await Sleep(1)
        raise
    return {}


def test_an_attempt_that_is_cancelled_may_await_effects_to_clean_up() -> None:
    bench = Bench(cleans_up, act("a", parameters={"n": 2}))
    bench.submit()
    bench.world.now = 3
    bench.host.feed(CancelRequested("x", "enough"))
    for _ in range(2):
        attempt, effect = bench.world.performed.pop()
        assert (effect, bench.ended) == (Sleep(1), [])
        bench.world.now += 1
        bench.host.resume(attempt)
    assert (bench.ended[0].state, bench.ended[0].ended_ns) == ("cancelled", 5)
    assert bench.world.calls == ["begin a", "cancel a", "finish a"]
    assert not bench.host.attempts


@pytest.mark.parametrize("n", [1, 0])
def test_a_clean_up_ends_with_its_grace(n: int) -> None:
    bench = Bench(cleans_up, act("a", parameters={"n": n}), cancel_grace_ns=7)
    bench.submit()
    bench.host.feed(CancelRequested("x", "enough"))
    assert bool(bench.ended) == (n == 0)  # what has nothing to clean up ends in the same instant
    bench.world.now = 7
    bench.host.wake()
    assert (bench.ended[0].state, bench.ended[0].ended_ns) == ("cancelled", 7 * n)
    assert not bench.host.attempts


def test_a_rollback_is_the_actions_own_function() -> None:
    undone: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []

    async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        undone.append((context.outputs, parameters))
        return {}

    async def fails_at_two(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if parameters["n"] == 2:
            raise NotFound("gone")
        return {"made": parameters["n"]}

    first = act("a", parameters={"n": 1}, rollback=Rollback())
    second = act("b", "a", parameters={"n": 2})
    for rollback, states in ((undo, "rolled-back"), (None, "failed")):
        bench = Bench(fails_at_two, act("unused"))
        spec = ActionSpec("act", fails_at_two, {"n": Parameter("integer")}, 0, "A toy.", rollback=rollback)
        bench.host._actions = {"act": spec}  # noqa: SLF001 - the bench's own
        bench.host.feed(WorkflowRegistered(Workflow("v", (first, second), compensate=True)))
        bench.host.feed(ExecutionSubmitted("x", "v", {}))
        assert bench.ended[0].steps["a"].state == states
        assert len(bench.ended[0].rollback_failures) == (rollback is None)
    assert undone == [({"made": 1}, {"n": 1})]
