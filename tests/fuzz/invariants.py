"""What must hold of every run, judged from what was seen beside the engine: never from its own books."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.core.errors import EngineError
from engine.core.machine import WorkflowEngine
from tests.fuzz.draws import COUNTER_START
from tests.fuzz.frozen import frozen
from tests.fuzz.hands import hands_are_heeded, loops_keep_to_their_width
from tests.fuzz.limits import limits_are_kept, locks_are_kept
from tests.fuzz.order import nothing_is_redone, order_is_kept
from tests.fuzz.seen import Seen, Violation, look
from tests.fuzz.world import World

Judge = Callable[[Seen], Iterator[Violation]]


def every_execution_ends(seen: Seen) -> Iterator[Violation]:
    """What was accepted has been reported, and nothing that was not asked for."""
    for execution_id in seen.accepted:
        if execution_id not in seen.reports:
            yield seen.fail("ends", len(seen.notes), f"{execution_id} was accepted and never ended")
    for execution_id, reports in seen.reports.items():
        if execution_id not in seen.submitted:
            yield seen.fail("ends", reports[0][0], f"{execution_id} ended, and nobody had asked for it")


def results_do_not_change(seen: Seen) -> Iterator[Violation]:
    """Whatever is reported again, after a crash, is what was reported before."""
    for execution_id, reports in seen.reports.items():
        first = reports[0][1].facts
        for place, note in reports[1:]:
            if note.facts != first:
                yield seen.fail("result", place, f"{execution_id}: {_difference(first, note.facts)}")
    if seen.case.is_durable:
        for summary in seen.world.store.executions("fuzz", count_max=1_000):
            reports = seen.reports.get(summary.execution_id, [])
            if reports and reports[0][1].facts is not None and reports[0][1].facts["state"] != summary.state:
                found = (
                    f"{summary.execution_id} was reported otherwise than the store has it: {summary.state}"
                )
                yield seen.fail("result", reports[0][0], found)


def nothing_runs_after_the_end(seen: Seen) -> Iterator[Violation]:
    """When an execution is reported nothing of it runs, and nothing begins afterwards."""
    for execution_id, reports in seen.reports.items():
        place = reports[0][0]
        for step_id, spans in seen.spans.get(execution_id, {}).items():
            for span in spans:
                if span.end > place:
                    yield seen.fail(
                        "after-end", max(span.begin, place), f"{execution_id}: {step_id} runs after the end"
                    )


def ids_are_unique(seen: Seen) -> Iterator[Violation]:
    """No two executions share an id or a number, and no attempt is begun twice by one process."""
    numbers: dict[int, str] = {}
    for execution_id, reports in seen.reports.items():
        for place, note in reports:
            number = (note.facts or {}).get("index", -1)
            if numbers.setdefault(number, execution_id) != execution_id:
                yield seen.fail(
                    "ids", place, f"{execution_id} and {numbers[number]} are both number {number}"
                )
    begun: dict[tuple[str, str, int, bool], int] = {}
    for span in seen.all_spans():
        note = span.note
        key = (note.execution_id, note.step_id, note.attempt, span.is_rollback)
        before = begun.get(key)
        begun[key] = span.begin
        if before is not None and not any(before < crash < span.begin for crash in seen.crashes):
            yield seen.fail("ids", span.begin, f"attempt {key} was begun twice")


def nothing_leaks(seen: Seen) -> Iterator[Violation]:
    """An attempt is given what belongs to its own execution."""
    for span in seen.all_spans():
        note = span.note
        text = json.dumps(note.command.parameters, default=str) if note.command else ""
        for other in seen.submitted:
            if other != note.execution_id and f"{other} " in f"{text} ".replace('"', " "):
                yield seen.fail("leak", span.begin, f"{note.execution_id}/{note.step_id} was given {text}")


def causes_add_up(seen: Seen) -> Iterator[Violation]:
    """Every nanosecond of an execution, a step and an attempt has its cause."""
    now = len(seen.notes)
    for row in seen.world.notes.rows:
        if row["type"] == "execution":
            yield from _charged(seen, row, row["ended_ns"] - row["submitted_ns"])
        elif row["type"] == "step":
            yield from _charged(seen, row, row["ended_ns"] - row["ready_ns"] if row["ready_ns"] >= 0 else 0)
        elif row["type"] == "attempt":
            at_ns = row["started_ns"]
            for _, start_ns, end_ns in row["spans"]:
                if start_ns != at_ns or end_ns < start_ns:
                    yield seen.fail("causes", now, f"{row['execution']}/{row['step']}: spans {row['spans']}")
                at_ns = end_ns
            if at_ns != row["ended_ns"]:
                yield seen.fail(
                    "causes", now, f"{row['execution']}/{row['step']} ends at {row['ended_ns']}, not {at_ns}"
                )


def _charged(seen: Seen, row: Any, duration_ns: int) -> Iterator[Violation]:
    causes: Mapping[str, int] = row["causes"]
    who = f"{row['type']} {row['execution']}/{row.get('step', '')}"
    if sum(causes.values()) != duration_ns or any(spent < 0 for spent in causes.values()):
        yield seen.fail("causes", len(seen.notes), f"{who}: {causes} of {duration_ns} ns")
    if "unattributed" in causes and not seen.crashes:
        yield seen.fail("causes", len(seen.notes), f"{who}: unattributed, and nothing had crashed")


def the_history_gives_the_same(seen: Seen) -> Iterator[Violation]:
    """Replayed from its first event, the history gives the facts that were reported."""
    engine = WorkflowEngine(seen.case.limits)
    reported = {execution_id: reports[0] for execution_id, reports in seen.reports.items()}
    for position, (at_ns, event) in enumerate(seen.events):
        try:
            engine.handle(event, at_ns)
        except EngineError as error:
            yield Violation("replay", at_ns, f"event {position}, {event!r}: {error}")
            return
    for execution_id, (place, note) in reported.items():
        replayed = frozen(engine.execution(execution_id))
        if replayed != note.facts:
            yield seen.fail("replay", place, f"{execution_id}: {_difference(note.facts, replayed)}")


def the_cluster_is_sound(seen: Seen) -> Iterator[Violation]:
    """What the model's own checker counts."""
    for name, count in seen.world.scene.checker.violations.items():
        if count:
            yield seen.fail("cluster", len(seen.notes), f"{name}: {count}")


