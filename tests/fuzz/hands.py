"""What people asked for: pauses and stops hold, and a loop runs no more iterations at once than it may."""

import re
from collections.abc import Iterator
from typing import Final

from engine.core.definition import StepKind
from engine.core.events import (
    CancelRequested,
    EmergencyStopRequested,
    Event,
    PauseRequested,
    ReopenRequested,
    ResumeRequested,
)
from tests.fuzz.seen import Seen, Violation

_ITERATION: Final = re.compile(r"(.*?)\[(\d+)\]\.")


def hands_are_heeded(seen: Seen) -> Iterator[Violation]:
    """Nothing new is asked for while its execution is paused, or the engine stopped; undoing may be."""
    paused: dict[str, None] = {}
    is_stopped = False
    for place, note in enumerate(seen.notes):
        if note.event is not None:
            is_stopped = _stops(note.event, is_stopped=is_stopped)
            _pause(paused, note.event)
        elif note.what == "begin" and (note.execution_id, note.step_id, note.attempt) not in seen.undoing:
            if _began_before(seen, place):
                continue  # the next process takes up what ran
            if note.execution_id in paused:
                yield seen.fail("pause", place, f"{note.execution_id} is paused, and {note.step_id} begins")
            if is_stopped:
                yield seen.fail("stop", place, f"{note.execution_id}: {note.step_id} begins after the stop")


def _stops(event: Event, *, is_stopped: bool) -> bool:
    if isinstance(event, EmergencyStopRequested):
        return True
    return is_stopped and not isinstance(event, ReopenRequested)


def _pause(paused: dict[str, None], event: Event) -> None:
    if isinstance(event, PauseRequested):
        paused[event.execution_id] = None
    elif isinstance(event, (ResumeRequested, CancelRequested)):
        paused.pop(event.execution_id, None)


def _began_before(seen: Seen, place: int) -> bool:
    """Tell whether an attempt was asked for, durably, by an earlier process, or began in one."""
    note = seen.notes[place]
    return any(crash < place for crash in seen.crashes) and not any(
        other.what == "asked" and other[2:5] == note[2:5]
        for other in seen.notes[max(crash for crash in seen.crashes if crash < place) : place]
    )


def loops_keep_to_their_width(seen: Seen) -> Iterator[Violation]:
    """No more iterations of a loop have attempts under way at once than it may run."""
    for execution_id in seen.spans:
        tree = seen.trees[execution_id]
        running: dict[str, dict[str, int]] = {}
        for place, note in enumerate(seen.notes):
            if note.what == "crash":
                running.clear()
            if note.execution_id != execution_id or note.what not in ("begin", "end"):
                continue
            for match in _loops(note.step_id):
                loop, number = match
                of_loop = running.setdefault(loop, {})
                of_loop[number] = of_loop.get(number, 0) + (1 if note.what == "begin" else -1)
                step = tree.place(loop).step
                active = [one for one, count in of_loop.items() if count > 0]
                is_undoing = (note.execution_id, note.step_id, note.attempt) in seen.undoing
                if len(active) > step.parallelism and step.kind is StepKind.LOOP and not is_undoing:
                    found = f"{execution_id}: iterations {', '.join(active)} of {loop} at once"
                    yield seen.fail("loop", place, found)


def _loops(step_id: str) -> Iterator[tuple[str, str]]:
    """Yield the loops that a step is in, each with the number of the iteration."""
    for match in _ITERATION.finditer(step_id):
        yield step_id[: match.start(2) - 1], match.group(2)
