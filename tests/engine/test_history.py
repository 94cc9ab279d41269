"""Histories: what is written is read back, what is damaged is found, and old ones replay."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.canonical import encode
from engine.core.definition import StepKind
from engine.core.errors import HistoryError
from engine.core.event_codec import event_from_json, event_to_json
from engine.core.events import AttemptSucceeded, Event, ExecutionSubmitted, WorkflowRegistered
from engine.core.facts import ExecutionFacts
from engine.core.history import History, replay
from engine.core.limits import Limits
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.random_workflows import Workflows
from tests.oracles.world import Case, run, run_case

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_SEEDS = (4, 5, 29, 41, 49)


def written(seed: int) -> list[str]:
    return list(run(HeapAgenda(), seed, tying=False).host.history.to_lines())


@given(seed=st.integers(0, 10**6), tying=st.booleans())
def test_a_replayed_engine_is_in_the_live_engines_state(seed: int, *, tying: bool) -> None:
    """Cut a run at an instant; the engine rebuilt from what was written is where the live one is."""
    world = run(HeapAgenda(), seed, tying=tying, until=12_345_678)
    engine = replay(History.from_lines(world.history.splitlines()), world.host.engine.limits)
    live = world.host.engine
    assert engine.next_deadline() == live.next_deadline()
    assert engine.stations(12_345_678) == live.stations(12_345_678)
    assert (engine.active_count, engine.queued_count) == (live.active_count, live.queued_count)
    assert engine.running_attempts_count == live.running_attempts_count
    for facts in (*live.executions(), *world.ended):
        assert engine.execution(facts.execution_id) == facts


def test_every_event_is_written_and_read_back() -> None:
    seen = set()
    for seed in range(60):
        for _, event in run(HeapAgenda(), seed, tying=True).host.history:
            seen.add(type(event).__name__)
            row = json.loads(json.dumps(event_to_json(event)))
            assert event_from_json(row) == event
    assert len(seen) == 8


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=20,
)


@given(value=JSON_VALUES)
def test_canonical_json_is_what_the_standard_encoder_writes(value: Any) -> None:
    """The one encoder for all texts writes what one made for each text writes, byte for byte."""
    assert encode(value) == json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def test_what_is_no_json_is_refused_and_spoils_nothing() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (float("nan"), float("inf"), {"x": {1, 2}}, circle, {"x": circle}, object()):
        with pytest.raises((TypeError, ValueError, RecursionError)):
            encode(value)
        assert encode([value and {"a": 1}]) == '[{"a":1}]'


def test_lines_and_back_is_the_same_history() -> None:
    lines = written(3)
    history = History.from_lines(lines)
    assert list(history.to_lines()) == lines
    assert json.loads(lines[-1]) == {"digest": history.digest, "events_count": len(history)}


def test_the_digest_is_the_same_however_often_it_is_asked_for() -> None:
    once, often = History(), History()
    for number in range(10):
        event = AttemptSucceeded("x", "a", number, {"n": number})
        once.append(number, event)
        often.append(number, event)
        assert len(often.digest) == 64
    assert once.digest == often.digest


def test_a_history_cut_anywhere_is_found() -> None:
    lines = written(3)
    for length in range(1, len(lines)):
        with pytest.raises(HistoryError, match=f"cut after {length - 1} events"):
            History.from_lines(lines[:length])
    with pytest.raises(HistoryError, match="header"):
        History.from_lines([])


@given(st.data())
def test_a_flipped_bit_is_found(data: st.DataObject) -> None:
    lines = written(3)
    number = data.draw(st.integers(0, len(lines) - 1))
    line = bytearray(lines[number].encode())
    line[data.draw(st.integers(0, len(line) - 1))] ^= 1 << data.draw(st.integers(0, 6))
    lines[number] = line.decode()
    with pytest.raises(HistoryError, match=r"line \d+|version"):
        History.from_lines("\n".join(lines).split("\n"))


def test_a_lost_a_doubled_and_a_swapped_line_are_found_where_they_are() -> None:
    lines = written(3)
    for damaged in (
        [*lines[:4], *lines[5:]],
        [*lines[:4], lines[3], *lines[4:]],
        [*lines[:4], lines[5], lines[4], *lines[6:]],
    ):
        with pytest.raises(HistoryError, match=r"line 5: altered, .* 3 events before it are sound"):
            History.from_lines(damaged)
    with pytest.raises(HistoryError, match="more after the footer"):
        History.from_lines([*lines, lines[-1]])


def test_a_footer_that_does_not_fit_is_found() -> None:
    lines = written(3)
    footer = json.loads(lines[-1])
    for wrong in ({"digest": "0" * 64}, {"events_count": footer["events_count"] + 1}):
        with pytest.raises(HistoryError, match="the footer does not fit"):
            History.from_lines([*lines[:-1], json.dumps(footer | wrong)])


def test_a_history_of_a_newer_version_is_refused() -> None:
    lines = written(3)
    lines[0] = lines[0].replace('"version":2', '"version":99')
    with pytest.raises(HistoryError, match="version 99"):
        History.from_lines(lines)


def test_a_history_that_could_not_have_happened_does_not_replay() -> None:
    history = History()
    history.append(0, WorkflowRegistered(Workflows(1).workflow()))
    history.append(1, ExecutionSubmitted("x", "random", {}))
    history.append(2, AttemptSucceeded("x", "absent", 1, {}))
    with pytest.raises(HistoryError, match=r"event 2 .AttemptSucceeded at 2 ns. cannot have happened"):
        replay(history, Limits())


def test_values_that_json_cannot_hold_are_refused() -> None:
    history = History()
    history.append(0, AttemptSucceeded("x", "a", 1, {"n": float("nan")}))
    with pytest.raises(HistoryError, match="cannot be written"):
        _ = history.digest


@pytest.mark.parametrize("seed", GOLDEN_SEEDS)
def test_golden_histories_replay_and_keep_their_digest(seed: int) -> None:
    """Written by the first version. One that no longer replays would strand every stored execution."""
    expected, history = golden(seed)
    assert history.digest == expected["digest"]
    engine = replay(history, Limits(**expected["limits"]))
    assert ends(engine.executions()) == expected["executions"]


@pytest.mark.parametrize("seed", GOLDEN_SEEDS)
def test_todays_engine_makes_of_the_same_submissions_the_same_history(seed: int) -> None:
    expected, history = golden(seed)
    workflow = next(event.workflow for _, event in history if isinstance(event, WorkflowRegistered))
    submissions = [(now, event) for now, event in history if isinstance(event, ExecutionSubmitted)]
    limits = Limits(**expected["limits"])
    case = Case(workflow, limits, submissions, seed, tying=False, version=history.version)
    world = run_case(HeapAgenda(), case)
    assert world.history.splitlines() == list(history.to_lines())


GOLDEN_2 = sorted(path.stem for path in GOLDEN.glob("v2-*.jsonl"))


@pytest.mark.parametrize("name", GOLDEN_2)
def test_golden_histories_of_the_second_version_replay(name: str) -> None:
    """Every kind of step and of request, as the second version wrote them."""
    expected = json.loads((GOLDEN / f"{name}.json").read_text())
    history = History.from_lines((GOLDEN / f"{name}.jsonl").read_text().splitlines())
    assert (history.version, history.digest) == (2, expected["digest"])
    limits = expected["limits"] | {"coalesce": tuple(expected["limits"].get("coalesce", ()))}
    engine = replay(history, Limits(**limits))
    assert ends(engine.executions()) == expected["executions"]


def test_the_golden_histories_hold_every_kind_of_step_and_event() -> None:
    kinds: dict[str, None] = {}
    names: dict[str, None] = {}
    for name in GOLDEN_2:
        for _, event in History.from_lines((GOLDEN / f"{name}.jsonl").read_text().splitlines()):
            names[type(event).__name__] = None
            if isinstance(event, WorkflowRegistered):
                kinds |= {step.kind.value: None for step in event.workflow.walk()}
    assert sorted(kinds) == sorted(kind.value for kind in StepKind)
    assert {kind.__name__ for kind in get_args(Event)} - set(names) == {"CapacityReported"}


def golden(seed: int) -> tuple[dict[str, Any], History]:
    lines = (GOLDEN / f"history-{seed}.jsonl").read_text().splitlines()
    return json.loads((GOLDEN / f"history-{seed}.json").read_text()), History.from_lines(lines)


def ends(executions: Iterable[ExecutionFacts]) -> dict[str, Any]:
    return {
        facts.execution_id: [
            facts.state.value,
            {name: step.state.value for name, step in facts.steps.items()},
        ]
        for facts in executions
    }
