"""What was seen of a run, put in order for those who judge it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from engine.core.events import AttemptFailed, AttemptSucceeded, Event, ExecutionSubmitted, StepOverridden
from tests.fuzz.draws import Case
from tests.fuzz.notes import Note
from tests.fuzz.tree import Tree
from tests.fuzz.world import World


class Span(NamedTuple):
    """One start of an attempt and its end, as positions in the sequence of notes."""

    begin: int
    end: int
    note: Note  # of its begin
    is_rollback: bool


class Violation(NamedTuple):
    """What did not hold, when, and how."""

    invariant: str
    at_ns: int
    found: str


@dataclass
class Seen:
    """Places are positions in the sequence of notes."""

    case: Case
    world: World
    notes: list[Note]
    events: list[tuple[int, Event]] = field(default_factory=list)
    trees: dict[str, Tree] = field(default_factory=dict)
    submitted: dict[str, ExecutionSubmitted] = field(default_factory=dict)
    submitted_ns: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    spans: dict[str, dict[str, list[Span]]] = field(default_factory=dict)  # by execution and step, in order
    reports: dict[str, list[tuple[int, Note]]] = field(default_factory=dict)
    succeeded: dict[tuple[str, str], int] = field(default_factory=dict)  # when that was first durable
    failed: dict[tuple[str, str], int] = field(default_factory=dict)
    overridden: dict[tuple[str, str], str] = field(default_factory=dict)
    crashes: list[int] = field(default_factory=list)
    undone: dict[tuple[str, str], int] = field(default_factory=dict)  # when a rollback's success was durable
    undoing: dict[tuple[str, str, int], None] = field(default_factory=dict)  # attempts that are rollbacks

    def fail(self, invariant: str, place: int, found: str) -> Violation:
        """Return a violation at a place of the sequence."""
        at_ns = self.notes[place].at_ns if place < len(self.notes) else self.world.agenda.now
        return Violation(invariant, at_ns, found)

    def all_spans(self) -> list[Span]:
        """Return all attempts, in order of their begins."""
        return sorted(span for steps in self.spans.values() for spans in steps.values() for span in spans)


def look(world: World) -> Seen:
    """Put what was seen in order."""
    seen = Seen(world.case, world, _kept(world.notes.notes))
    workflows = {workflow.name: workflow for workflow in world.case.workflows}
    for arrival in world.case.arrivals:
        seen.trees[arrival.event.execution_id] = Tree(workflows[arrival.event.workflow], workflows)
    _Reader(seen).read()
    return seen


def _kept(notes: list[Note]) -> list[Note]:
    """Leave out what was asked for because of events that a crash undid: nothing of it has ever begun."""
    kept: list[Note] = []
    committed = 0  # what is asked for behind this follows from events that are not durable
    for note in notes:
        if note.what == "crash":
            kept[committed:] = [one for one in kept[committed:] if one.what != "asked"]
        kept.append(note)
        if note.what in ("crash", "durable"):
            committed = len(kept)
    return kept


class _Reader:
    """Goes through the notes once."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._running: dict[tuple[str, str, int], int] = {}

    def read(self) -> None:
        seen = self._seen
        for place, note in enumerate(seen.notes):
            self._take(place, note)
        self._close_all(len(seen.notes))

    def _take(self, place: int, note: Note) -> None:
        seen, key = self._seen, (note.execution_id, note.step_id, note.attempt)
        if note.command is not None and _undoes(seen, note):
            seen.undoing[key] = None
        match note.what:
            case "begin":
                self._running[key] = place
            case "end":
                self._close(key, place)
            case "crash":
                seen.crashes.append(place)
                self._close_all(place)
            case "report":
                seen.reports.setdefault(note.execution_id, []).append((place, note))
            case "accepted":
                seen.accepted[note.execution_id] = place
            case "durable":
                _take_event(seen, place, note)

    def _close_all(self, place: int) -> None:
        for key in list(self._running):
            self._close(key, place)

    def _close(self, key: tuple[str, str, int], end: int) -> None:
        seen, begin = self._seen, self._running.pop(key)
        spans = seen.spans.setdefault(key[0], {}).setdefault(key[1], [])
        spans.append(Span(begin, end, seen.notes[begin], key in seen.undoing))


def _key(event: AttemptSucceeded | AttemptFailed) -> tuple[str, str, int]:
    return event.execution_id, event.step_id, event.attempt


def _undoes(seen: Seen, note: Note) -> bool:
    """Tell whether an attempt is a rollback: the step's own, or of another action than the step's."""
    command, step = note.command, seen.trees[note.execution_id].place(note.step_id).step
    return command is not None and (command.is_rollback or command.action not in (step.action, step.fetch))


def _take_event(seen: Seen, place: int, note: Note) -> None:
    event = note.event
    assert event is not None
    seen.events.append((note.at_ns, event))
    if isinstance(event, ExecutionSubmitted):
        seen.submitted[event.execution_id] = event
        seen.submitted_ns[event.execution_id] = note.at_ns
    elif isinstance(event, AttemptSucceeded | AttemptFailed) and _key(event) in seen.undoing:
        if isinstance(event, AttemptSucceeded):
            seen.undone.setdefault((event.execution_id, event.step_id), place)
    elif isinstance(event, AttemptSucceeded):
        seen.succeeded.setdefault((event.execution_id, event.step_id), place)
    elif isinstance(event, AttemptFailed):
        seen.failed.setdefault((event.execution_id, event.step_id), place)
    elif isinstance(event, StepOverridden):
        seen.overridden[event.execution_id, event.step_id] = event.how
