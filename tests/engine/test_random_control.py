"""Random nested workflows, random outcomes, random hands on them: what always holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.attribution import Span, execution_rows
from engine.core.causes import Cause
from engine.core.commands import Command, StartAttempt
from engine.core.facts import ExecutionFacts, StepFacts
from engine.core.history import History, replay
from engine.core.machine import WorkflowEngine
from engine.core.states import ENDED_EXECUTIONS, ENDED_STEPS, AttemptState
from tests.engine.random_control import Story
from tests.engine.rig import Rig

_SEEN: set[str] = set()


class Watched(Story):
    """A story in which every instant is checked."""

    def check(self) -> None:
        for execution in self.rig.engine.executions():
            charge(execution, self.rig.now)
        due = self.rig.engine.next_deadline()
        assert due is None or due >= 0


def charge(execution: ExecutionFacts, until_ns: int) -> None:
    """Charge an execution as it stands; `execution_rows` refuses what does not add up."""
    spans: dict[tuple[str, int], list[Span]] = {}
    for step in execution.steps.values():
        for attempt in step.attempts:
            if attempt.started_ns >= 0:
                end_ns = attempt.ended_ns if attempt.ended_ns >= 0 else until_ns
                spans[step.id, attempt.number] = [(Cause.API_SERVICE, attempt.started_ns, end_ns)]
    rows = execution_rows(execution, spans, until_ns=until_ns, detail=True)
    for row in rows:
        if row["type"] == "step":
            duration_ns = row["ended_ns"] - row["ready_ns"] if row["ready_ns"] >= 0 else 0
            assert sum(row["causes"].values()) == duration_ns
            assert all(value > 0 for value in row["causes"].values())


@given(st.integers(0, 10**9))
def test_everything_ends_once_and_leaves_nothing_behind(seed: int) -> None:
    story = Watched(seed)
    engine = story.rig.engine
    executions = engine.executions()
    assert sorted(story.rig.reported) == sorted(it.execution_id for it in executions)
    for execution in executions:
        assert execution.state in ENDED_EXECUTIONS
        assert all(_is_at_rest(step) for step in execution.steps.values())
        assert execution.ended_ns >= execution.submitted_ns
        charge(execution, story.rig.now)
        _SEEN.add(execution.state.value)
    assert engine.next_deadline() is None
    assert (engine.running_attempts_count, engine.active_count, engine.queued_count) == (0, 0, 0)
    assert not any(engine.lock_holders(name) for name in ("l0", "l1", "l2", "m", "n"))


def _is_at_rest(step: StepFacts) -> bool:
    ended = step.state in ENDED_STEPS
    return ended and all(
        attempt.outcome not in (AttemptState.PENDING, AttemptState.RUNNING) for attempt in step.attempts
    )


@given(st.integers(0, 10**9))
def test_replay_rebuilds_every_execution_as_it_was(seed: int) -> None:
    story = Story(seed)
    history = History.from_lines(list(story.rig.history.to_lines()))
    assert history.digest == story.rig.history.digest
    engine = replay(history, story.rig.engine.limits)
    assert engine.executions() == story.rig.engine.executions()
    assert engine.stations(story.rig.now) == story.rig.engine.stations(story.rig.now)
    assert engine.intake == story.rig.engine.intake


@given(st.integers(0, 10**9))
def test_nothing_runs_before_its_needs_have_ended(seed: int) -> None:
    before = Rig._take  # noqa: SLF001 - the rig is the tests' own

    def take(rig: Rig, command: Command) -> None:
        if isinstance(command, StartAttempt):
            _check_needs(rig.engine, command)
        before(rig, command)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rig, "_take", take)
        Story(seed)


def _check_needs(engine: WorkflowEngine, command: StartAttempt) -> None:
    execution = engine.execution(command.execution_id)
    step = execution.steps[command.step_id]
    if step.undoing or step.attempts[-1].outcome is not AttemptState.RUNNING:
        return  # or it has been stopped by the same event
    for number in step.plan.builds_on:
        assert step.scope.steps[number].state in ENDED_STEPS
    assert execution.state not in ENDED_EXECUTIONS
    around = step.parent
    while around:
        assert execution.steps[around].state not in ENDED_STEPS
        around = execution.steps[around].parent


def test_the_stories_reach_what_they_are_meant_to() -> None:
    """The properties prove little if nothing happens in the stories."""
    states: dict[str, None] = {}
    kinds: dict[str, None] = {}
    for seed in range(300):
        for execution in Story(seed).rig.engine.executions():
            states[execution.state.value] = None
            for step in execution.steps.values():
                kinds[f"{step.kind.value} {step.state.value}"] = None
    assert sorted(states) == ["cancelled", "completed", "failed"]
    for kind in ("loop", "subflow", "wait", "parallel", "sequential", "condition", "decision"):
        assert {f"{kind} completed", f"{kind} failed", f"{kind} skipped"} <= set(kinds) | {"decision failed"}
    assert {"action rolled-back", "action omitted", "loop cancelled"} <= set(kinds)
