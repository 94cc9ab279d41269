"""What stands between a host and its durable store: events go in, and are on the disk before they act."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from engine.core.commands import Command
from engine.core.errors import HistoryError
from engine.core.event_codec import event_to_json
from engine.core.events import Event
from engine.core.facts import ExecutionFacts
from engine.core.machine import WorkflowEngine
from engine.core.sizes import has_text_keys
from engine.core.snapshot import take_snapshot
from engine.core.states import ENDED_EXECUTIONS
from engine.core.store import Entry, ExecutionStore, ExecutionSummary, Lease, summary_of, write_entry

SNAPSHOT_EVERY: Final = 10_000  # events: what has to be replayed after a crash
_OBJECTS_AN_EVENT: Final = (
    4  # may be saved for each event; writing an object costs a tenth of storing an event
)


class Journal(Protocol):
    """Where a host writes what its engine was told, before anything comes of it."""

    def check(self, now: int, event: Event) -> None:
        """Raise `HistoryError` for an event that could not be written."""
        ...

    def append(self, now: int, event: Event) -> None:
        """Take an event in; it need not be durable yet."""
        ...

    def commit(self, moved: Iterable[ExecutionFacts]) -> None:
        """Make durable all that was taken in, and what people may read of the executions that it moved.

        Raises `StoreError`; then nothing of it may act, and the journal is of no more use.
        """
        ...

    def renew(self) -> None:
        """Keep the right to write, though there is nothing to be written; raises `StoreError`."""
        ...

    def settle(self, engine: WorkflowEngine) -> None:
        """Note that all that was committed has been acted upon: the engine's state may be saved."""
        ...


class Companion(Protocol):
    """What watches an engine's events and is to survive with it, such as the history of actions."""

    def note(self, now: int, event: Event, commands: tuple[Command, ...]) -> None:
        """Take in an event and what the engine asked for because of it."""
        ...

    def to_json(self) -> Any:
        """Return all of its state as JSON values."""
        ...

    def restore(self, rows: Any) -> None:
        """Take in what `to_json` gave, before anything is noted."""
        ...


NO_COMPANIONS: Final[Mapping[str, Companion]] = MappingProxyType({})


class StoreJournal:
    """A journal in an `ExecutionStore`, under a lease.

    A snapshot is saved every `snapshot_every` events, or later for an engine so large that this would cost
    more than the events themselves; events before the last snapshot but one are dropped then, and the
    summaries of executions that ended more than `keep_ended_ns` before (None: none are).
    """

    def __init__(
        self,
        store: ExecutionStore,
        lease: Lease,
        position: int,
        *,
        saved_position: int | None = None,
        snapshot_every: int = SNAPSHOT_EVERY,
        keep_ended_ns: int | None = None,
        companions: Mapping[str, Companion] = NO_COMPANIONS,
    ) -> None:
        """Go on at `position`, the end of the log; there is a sound snapshot at `saved_position`.

        `companions` are saved with each snapshot, by name.
        """
        self.store = store
        self.lease = lease
        self.position = position
        self._entries: list[Entry] = []
        self._states: dict[str, str] = {}  # of executions that have not ended, as last written
        self._snapshot_every = snapshot_every
        self._keep_ended_ns = keep_ended_ns
        self._companions = companions
        self._saved = [] if saved_position is None else [saved_position]  # the last snapshots' positions
        self._due = (position if saved_position is None else saved_position) + snapshot_every

    def check(self, now: int, event: Event) -> None:
        """Raise `HistoryError` for what is not JSON, or would be read otherwise than it was written."""
        write_entry((now, event))  # first, as it finds circles
        if not has_text_keys(event_to_json(event)):
            message = f"{type(event).__name__} at {now} ns holds a mapping with keys that are no text"
            raise HistoryError(message)

    def append(self, now: int, event: Event) -> None:
        """Keep an event for the next commit."""
        self._entries.append((now, event))

    def commit(self, moved: Iterable[ExecutionFacts]) -> None:
        """Store what was taken in, in one transaction."""
        summaries = [summary for execution in moved if (summary := self._changed(execution)) is not None]
        self.store.append(self.lease, self.position, self._entries, summaries)
        self.position += len(self._entries)
        self._entries = []

    def renew(self) -> None:
        """Put the end of the lease off."""
        self.store.renew(self.lease)

    def settle(self, engine: WorkflowEngine) -> None:
        """Save a snapshot if one is due."""
        if self.position >= self._due:
            self.save(engine)

    def save(self, engine: WorkflowEngine) -> None:
        """Save a snapshot now, and drop what is no longer needed."""
        document = take_snapshot(engine)
        beside = {name: one.to_json() for name, one in self._companions.items()}
        body = json.dumps({**document, "companions": beside}, separators=(",", ":"))
        self.store.save_snapshot(self.lease, self.position, body)
        objects_count = sum(1 for written in document["objects"] if written[0] != "@")
        self._due = self.position + max(self._snapshot_every, objects_count // _OBJECTS_AN_EVENT)
        self._saved = [*self._saved[-1:], self.position]
        self.store.drop_before(self.lease, self._saved[0])
        if self._keep_ended_ns is not None:
            self.store.forget_executions(self.lease, engine.now_ns - self._keep_ended_ns)

    def _changed(self, execution: ExecutionFacts) -> ExecutionSummary | None:
        """Return the summary of an execution whose state is not what was last written."""
        execution_id, state = execution.execution_id, execution.state
        if self._states.get(execution_id) == state:
            return None
        if state in ENDED_EXECUTIONS:
            self._states.pop(execution_id, None)
        else:
            self._states[execution_id] = state
        return summary_of(execution)
