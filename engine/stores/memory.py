"""A store that lives and dies with the process: for simulations and tests."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from engine.core.errors import LeaseHeld, LeaseLost, NotTheEnd
from engine.core.store import (
    CHAIN_START,
    SNAPSHOTS_KEPT,
    EngineSummary,
    Entry,
    ExecutionSummary,
    Lease,
    Snapshot,
    chain,
    read_entries,
    write_entry,
)
from engine.stores import words


@dataclass(slots=True)
class _Log:
    token: int = 0
    holder: str = ""
    expires_ns: int = 0
    first_position: int = 0
    first_chain: str = CHAIN_START
    end_chain: str = CHAIN_START
    rows: list[tuple[int, str, str]] = field(default_factory=list)  # position, line, chain
    snapshots: dict[int, str] = field(default_factory=dict)
    executions: dict[str, ExecutionSummary] = field(default_factory=dict)

    @property
    def position(self) -> int:
        return self.first_position + len(self.rows)


class MemoryStore:
    """The contract of `ExecutionStore`, kept in lists. One thread at a time."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        """Start empty; `clock` tells when leases lapse."""
        self._clock = clock
        self._logs: dict[str, _Log] = {}

    def acquire(self, engine: str, holder: str, ttl_ns: int) -> Lease:
        """Take the lease of an engine's log."""
        words.check_holder(holder, ttl_ns)
        log = self._logs.setdefault(engine, _Log())
        now = self._clock()
        if log.holder not in ("", holder) and log.expires_ns > now:
            raise LeaseHeld(words.held(engine, log.holder, log.expires_ns - now))
        log.token += 1
        log.holder, log.expires_ns = holder, now + ttl_ns
        return Lease(engine, holder, log.token, log.position, ttl_ns)

    def renew(self, lease: Lease) -> None:
        """Put the end of the lease off."""
        self._held(lease).expires_ns = self._clock() + lease.ttl_ns

    def release(self, lease: Lease) -> None:
        """Give the lease back."""
        self._held(lease).holder = ""

    def append(
        self,
        lease: Lease,
        position: int,
        entries: Sequence[Entry],
        executions: Sequence[ExecutionSummary] = (),
    ) -> None:
        """Store events and summaries."""
        lines = [write_entry(entry) for entry in entries]
        log = self._held(lease)
        if position != log.position:
            raise NotTheEnd(words.not_the_end(lease.engine, position, log.position))
        for line in lines:
            log.end_chain = chain(log.end_chain, line)
            log.rows.append((log.position, line, log.end_chain))
        log.executions.update((execution.execution_id, execution) for execution in executions)
        log.expires_ns = self._clock() + lease.ttl_ns

    def events(self, engine: str, from_position: int = 0) -> Iterator[Entry]:
        """Yield the events from a position on."""
        log = self._logs.get(engine, _Log())
        words.check_start(engine, from_position, log.first_position, log.position)
        skipped = from_position - log.first_position
        previous = log.rows[skipped - 1][2] if skipped else log.first_chain
        end = (log.position, log.end_chain)
        return read_entries(engine, log.rows[skipped:], from_position, previous, end)

    def save_snapshot(self, lease: Lease, position: int, body: str) -> None:
        """Keep the state at a position."""
        log = self._held(lease)
        words.check_start(lease.engine, position, log.first_position, log.position)
        log.snapshots[position] = body
        for old in sorted(log.snapshots)[:-SNAPSHOTS_KEPT]:
            del log.snapshots[old]

    def snapshots(self, engine: str) -> Iterator[Snapshot]:
        """Yield the snapshots kept, the newest first."""
        log = self._logs.get(engine, _Log())
        for position in sorted(log.snapshots, reverse=True):
            yield Snapshot(position, log.snapshots[position], is_sound=True)

    def drop_before(self, lease: Lease, position: int) -> int:
        """Drop events and snapshots before a position."""
        log = self._held(lease)
        if position not in log.snapshots:
            raise NotTheEnd(words.no_snapshot(lease.engine, position))
        count = max(0, position - log.first_position)
        if count:
            log.first_chain = log.rows[count - 1][2]
            log.first_position = position
            del log.rows[:count]
        for old in [old for old in log.snapshots if old < position]:
            del log.snapshots[old]
        return count

    def forget_executions(self, lease: Lease, ended_before_ns: int) -> int:
        """Drop the summaries of executions that ended before an instant."""
        log = self._held(lease)
        old = [it.execution_id for it in log.executions.values() if 0 <= it.ended_ns < ended_before_ns]
        for execution_id in old:
            del log.executions[execution_id]
        return len(old)

    def executions(self, engine: str, state: str = "", count_max: int = 100) -> list[ExecutionSummary]:
        """Return summaries, the last submitted first."""
        log = self._logs.get(engine, _Log())
        found = [it for it in log.executions.values() if state in ("", it.state)]
        found.sort(key=lambda it: (-it.submitted_ns, it.execution_id))
        return found[:count_max]

    def engines(self) -> list[EngineSummary]:
        """Return what logs there are."""
        return [
            EngineSummary(name, log.holder, log.first_position, log.position)
            for name, log in sorted(self._logs.items())
        ]

    def close(self) -> None:
        """Nothing to let go of: another engine of this process may still use it."""

    def _held(self, lease: Lease) -> _Log:
        log = self._logs.get(lease.engine)
        if log is None or (log.token, log.holder) != (lease.token, lease.holder):
            raise LeaseLost(words.lost(lease, log.holder if log else ""))
        return log
