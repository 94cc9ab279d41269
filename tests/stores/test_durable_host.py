"""The durable host: nothing acts before it is committed, and a store that fails stops it for good."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from engine.core.action import ActionContext, ActionSpec
from engine.core.commands import Command
from engine.core.definition import Step, StepKind, Workflow
from engine.core.durable_host import DurableHost
from engine.core.effects import Get, Remember
from engine.core.errors import (
    ForbiddenTransition,
    HistoryError,
    LeaseLost,
    ProtocolError,
    StoreError,
    StoreFull,
)
from engine.core.events import (
    ConditionEvaluated,
    Event,
    ExecutionSubmitted,
    SignalReceived,
    WorkflowRegistered,
)
from engine.core.limits import Limits
from engine.core.recovery import recover
from engine.core.store import Entry, ExecutionSummary, Lease
from engine.stores import MemoryStore
from tests.engine.kinds import ACTIONS, ref, step
from tests.stores.test_contract import HOUR_NS
from tests.stores.tiny import CONDITIONS, ENGINE, Outside, World

Outputs = Mapping[str, Any]


class Watched(MemoryStore):
    """A store that tells what was appended together, and fails when told."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[str]] = []
        self.failure: StoreError | None = None
        self.log: list[str] = []

    def append(
        self,
        lease: Lease,
        position: int,
        entries: Sequence[Entry],
        executions: Sequence[ExecutionSummary] = (),
    ) -> None:
        if self.failure is not None:
            raise self.failure
        super().append(lease, position, entries, executions)
        self.commits.append([type(event).__name__ for _, event in entries])
        self.log.append("commit")


class Bench:
    """A world that is not run by itself."""

    def __init__(
        self, *steps: Step, actions: Sequence[ActionSpec] = (), limits: Limits | None = None
    ) -> None:
        self.store = Watched()
        self.outside = Outside(on_deed=lambda deed: self.store.log.append(deed[1]))
        known = {**ACTIONS, **{spec.name: spec for spec in actions}}
        self.world = World(self.store, self.outside, limits=limits, actions=known)
        self.host = self.world.host
        self.host.take_up()
        if steps:
            self.host.feed(WorkflowRegistered(Workflow("w", steps)))
        self.store.commits.clear()
        self.store.log.clear()

    def submit(self, *names: str, **variables: Any) -> None:
        with self.host.batch():
            for name in names:
                self.host.feed(ExecutionSubmitted(name, "w", variables))

    def finish(self) -> None:
        while self.world.step():
            pass


def spec(name: str, run: Any) -> ActionSpec:
    return ActionSpec(name, run, {}, 0, "A toy.")


# -- what is committed, and when


def test_nothing_acts_before_it_is_committed() -> None:
    bench = Bench(step("a"), step("b", "mark", "a"))
    bench.submit("x")
    assert bench.store.log == ["commit", "Get"]
    bench.finish()
    assert bench.store.log == ["commit", "Get", "Create", "commit", "Get", "commit", "Patch", "commit"]


def test_what_comes_in_together_is_committed_together() -> None:
    bench = Bench(step("a"))
    bench.submit(*"uvwxyz")
    bench.finish()
    assert bench.store.commits == [["ExecutionSubmitted"] * 6, ["AttemptSucceeded"] * 6]


def test_conditions_are_answered_in_the_commit_that_asked() -> None:
    bench = Bench(step("a", "nothing", when="variables.n > 0"))
    bench.submit("x", n=1)
    assert bench.store.commits[0] == ["ExecutionSubmitted", "ConditionEvaluated"]


def test_an_end_that_a_cancellation_overtakes_in_one_commit_counts_for_nothing() -> None:
    """Both come in at once; the first fails the execution, and the second must not reach the engine."""
    bench = Bench(step("bad", "broken"), step("good", "slow", parameters={"ms": 1, "naps": 1}))
    bench.submit("x")
    bench.finish()
    assert bench.outside.results["x"]["state"] == "failed"
    assert bench.outside.results["x"]["steps"]["good"] == "stopped"


def test_an_engine_is_told_of_a_deadline_once() -> None:
    """It was woken twice before it could look."""
    bench = Bench(
        Step("pause", StepKind.WAIT, wait_ns=5), Step("more", StepKind.WAIT, wait_ns=5, needs=("pause",))
    )
    bench.submit("x")
    bench.world.move_to(5)
    with bench.host.batch():
        bench.host.wake()
        bench.host.wake()
    assert bench.store.commits[-1] == ["DeadlineReached"]


# -- what is refused


