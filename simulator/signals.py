"""Signals that a scenario sends to every execution: people who approve, systems that call back."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from engine.core.commands import Command
from engine.core.errors import ProtocolError
from engine.core.events import Event, ExecutionSubmitted, SignalReceived
from engine.core.facts import ExecutionFacts
from engine.core.host import Host
from scenarios.runspec import SignalSpec
from simulator.agenda import Agenda
from simulator.streams import Sampler, Stream, Streams, entity, sampler


class Signals:
    """Sends each signal once to every execution, or once to every step that begins to wait for it."""

    def __init__(self, agenda: Agenda, host: Host, specs: Sequence[SignalSpec], streams: Streams) -> None:
        """Listen to what the engine takes in, if there is anything to send."""
        self._agenda = agenda
        self._host = host
        self._at_once = [_Sender(spec, streams) for spec in specs if not spec.from_waiting]
        self._awaited = {spec.name: _Sender(spec, streams) for spec in specs if spec.from_waiting}
        self._open: dict[str, dict[str, None]] = {}  # execution -> the steps whose signal is on its way
        self._queued: dict[str, None] = {}  # those of them that had not been admitted when last looked at
        if specs:
            host.on_handled.append(self._note)
            host.on_execution_end.append(self._ended)

    def _note(self, _now: int, event: Event, _commands: tuple[Command, ...]) -> None:
        if isinstance(event, ExecutionSubmitted):
            self._open[event.execution_id] = {}
            self._queued[event.execution_id] = None
            for sender in self._at_once:
                self._send(sender, event.execution_id, event.execution_id)
        execution_id = getattr(event, "execution_id", None)
        for one in [execution_id] if execution_id is not None else list(self._open):
            if one in self._open:
                self._look(self._host.engine.execution(one))
        self._look_at_admitted()

    def _look_at_admitted(self) -> None:
        """Look at those that have been admitted in the place of another one, mostly the first in line."""
        engine = self._host.engine
        missing = engine.active_count - (len(self._open) - len(self._queued))
        admitted = []
        for one in self._queued if missing > 0 else ():
            facts = engine.execution(one)
            if facts.admitted_ns >= 0:
                admitted.append(facts)
                if len(admitted) == missing:
                    break
        for facts in admitted:
            self._look(facts)

    def _look(self, facts: ExecutionFacts) -> None:
        """Send to the steps that have begun to wait since the last look."""
        asked = self._open[facts.execution_id]
        if facts.admitted_ns >= 0:
            self._queued.pop(facts.execution_id, None)
        for name, steps in facts.waiting.items():
            sender = self._awaited.get(name)
            for step in steps if sender is not None else ():
                if step.id not in asked and sender is not None:
                    asked[step.id] = None
                    self._send(sender, facts.execution_id, f"{facts.execution_id}/{step.id}")

    def _send(self, sender: "_Sender", execution_id: str, key: str) -> None:
        delay_ns = sender.after(sender.stream.uniform(entity(key)))
        self._agenda.after(delay_ns, partial(self._arrived, sender, execution_id))

    def _arrived(self, sender: "_Sender", execution_id: str, _entry: Any) -> None:
        if execution_id in self._open:
            with suppress(ProtocolError):  # too many are kept already: whoever sent it has been told
                self._host.feed(SignalReceived(execution_id, sender.spec.name, dict(sender.spec.payload)))

    def _ended(self, facts: ExecutionFacts) -> None:
        self._open.pop(facts.execution_id, None)
        self._queued.pop(facts.execution_id, None)
        self._look_at_admitted()


class _Sender:
    """Who sends one of the signals: after how long, by which draw."""

    def __init__(self, spec: SignalSpec, streams: Streams) -> None:
        self.spec = spec
        self.after: Sampler = sampler(spec.after)
        self.stream: Stream = streams.stream(f"signal.{spec.name}")
