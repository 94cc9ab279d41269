"""What was seen of a run, put in order for those who judge it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.core.definition import Workflow
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

    def fail(self, invariant: str, place: int, found: str) -> Violation:
        """Return a violation at a place of the sequence."""
        at_ns = self.notes[place].at_ns if place < len(self.notes) else self.world.agenda.now
        return Violation(invariant, at_ns, found)

    def all_spans(self) -> list[Span]:
        """Return all attempts, in order of their begins."""
        return sorted(span for steps in self.spans.values() for spans in steps.values() for span in spans)


def look(world: World) -> Seen:
    """Put what was seen in order."""
    seen = Seen(world.case, world, world.notes.notes)
    workflows = {workflow.name: workflow for workflow in world.case.workflows}
    running: dict[tuple[str, str, int], int] = {}

    def close(key: tuple[str, str, int], end: int) -> None:
        begin = running.pop(key)
        note = seen.notes[begin]
        spans = seen.spans.setdefault(key[0], {}).setdefault(key[1], [])
        spans.append(Span(begin, end, note, _undoes(seen, note)))

    for place, note in enumerate(seen.notes):
        key = (note.execution_id, note.step_id, note.attempt)
        match note.what:
            case "begin":
                running[key] = place
            case "end":
                close(key, place)
            case "crash":
                seen.crashes.append(place)
                for lost in list(running):
                    close(lost, place)
            case "report":
                seen.reports.setdefault(note.execution_id, []).append((place, note))
            case "accepted":
                seen.accepted[note.execution_id] = place
            case "durable":
                _take_event(seen, place, note, workflows)
    for left in list(running):
        close(left, len(seen.notes))
    return seen


def _undoes(seen: Seen, note: Note) -> bool:
    """Tell whether an attempt is a rollback: the step's own, or of another action than the step's."""
    command, step = note.command, seen.trees[note.execution_id].place(note.step_id).step
    return command is not None and (command.is_rollback or command.action not in (step.action, step.fetch))


def _take_event(seen: Seen, place: int, note: Note, workflows: Mapping[str, Workflow]) -> None:
    event = note.event
    assert event is not None
    seen.events.append((note.at_ns, event))
    if isinstance(event, ExecutionSubmitted):
        seen.submitted[event.execution_id] = event
        seen.submitted_ns[event.execution_id] = note.at_ns
        seen.trees[event.execution_id] = Tree(workflows[event.workflow], workflows)
    elif isinstance(event, AttemptSucceeded):
        seen.succeeded.setdefault((event.execution_id, event.step_id), place)
    elif isinstance(event, AttemptFailed):
        seen.failed.setdefault((event.execution_id, event.step_id), place)
    elif isinstance(event, StepOverridden):
        seen.overridden[event.execution_id, event.step_id] = event.how