def test_an_event_that_the_engine_refuses_harms_no_other() -> None:
    bench = Bench(step("a"))

    def submit() -> None:
        with bench.host.batch():
            for name, workflow in (("x", "w"), ("y", "nothing-of-the-kind"), ("z", "w")):
                bench.host.feed(ExecutionSubmitted(name, workflow, {}))

    with pytest.raises(ProtocolError, match="no such workflow"):
        submit()
    bench.finish()
    assert list(bench.outside.results) == ["x", "z"]


def test_an_engine_that_cannot_go_on_is_stopped_and_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(step("a"))
    bench.submit("x")

    def halfway(_event: Event, _now: int) -> tuple[Command, ...]:
        message = "step 'a' is completed: it cannot start"
        raise ForbiddenTransition(message)

    with monkeypatch.context() as broken:
        broken.setattr(bench.host.engine, "handle", halfway)
        with pytest.raises(ForbiddenTransition):
            bench.submit("y")
    with pytest.raises(ForbiddenTransition):
        bench.submit("z")
    assert not bench.host.attempts
    lease = bench.store.acquire(ENGINE, "me", HOUR_NS)
    assert [one.execution_id for one in recover(bench.store, lease).engine.executions()] == ["x"]


def test_an_event_that_is_not_json_is_refused_before_the_engine_sees_it() -> None:
    bench = Bench(step("a"))
    with pytest.raises(HistoryError, match="cannot be written as JSON"):
        bench.submit("x", n=object())
    assert bench.host.engine.submitted_count == 0


async def _gives_no_json(_context: ActionContext, _parameters: Outputs) -> Outputs:
    return {"n": object()}


async def _remembers_no_json(context: ActionContext, _parameters: Outputs) -> Outputs:
    await Remember("n", float("nan"))
    return {"memory": context.memory}


async def _remembers_too_much(_context: ActionContext, _parameters: Outputs) -> Outputs:
    await Remember("n", "x" * 2_000_000)
    return {}


async def _gives_other_keys(_context: ActionContext, _parameters: Outputs) -> Outputs:
    return {"counts": [{1: "would be read as text"}]}


async def _gives_no_mapping(_context: ActionContext, _parameters: Outputs) -> Any:
    return [1]


@pytest.mark.parametrize(
    "run", [_gives_no_json, _remembers_no_json, _remembers_too_much, _gives_other_keys, _gives_no_mapping]
)
def test_an_action_that_gives_no_json_fails(run: Any) -> None:
    bench = Bench(step("a", "odd"), actions=[spec("odd", run)])
    bench.submit("x")
    bench.finish()
    assert bench.outside.results["x"]["failure"] == "NotStorable"


def test_variables_that_would_be_read_otherwise_are_refused() -> None:
    bench = Bench(step("a", "deed"))
    with pytest.raises(HistoryError, match="keys that are no text"):
        bench.submit("x", counts={1: "one"})
    assert bench.host.engine.submitted_count == 0


async def _breaks(_context: ActionContext, _parameters: Outputs) -> Outputs:
    await Get(ref("base"))
    empty: dict[str, Any] = {}
    return {"n": empty["absent"]}


def test_a_mistake_in_an_action_fails_its_step_and_nothing_else() -> None:
    bench = Bench(step("a", "broken"), actions=[spec("broken", _breaks)])
    bench.submit("x", "y")
    bench.finish()
    assert [bench.outside.results[name]["failure"] for name in "xy"] == ["ActionBroken", "ActionBroken"]
    assert bench.host.stopped is None


def test_what_comes_along_and_is_too_large_is_refused() -> None:
    bench = Bench(step("a", "deed"), limits=Limits(output_bytes_max=1_000))
    with pytest.raises(HistoryError, match="more than 1000 bytes"):
        bench.submit("x", text="x" * 1_000)
    bench.submit("x")
    with pytest.raises(HistoryError, match="SignalReceived takes more than"):
        bench.host.feed(SignalReceived("x", "go", {"text": "x" * 1_000}))


# -- a store that fails


def test_a_host_that_finds_its_lease_lost_lets_go_of_its_attempts() -> None:
    bench = Bench(step("a", "broken"), actions=[spec("broken", _breaks)])
    bench.submit("x")
    bench.host.renew()
    assert bench.host.attempts
    bench.store.acquire(ENGINE, bench.world.lease.holder, HOUR_NS)
    with pytest.raises(LeaseLost):
        bench.host.renew()
    assert not bench.host.attempts
    with pytest.raises(LeaseLost):
        bench.host.renew()


FAILURES = [StoreFull("the disk is full"), LeaseLost("somebody else has it")]


