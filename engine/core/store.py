"""The port to a durable store: one log of events per engine, held by a lease.

Limits couple executions, so the log is the engine's, not the execution's. Rules that every store keeps
(`tests/engine/stores` holds the contract):

1. *One writer.* `acquire` gives a lease with a token that grows with every acquisition. Every write names its
   lease, and the store checks the token in the very transaction that writes: a process that was overtaken
   while it slept writes nothing. Clocks decide only when a lease may be taken over, never who may write.
2. *All or nothing.* The events of one `append` are durable when it returns, or none of them is stored.
3. *No gap.* `append` names the position at which its first event comes to stand; it must be the end.
4. *Nothing altered unseen.* Each event is stored with a chained SHA-256, checked whenever events are read.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from engine.core.canonical import encode
from engine.core.errors import HistoryError
from engine.core.event_codec import HISTORY_VERSION, event_from_json, event_to_json
from engine.core.events import Event
from engine.core.facts import ExecutionFacts

Entry = tuple[int, Event]  # an instant, and what happened
CHAIN_START: Final = "0" * 32
SNAPSHOTS_KEPT: Final = 2  # the newest, and one to fall back to
_CHAIN_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to one engine's log."""

    engine: str
    holder: str  # who: a name that differs from process to process, and says where to look
    token: int  # grows with every acquisition
    position: int  # the end of the log when the lease was acquired
    ttl_ns: int  # lapses so long after its last use, unless renewed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine's state before the event at `position`, as JSON text; an unsound one must not be used."""

    position: int
    body: str
    is_sound: bool


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """One line about an execution, for people. Instants that have not come are -1."""

    execution_id: str
    workflow: str
    state: str
    submitted_ns: int
    started_ns: int = -1
    ended_ns: int = -1
    reason: str = ""  # why it failed


@dataclass(frozen=True, slots=True)
class EngineSummary:
    """One line about an engine's log, for people."""

    engine: str
    holder: str  # empty: nobody
    first_position: int  # events before it have been dropped
    position: int


class ExecutionStore(Protocol):
    """Where engines' logs live. Every method may raise a `StoreError`; each says what is safe to do next."""

    def acquire(self, engine: str, holder: str, ttl_ns: int) -> Lease:
        """Take the lease of an engine's log, which need not exist yet; raises `LeaseHeld`.

        A lease that has lapsed, or is held under the same `holder`, is taken over.
        """
        ...

    def renew(self, lease: Lease) -> None:
        """Put the end of the lease off; `append` does so by itself. Raises `LeaseLost`."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; raises `LeaseLost`."""
        ...

    def append(
        self,
        lease: Lease,
        position: int,
        entries: Sequence[Entry],
        executions: Sequence[ExecutionSummary] = (),
    ) -> None:
        """Store events, and what people may read of the executions they moved; durable on return.

        Raises `LeaseLost` and `NotTheEnd`; then nothing was stored.
        """
        ...

    def events(self, engine: str, from_position: int = 0) -> Iterator[Entry]:
        """Yield the events from a position on, in order; raises `HistoryError` naming the first bad one."""
        ...

    def save_snapshot(self, lease: Lease, position: int, body: str) -> None:
        """Keep the state at `position`, and of the older snapshots the newest one; raises `LeaseLost`."""
        ...

    def snapshots(self, engine: str) -> Iterator[Snapshot]:
        """Yield the snapshots kept, the newest first."""
        ...

    def drop_before(self, lease: Lease, position: int) -> int:
        """Drop events and snapshots before `position`, at which there must be a snapshot; return the count.

        Raises `LeaseLost`, and `NotTheEnd` where no snapshot would be left to start from.
        """
        ...

    def forget_executions(self, lease: Lease, ended_before_ns: int) -> int:
        """Drop the summaries of executions that ended before an instant; return the count."""
        ...

    def executions(self, engine: str, state: str = "", count_max: int = 100) -> list[ExecutionSummary]:
        """Return summaries, the last submitted first; with `state`, of those in that state."""
        ...

    def engines(self) -> list[EngineSummary]:
        """Return what logs there are, by name."""
        ...

    def close(self) -> None:
        """Let go of files and connections. Leases stay: release them first."""
        ...


def write_entry(entry: Entry) -> str:
    """Return an event as the line that is stored: canonical JSON; raises `HistoryError` where it is none."""
    now, event = entry
    row = event_to_json(event)
    row["at"] = now
    row["v"] = HISTORY_VERSION
    try:
        return encode(row)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"{type(event).__name__} at {now} ns cannot be written as JSON: {error}"
        raise HistoryError(message) from error


def chain(previous: str, line: str) -> str:
    """Return the link of `line` after `previous`."""
    return hashlib.sha256(f"{previous}{line}".encode()).hexdigest()[:_CHAIN_LENGTH]


def read_entries(
    engine: str, rows: Iterable[tuple[int, str, str]], position: int, previous: str, end: tuple[int, str]
) -> Iterator[Entry]:
    """Check and decode stored (position, line, chain), from `position` to the log's `end` with its chain."""
    for found, line, link in rows:
        if found != position:
            raise HistoryError(_bad(engine, position, f"missing; the next stored is {found}"))
        previous = chain(previous, line)
        if link != previous:
            raise HistoryError(_bad(engine, position, "altered, or it does not follow the one before it"))
        yield _read(engine, position, line)
        position += 1
    if position != end[0]:
        raise HistoryError(_bad(engine, position, f"missing; there should be {end[0]}: the end was cut"))
    if previous != end[1]:
        raise HistoryError(_bad(engine, position - 1, "not the one that the log was closed with"))


def summary_of(execution: ExecutionFacts) -> ExecutionSummary:
    """Return what people may read of an execution."""
    return ExecutionSummary(
        execution_id=execution.execution_id,
        workflow=execution.workflow,
        state=execution.state.value,
        submitted_ns=execution.submitted_ns,
        started_ns=execution.started_ns,
        ended_ns=execution.ended_ns,
        reason=execution.failure.reason if execution.failure else "",
    )


def _read(engine: str, position: int, line: str) -> Entry:
    try:
        row: dict[str, Any] = json.loads(line)
        now, version = int(row.pop("at")), int(row.pop("v"))
        return now, event_from_json(row, version)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HistoryError(_bad(engine, position, f"not an event: {error}")) from error
    except HistoryError as error:
        raise HistoryError(_bad(engine, position, str(error))) from error


def _bad(engine: str, position: int, what: str) -> str:
    return (
        f"event {position} of engine {engine!r}: {what}. The events before it are sound, and nothing was "
        "changed: keep a copy of the store, and go on from a backup that holds this event"
    )
