"""What somebody who stands beside the engine sees of a run, in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from engine.core.commands import Command, StartAttempt
from engine.core.events import Event
from engine.core.facts import ExecutionFacts
from engine.core.records import Row
from tests.fuzz.frozen import frozen

What = Literal["accepted", "durable", "asked", "begin", "end", "report", "crash"]


class Note(NamedTuple):
    """One observation. Which of the last fields are set depends on `what`."""

    at_ns: int
    what: What
    execution_id: str = ""
    step_id: str = ""
    attempt: int = 0
    command: StartAttempt | None = None  # of what was asked for, and of a begin
    event: Event | None = None  # of what became durable
    facts: Mapping[str, Any] | None = None  # of a report


@dataclass
class Notes:
    """All that was seen of a run."""

    notes: list[Note] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    violations: list[tuple[str, int, str]] = field(default_factory=list)  # seen on the spot

    def reported(self, at_ns: int, facts: ExecutionFacts) -> None:
        self.notes.append(Note(at_ns, "report", facts.execution_id, facts=frozen(facts)))

    def asked(self, at_ns: int, commands: Iterable[Command]) -> None:
        for command in commands:
            if isinstance(command, StartAttempt):
                key = (command.execution_id, command.step_id, command.attempt)
                self.notes.append(Note(at_ns, "asked", *key, command=command))

    def durable(self, at_ns: int, event: Event) -> None:
        self.notes.append(Note(at_ns, "durable", getattr(event, "execution_id", ""), event=event))
