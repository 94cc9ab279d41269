"""What was done to each target: kept, assessed, seen to go in circles, held back, and found again."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions import CATALOGUE
from engine.cel import CelConditions
from engine.core.action_history import ActionHistory, Entry, Oscillation, OscillationPolicy
from engine.core.attempt_runner import Attempt
from engine.core.commands import Command, ReportExecution, StartAttempt
from engine.core.definition import RetryPolicy, Step, Workflow
from engine.core.effects import Effect, Ref
from engine.core.errors import ActionError
from engine.core.events import (
    AttemptFailed,
    AttemptSucceeded,
    DeadlineReached,
    Event,
    ExecutionSubmitted,
    Failure,
    Remembered,
    WorkflowRegistered,
)
from engine.core.facts import ExecutionFacts
from engine.core.history import History
from engine.core.host import Host
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from tests.actions.world import World

SECOND_NS = 1_000_000_000
WEB = Ref("Deployment", "web", "ns")
POLICY = OscillationPolicy(
    reversals_max=2,
    scaling_window_ns=100 * SECOND_NS,
    restarts_max=3,
    restart_window_ns=100 * SECOND_NS,
    hold_back=True,
    assessed_after_ns=10 * SECOND_NS,
)


class Told:
    """An action history that a test tells what happened, step by step."""

    def __init__(self, policy: OscillationPolicy = POLICY) -> None:
        self.history = ActionHistory(CATALOGUE, policy)
        self.now = 0
        self.count = 0

    def start(self, action: str, /, step: str = "", *, memory: Any = None, **parameters: Any) -> StartAttempt:
        self.count += not step
        step = step or f"s{self.count}"
        command = StartAttempt("x", step, 1, action, {"namespace": "ns", **parameters}, memory or {})
        self.history.note(self.now, DeadlineReached(), (command,))
        return command

    def refusal(self, command: StartAttempt) -> Failure | None:
        spec = CATALOGUE[command.action]
        return self.history.guard(command, spec, spec.bind(command.parameters), self.now)

    def end(self, command: StartAttempt, /, **outputs: Any) -> None:
        self.history.note(self.now, AttemptSucceeded("x", command.step_id, 1, outputs), ())

    def scale(self, before: int, after: int) -> None:
        command = self.start("scale_deployment", deployment="web", replicas=after)
        self.end(command, deployment="web", replicas=after, replicas_before=before)
        self.now += SECOND_NS

    def restart(self) -> None:
        self.end(self.start("restart_pod", deployment="web"), deployment="web")
        self.now += SECOND_NS

    @property
    def web(self) -> list[Entry]:
        return self.history.of(WEB)


def test_what_is_done_is_kept_with_its_target_change_and_outcome() -> None:
    told = Told()
    command = told.start("scale_deployment", deployment="web", replicas=5)
    (entry,) = told.web
    assert (entry.outcome, entry.has_acted, entry.ended_ns) == ("running", False, -1)
    told.now = 7
    told.end(command, deployment="web", replicas=5, replicas_before=3)
    assert (entry.action, entry.execution_id, entry.step_id) == ("scale_deployment", "x", "s1")
    assert (entry.outcome, entry.replicas, entry.direction) == ("succeeded", (3, 5), 1)
    assert (entry.started_ns, entry.ended_ns) == (0, 7)
    assert told.history.targets() == [WEB]


def test_attempts_of_one_step_are_one_entry_and_what_they_remembered_is_what_was_done() -> None:
    told = Told()
    command = told.start("scale_deployment", deployment="web", replicas=5)
    told.history.note(1, Remembered("x", "s1", 1, "replicas_before", 8), ())
    told.history.note(2, AttemptFailed("x", "s1", 1, Failure("Timeout", "")), ())
    (entry,) = told.web
    assert (entry.outcome, entry.reason, entry.has_acted) == ("failed", "Timeout", True)
    assert (entry.replicas, entry.direction) == ((8, 5), -1)
    again = StartAttempt("x", "s1", 2, command.action, command.parameters, {"replicas_before": 8})
    told.history.note(3, DeadlineReached(), (again,))
    assert told.web == [entry]
    assert (entry.attempt, entry.outcome) == (2, "running")


def test_what_was_refused_or_does_not_bind_was_not_done() -> None:
    told = Told()
    told.start("restart_pod", deployment="web", nonsense=1)
    told.start("log", step="l", message="m")
    assert told.history.targets() == []
    command = told.start("restart_pod", deployment="web")
    told.history.note(1, AttemptFailed("x", command.step_id, 1, Failure("TargetMissing", "")), ())
    assert not told.web[0].has_acted


def test_scaling_up_and_down_in_turn_is_an_oscillation() -> None:
    told = Told()
    for before, after in ((3, 5), (5, 7), (7, 3)):
        told.scale(before, after)
        assert told.history.oscillation(WEB, told.now) is None
    told.scale(3, 3)  # no change is no turn
    assert told.history.oscillation(WEB, told.now) is None
    told.scale(3, 5)
    assert told.history.oscillation(WEB, told.now) == Oscillation("scaling", 2, 100 * SECOND_NS)
    told.now += 100 * SECOND_NS
    assert told.history.oscillation(WEB, told.now) is None, "the window has passed"


def test_restarting_again_and_again_is_an_oscillation() -> None:
    told = Told()
    for _ in range(2):
        told.restart()
    assert told.history.oscillation(WEB, told.now) is None
    told.restart()
    assert told.history.oscillation(WEB, told.now) == Oscillation("restarts", 3, 100 * SECOND_NS)
    assert told.history.oscillation(Ref("Deployment", "other", "ns"), told.now) is None


def test_pods_restarted_by_name_count_for_their_deployment() -> None:
    told = Told()
    for number in range(3):
        told.end(told.start("restart_pod", pod=f"web-{number}"), deployment="web", pod=f"web-{number}")
    assert told.history.targets() == [WEB]
    assert told.history.oscillation(WEB, told.now) == Oscillation("restarts", 3, 100 * SECOND_NS)


def test_a_restart_that_would_go_on_with_the_loop_is_held_back() -> None:
    told = Told()
    for _ in range(3):
        assert told.refusal(told.start("restart_pod", "probe", deployment="web")) is None
        told.restart()
    refusal = told.refusal(told.start("rollout_restart", deployment="web"))
    assert refusal is not None
    assert (refusal.reason, refusal.retryable) == ("Oscillating", False)
    assert "Deployment ns/web goes in circles: 3 restarts within 100 s" in refusal.message
    assert told.refusal(told.start("restart_pod", deployment="other")) is None
    assert told.refusal(told.start("scale_deployment", deployment="web", replicas=9)) is None
    told.now += 101 * SECOND_NS
    assert told.refusal(told.start("restart_pod", deployment="web")) is None


def test_a_scaling_is_held_back_only_if_it_turns_about_again() -> None:
    told = Told()
    told.scale(3, 5)
    told.scale(5, 2)
    up = told.start("scale_deployment", deployment="web", replicas=4)
    down = told.start("scale_deployment", deployment="web", replicas=1)
    same = told.start("scale_deployment", deployment="web", replicas=2)
    refusal = told.refusal(up)
    assert refusal is not None
    assert "2 turns of its scaling" in refusal.message
    assert told.refusal(down) is None
    assert told.refusal(same) is None


@pytest.mark.parametrize("exempt", ["rollback", "begun", "policy"])
def test_what_undoes_or_has_begun_is_never_held_back(exempt: str) -> None:
    policy = OscillationPolicy(restarts_max=1, hold_back=exempt != "policy")
    told = Told(policy)
    told.restart()
    memory: dict[str, Any] = {"victim": {}} if exempt == "begun" else {}
    command = told.start("restart_pod", memory=memory, deployment="web")
    command.is_rollback = exempt == "rollback"
    assert told.refusal(command) is None
    command.is_rollback, command.memory = False, {}
    told.history.policy = OscillationPolicy(restarts_max=1, hold_back=True, retryable=True)
    refusal = told.refusal(command)
    assert refusal is not None
    assert refusal.retryable


def test_an_action_has_helped_if_its_target_is_healthy_long_enough_afterwards() -> None:
    told = Told()
    told.restart()
    assert told.history.observe(WEB, 9 * SECOND_NS, is_healthy=True) == 0, "too early to tell"
    assert [entry.helped for entry in told.web] == [None]
    assert told.history.observe(WEB, 10 * SECOND_NS, is_healthy=False) == 1
    assert told.history.observe(WEB, 20 * SECOND_NS, is_healthy=True) == 0, "it has been told"
    assert [entry.helped for entry in told.web] == [False]
    told.now = 20 * SECOND_NS
    told.restart()
    told.now = 40 * SECOND_NS
    assess = told.start("assess_target", kind="Deployment", name="web")
    told.end(assess, healthy=True, problem="")
    assert [entry.helped for entry in told.web] == [False, True]
    assert told.history.summary() == {"restart_pod": (2, 2, 1, 1, 0)}


def test_a_rollback_of_a_scaling_is_a_scaling_too() -> None:
    told = Told()
    told.scale(3, 5)
    outputs = {"replicas": 5, "replicas_before": 3}
    parameters = {"namespace": "ns", "deployment": "web", "replicas": 5}
    undo = StartAttempt("x", "s1", 1, "scale_deployment", parameters, {}, is_rollback=True, outputs=outputs)
    told.history.note(told.now, DeadlineReached(), (undo,))
    told.history.note(told.now, AttemptSucceeded("x", "s1", 1, {}), ())
    entry = told.web[1]
    assert (entry.is_rollback, entry.replicas, entry.direction) == (True, (5, 3), -1)
    assert told.web[0].outcome == "succeeded"


def test_memory_is_bounded_and_the_oldest_go() -> None:
    told = Told(OscillationPolicy(restarts_max=2, reversals_max=2, entries_max=3, targets_max=2))
    for number in range(4):
        told.scale(number, number + 1)
    assert [entry.replicas for entry in told.web] == [(1, 2), (2, 3), (3, 4)]
    for name in ("a", "web", "b"):
        told.end(told.start("rollout_restart", deployment=name))
    assert [target.name for target in told.history.targets()] == ["web", "b"]
    told.history.note(0, DeadlineReached(), (ReportExecution("x"),))
    told.end(StartAttempt("x", "s1", 1, "scale_deployment", {}, {}), replicas=9, replicas_before=0)
    assert all(entry.replicas != (0, 9) for entry in told.web), "the execution is over"


@pytest.mark.parametrize(
    "wrong",
    [
        {"reversals_max": 0},
        {"restarts_max": 0},
        {"scaling_window_ns": 0},
        {"restart_window_ns": -1},
        {"assessed_after_ns": -1},
        {"entries_max": 5, "restarts_max": 5},
        {"targets_max": 0},
    ],
)
def test_a_policy_under_which_nothing_could_be_seen_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"OscillationPolicy\.\w+"):
        OscillationPolicy(**wrong)


# -- in a host


class DictionaryPerformer:
    """Performs effects on a dictionary cluster, at once."""

    def __init__(self, world: World, host: Host) -> None:
        self.world = world
        self.host = host

    def begin(self, attempt: Attempt) -> None:
        """Nothing to note."""

    finish = cancel = begin

    def perform(self, attempt: Attempt, effect: Effect[Any]) -> None:
        try:
            value = self.world.perform(effect)
        except ActionError as error:
            self.host.throw(attempt, error)
        else:
            self.host.resume(attempt, value)


class Running:
    """A host over a dictionary cluster, with its history of actions."""

    def __init__(self, policy: OscillationPolicy = POLICY) -> None:
        self.world, self.now, self.ended = World(), 0, list[tuple[str, str]]()
        for name in ("web", "db"):
            self.world.deployment(name, 3)
        self.world.mutations.clear()
        self.actions = ActionHistory(CATALOGUE, policy)
        self.limits = Limits()
        self.host = Host(
            WorkflowEngine(self.limits), CATALOGUE, CelConditions(), lambda: self.now, lambda _row: None
        )
        self.host.performer = DictionaryPerformer(self.world, self.host)
        self.host.guard = self.actions.guard
        self.host.on_handled += [self.actions.note, self._note_failure]
        self.host.on_execution_end.append(self._ended)
        self.count = 0
        self.reason = ""

    def _ended(self, facts: ExecutionFacts) -> None:
        self.ended.append((str(facts.state), self.reason))
        self.reason = ""

    def _note_failure(self, _now: int, event: Event, _commands: tuple[Command, ...]) -> None:
        if isinstance(event, AttemptFailed):
            self.reason = event.failure.reason
        if isinstance(event, AttemptSucceeded):
            self.reason = ""

    def do(self, action: str, retry: int = 1, **parameters: Any) -> tuple[str, str]:
        self.count += 1
        name = f"w{self.count}"
        step = Step(
            "s",
            action=action,
            parameters={"namespace": "ns", **parameters},
            retry=RetryPolicy(retry, SECOND_NS),
        )
        self.host.feed(WorkflowRegistered(Workflow(name, (step,))))
        self.host.feed(ExecutionSubmitted(f"x{self.count}", name, {}))
        return self.ended[-1] if len(self.ended) == self.count else ("", "")


def test_a_host_holds_an_attempt_back_before_any_effect() -> None:
    running = Running()
    for _ in range(3):
        assert running.do("restart_pod", deployment="web") == ("completed", "")
    running.world.mutations.clear()
    running.world.calls.clear()
    assert running.do("restart_pod", deployment="web") == ("failed", "Oscillating")
    assert (running.world.calls, running.world.mutations) == ([], [])
    assert running.do("restart_pod", deployment="db") == ("completed", "")
    assert running.actions.summary()["restart_pod"].held_back == 1


def test_an_attempt_that_was_held_back_retryably_comes_again_when_the_window_has_passed() -> None:
    running = Running(
        OscillationPolicy(restarts_max=1, restart_window_ns=SECOND_NS // 2, hold_back=True, retryable=True)
    )
    assert running.do("restart_pod", deployment="web") == ("completed", "")
    assert running.do("restart_pod", 2, deployment="web") == ("", "")
    running.now = running.host.engine.next_deadline() or 0
    running.host.wake()
    assert running.ended[-1] == ("completed", "")


steps = st.lists(
    st.tuples(
        st.sampled_from(["up", "down", "restart", "absent", "wrong", "assess", "time"]),
        st.sampled_from(["web", "db"]),
    ),
    max_size=15,
)


@settings(max_examples=40, deadline=None)
@given(steps, st.data())
def test_a_restart_of_the_engine_changes_nothing(script: list[tuple[str, str]], data: st.DataObject) -> None:
    running = Running()
    for word, name in script:
        replicas = running.world.objects[Ref("Deployment", name, "ns")]["spec"]["replicas"]
        match word:
            case "up" | "down":
                wanted = replicas + 1 if word == "up" else max(0, replicas - 1)
                running.do("scale_deployment", deployment=name, replicas=wanted)
            case "restart":
                running.do("rollout_restart", deployment=name)
            case "absent":
                running.do("rollout_restart", deployment="absent")
            case "wrong":
                running.do("rollout_restart", deployment=name, nonsense=1)
            case "assess":
                running.do("assess_target", kind="Deployment", name=name)
            case "time":
                running.now += 20 * SECOND_NS
    events = list(running.host.history)
    found = ActionHistory(CATALOGUE, POLICY)
    found.replay(events, WorkflowEngine(running.limits))
    assert told_by(found) == told_by(running.actions)

    cut = data.draw(st.integers(0, len(events)))
    first, engine = ActionHistory(CATALOGUE, POLICY), WorkflowEngine(running.limits)
    first.replay(events[:cut], engine)
    later = ActionHistory(CATALOGUE, POLICY)
    later.restore(json.loads(json.dumps(first.to_json())))
    assert later.to_json() == first.to_json()
    later.replay(events[cut:], copy.deepcopy(engine))
    assert told_by(later) == told_by(running.actions)


def test_an_assessment_that_is_under_way_survives_a_restart() -> None:
    """Its answer, which comes after the restart, still says whether what was done before it helped."""
    running = Running()
    running.do("scale_deployment", deployment="web", replicas=4)
    running.now += 20 * SECOND_NS
    running.do("assess_target", kind="Deployment", name="web")
    events = list(running.host.history)
    assert running.actions.of(Ref("Deployment", "web", "ns"))[0].helped is not None
    for cut in range(len(events) + 1):
        first, engine = ActionHistory(CATALOGUE, POLICY), WorkflowEngine(running.limits)
        first.replay(events[:cut], engine)
        later = ActionHistory(CATALOGUE, POLICY)
        later.restore(json.loads(json.dumps(first.to_json())))
        later.replay(events[cut:], engine)
        assert told_by(later) == told_by(running.actions), cut


def told_by(history: ActionHistory) -> list[Any]:
    """Everything that a history of actions says."""
    now = 1_000 * SECOND_NS
    return [
        history.to_json(),
        history.summary(),
        [history.oscillation(target, at) for target in history.targets() for at in (0, now)],
    ]


def test_a_history_of_events_is_all_that_is_needed() -> None:
    running = Running()
    running.do("scale_deployment", deployment="web", replicas=5)
    lines = list(running.host.history.to_lines())
    history = History.from_lines(lines)
    found = ActionHistory(CATALOGUE)
    found.replay(history, WorkflowEngine(running.limits))
    assert found.of(WEB)[0].replicas == (3, 5)