def counters_lose_nothing(seen: Seen) -> Iterator[Violation]:
    """What was added to the counter is in it: every success once, and no step twice."""
    least = most = COUNTER_START
    for execution_id, steps in seen.spans.items():
        for step_id, spans in steps.items():
            command = spans[0].note.command
            if command is None or command.action != "update_counter":
                continue
            if any(span.is_rollback for span in spans):
                return  # judged by the tests of the action
            increment = command.parameters["increment"]
            most += increment
            least += increment if (execution_id, step_id) in seen.succeeded else 0
    found = seen.world.scene.cluster.store.objects["ConfigMap"]["default", "numbers"]["data"]["n"]
    if not least <= int(found) <= most:
        yield seen.fail("counter", len(seen.notes), f"{found}, and not between {least} and {most}")


def _difference(one: Any, other: Any, where: str = "") -> str:
    """Say where two JSON values first differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            if one.get(key) != other.get(key) or (key in one) != (key in other):
                return _difference(one.get(key), other.get(key), f"{where}.{key}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                return _difference(left, right, f"{where}[{number}]")
    return f"{where.lstrip('.')} was {one!r}, and is {other!r}"


JUDGES: Final[tuple[Judge, ...]] = (
    every_execution_ends,
    results_do_not_change,
    nothing_runs_after_the_end,
    ids_are_unique,
    nothing_leaks,
    causes_add_up,
    the_history_gives_the_same,
    the_cluster_is_sound,
    counters_lose_nothing,
    limits_are_kept,
    locks_are_kept,
    order_is_kept,
    nothing_is_redone,
    hands_are_heeded,
    loops_keep_to_their_width,
)


def judge(world: World) -> list[Violation]:
    """Return all that does not hold of a run."""
    seen = look(world)
    found = [Violation(*violation) for violation in world.notes.violations]
    for judges in JUDGES:
        found += judges(seen)
    return found