@pytest.mark.parametrize("failure", FAILURES, ids=["full", "lost"])
def test_a_store_that_fails_stops_the_host_and_nothing_acts(failure: StoreError) -> None:
    bench = Bench(step("a"), step("b", "mark", "a"))
    bench.submit("x")
    done = len(bench.outside.deeds)
    bench.store.failure = failure
    with pytest.raises(type(failure)):
        bench.submit("y")
    assert bench.host.stopped is failure
    with pytest.raises(type(failure)):
        bench.host.feed(ExecutionSubmitted("z", "w", {}))
    for _, _, call in bench.world.agenda:  # answers to what was under way come too late
        call()
    assert len(bench.outside.deeds) == done
    assert bench.host.attempts == {}


@pytest.mark.parametrize("failure", FAILURES, ids=["full", "lost"])
@pytest.mark.parametrize("after", range(1, 12))
def test_what_was_acknowledged_before_a_store_failed_is_finished_by_the_next(
    failure: StoreError, after: int
) -> None:
    bench = Bench(step("a"), step("b", "mark", "a"), step("c", "flaky"))
    bench.submit("x", "y")
    for _ in range(after):
        bench.world.step()
    bench.store.failure = failure
    with suppress(type(failure)):  # where all had ended before, nothing was left to fail
        bench.finish()
    bench.store.failure = None
    successor = World(bench.store, bench.outside)
    successor.host.take_up()
    while successor.step():
        pass
    assert list(bench.outside.results) == ["x", "y"]
    assert {it["state"] for it in bench.outside.results.values()} == {"failed"}


def test_an_attempt_that_remembers_when_the_store_fails_goes_no_further() -> None:
    async def run(_context: ActionContext, _parameters: Outputs) -> Outputs:
        await Get(ref("base"))
        await Remember("key", 1)
        await Get(ref("base"))
        return {}

    bench = Bench(step("a", "odd"), actions=[spec("odd", run)])
    bench.submit("x")
    bench.store.failure = StoreFull("full")
    with pytest.raises(StoreFull):
        bench.finish()
    assert [deed[1] for deed in bench.outside.deeds] == ["Get"]


# -- recovery


def test_a_clock_that_lags_behind_the_store_stands_still_until_it_has_come() -> None:
    bench = Bench(Step("pause", StepKind.WAIT, wait_ns=5))
    bench.world.now = 1_000
    bench.submit("x")
    lease = bench.store.acquire(ENGINE, "me", HOUR_NS)
    recovered = recover(bench.store, lease)
    clock = [10]
    rows: list[Any] = []
    host = DurableHost(
        recovered.engine, {}, CONDITIONS, lambda: clock[0], rows.append, journal=recovered.journal
    )
    host.take_up()
    assert recovered.engine.now_ns == 1_000
    clock[0] = 1_005
    host.wake()
    assert [row["type"] for row in rows] == ["execution", "step"]


def test_limits_can_change_at_a_restart() -> None:
    bench = Bench(step("a", "slow"), limits=Limits(max_concurrency=1))
    bench.submit("x", "y", "z")
    assert bench.host.engine.active_count == 1
    wider = World(bench.store, bench.outside, limits=Limits(max_concurrency=2))
    wider.host.take_up()
    assert wider.host.engine.active_count == 2
    again = World(bench.store, bench.outside)  # it has its limits from the store
    assert again.host.engine.limits == Limits(max_concurrency=2)
    again.host.take_up()
    while again.step():
        pass
    assert sorted(bench.outside.results) == ["x", "y", "z"]


def test_rows_of_executions_that_a_crash_interrupted_add_up() -> None:
    """What nobody saw is charged to nobody, and every nanosecond is charged."""
    bench = Bench(step("a", "slow"), step("b", "mark", "a"))
    bench.submit("x", "y")
    for _ in range(3):
        bench.world.step()
    successor = World(bench.store, bench.outside)
    successor.host.take_up()
    while successor.step():
        pass
    rows = [row for row in successor.rows if row["type"] == "execution"]
    assert [row["execution"] for row in rows] == ["x", "y"]


def test_events_that_cannot_have_happened_are_named() -> None:
    bench = Bench(step("a"))
    lease = bench.store.acquire(ENGINE, "me", HOUR_NS)
    event: Event = ConditionEvaluated("nobody", "a", outcome=True)
    end = bench.store.engines()[0].position
    bench.store.append(lease, end, [(0, event)])
    with pytest.raises(
        HistoryError, match=rf"event {end} of engine 'e' \(ConditionEvaluated at 0 ns\) cannot"
    ):
        recover(bench.store, lease)
