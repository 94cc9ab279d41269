"""The store in a SQL database: SQLite or PostgreSQL, by one set of statements."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from engine.core.errors import HistoryError, LeaseHeld, LeaseLost, NotTheEnd
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
from engine.stores.database import Database, Transaction, as_text, migrate

_ROWS_AT_ONCE: Final = 1_000
_ENGINE: Final = "SELECT token, holder, expires_ns, first_position, first_chain, position, chain FROM engines"
_INSERT: Final = "INSERT INTO events (engine, position, line, chain) VALUES (?, ?, ?, ?)"
_UPSERT: Final = (
    "INSERT INTO executions (engine, execution, workflow, state, submitted_ns, started_ns, ended_ns, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (engine, execution) DO UPDATE SET state = excluded.state,"
    " started_ns = excluded.started_ns, ended_ns = excluded.ended_ns, reason = excluded.reason"
)


class SqlStore:
    """The contract of `ExecutionStore` on a database. One thread at a time."""

    def __init__(self, database: Database) -> None:
        """Bring the database's schema up to date."""
        self.database = database
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise

    # -- leases

    def acquire(self, engine: str, holder: str, ttl_ns: int) -> Lease:
        """Take the lease of an engine's log."""
        words.check_holder(holder, ttl_ns)
        name, holder = as_text(engine), as_text(holder)
        with self.database.transaction() as transaction:
            now = transaction.now_ns()
            transaction.run(
                "INSERT INTO engines (name, token, holder, expires_ns, first_position, first_chain, position,"
                " chain) VALUES (?, 0, '', 0, 0, ?, 0, ?) ON CONFLICT (name) DO NOTHING",
                (name, CHAIN_START, CHAIN_START),
            )
            taken = transaction.run(
                "UPDATE engines SET token = token + 1, holder = ?, expires_ns = ?"
                " WHERE name = ? AND (holder = '' OR holder = ? OR expires_ns <= ?)",
                (holder, now + ttl_ns, name, holder, now),
            )
            row = transaction.rows(f"{_ENGINE} WHERE name = ?", (name,))[0]
            if not taken:
                raise LeaseHeld(words.held(engine, row[1], row[2] - now))
        return Lease(engine, holder, row[0], row[5], ttl_ns)

    def renew(self, lease: Lease) -> None:
        """Put the end of the lease off."""
        with self.database.transaction() as transaction:
            self._keep(transaction, lease)

    def release(self, lease: Lease) -> None:
        """Give the lease back."""
        with self.database.transaction() as transaction:
            self._keep(transaction, lease)
            transaction.run("UPDATE engines SET holder = '' WHERE name = ?", (as_text(lease.engine),))

    def _keep(self, transaction: Transaction, lease: Lease) -> None:
        """Hold the engine's row until the transaction ends, if the lease is good, and put its end off."""
        name = as_text(lease.engine)
        kept = transaction.run(
            "UPDATE engines SET expires_ns = ? WHERE name = ? AND token = ? AND holder = ?",
            (transaction.now_ns() + lease.ttl_ns, name, lease.token, lease.holder),
        )
        if not kept:
            found = transaction.rows(f"{_ENGINE} WHERE name = ?", (name,))
            raise LeaseLost(words.lost(lease, found[0][1] if found else ""))

    # -- events

    def append(
        self,
        lease: Lease,
        position: int,
        entries: Sequence[Entry],
        executions: Sequence[ExecutionSummary] = (),
    ) -> None:
        """Store events and summaries in one transaction."""
        lines = [write_entry(entry) for entry in entries]
        name = as_text(lease.engine)
        with self.database.transaction() as transaction:
            self._keep(transaction, lease)
            end, link = transaction.rows("SELECT position, chain FROM engines WHERE name = ?", (name,))[0]
            if position != end:
                raise NotTheEnd(words.not_the_end(lease.engine, position, end))
            rows: list[tuple[Any, ...]] = []
            for number, line in enumerate(lines, position):
                link = chain(link, line)
                rows.append((name, number, line, link))
            transaction.run_many(_INSERT, rows)
            if executions:
                transaction.run_many(_UPSERT, [_summary_row(name, execution) for execution in executions])
            transaction.run(
                "UPDATE engines SET position = ?, chain = ? WHERE name = ?",
                (position + len(rows), link, name),
            )

    def events(self, engine: str, from_position: int = 0) -> Iterator[Entry]:
        """Yield the events from a position on, as far as they go now."""
        name = as_text(engine)
        with self.database.reading() as transaction:
            found = transaction.rows(f"{_ENGINE} WHERE name = ?", (name,))
            first, previous, end, end_chain = found[0][3:7] if found else (0, CHAIN_START, 0, CHAIN_START)
            words.check_start(engine, from_position, first, end)
            if from_position > first:
                before = transaction.rows(
                    "SELECT chain FROM events WHERE engine = ? AND position = ?", (name, from_position - 1)
                )
                if not before:
                    message = f"event {from_position - 1} of engine {engine!r}: missing. Restore a backup"
                    raise HistoryError(message)
                previous = before[0][0]
        rows = self._rows(name, from_position, end)
        return read_entries(engine, rows, from_position, previous, (end, end_chain))

    def _rows(self, name: str, position: int, end: int) -> Iterator[tuple[int, str, str]]:
        while position < end:
            with self.database.reading() as transaction:
                rows = transaction.rows(
                    "SELECT position, line, chain FROM events WHERE engine = ? AND position >= ?"
                    " AND position < ? ORDER BY position LIMIT ?",
                    (name, position, end, _ROWS_AT_ONCE),
                )
            if not rows:
                return
            yield from ((number, str(line), str(link)) for number, line, link in rows)
            position = rows[-1][0] + 1

    # -- snapshots

    def save_snapshot(self, lease: Lease, position: int, body: str) -> None:
        """Keep the state at a position."""
        name = as_text(lease.engine)
        with self.database.transaction() as transaction:
            self._keep(transaction, lease)
            first, end = transaction.rows(
                "SELECT first_position, position FROM engines WHERE name = ?", (name,)
            )[0]
            words.check_start(lease.engine, position, first, end)
            transaction.run(
                "INSERT INTO snapshots (engine, position, body, digest) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (engine, position) DO UPDATE SET body = excluded.body,"
                " digest = excluded.digest",
                (name, position, body, _digest(body)),
            )
            transaction.run(
                "DELETE FROM snapshots WHERE engine = ? AND position NOT IN (SELECT position FROM snapshots"
                " WHERE engine = ? ORDER BY position DESC LIMIT ?)",
                (name, name, SNAPSHOTS_KEPT),
            )

    def snapshots(self, engine: str) -> Iterator[Snapshot]:
        """Yield the snapshots kept, the newest first."""
        name = as_text(engine)
        with self.database.reading() as transaction:
            query = "SELECT position FROM snapshots WHERE engine = ? ORDER BY position DESC"
            positions = [row[0] for row in transaction.rows(query, (name,))]
        for position in positions:
            with self.database.reading() as transaction:
                query = "SELECT body, digest FROM snapshots WHERE engine = ? AND position = ?"
                found = transaction.rows(query, (name, position))
            for body, digest in found:
                yield Snapshot(position, str(body), is_sound=_digest(str(body)) == digest)

    # -- retention

    def drop_before(self, lease: Lease, position: int) -> int:
        """Drop events and snapshots before a position."""
        name = as_text(lease.engine)
        with self.database.transaction() as transaction:
            self._keep(transaction, lease)
            kept = "SELECT 1 FROM snapshots WHERE engine = ? AND position = ?"
            if not transaction.rows(kept, (name, position)):
                raise NotTheEnd(words.no_snapshot(lease.engine, position))
            last = "SELECT chain FROM events WHERE engine = ? AND position = ?"
            for (link,) in transaction.rows(last, (name, position - 1)):
                transaction.run(
                    "UPDATE engines SET first_position = ?, first_chain = ? WHERE name = ?",
                    (position, link, name),
                )
            transaction.run("DELETE FROM snapshots WHERE engine = ? AND position < ?", (name, position))
            return transaction.run("DELETE FROM events WHERE engine = ? AND position < ?", (name, position))

    def forget_executions(self, lease: Lease, ended_before_ns: int) -> int:
        """Drop the summaries of executions that ended before an instant."""
        with self.database.transaction() as transaction:
            self._keep(transaction, lease)
            return transaction.run(
                "DELETE FROM executions WHERE engine = ? AND ended_ns >= 0 AND ended_ns < ?",
                (as_text(lease.engine), ended_before_ns),
            )

    # -- for people

    def executions(self, engine: str, state: str = "", count_max: int = 100) -> list[ExecutionSummary]:
        """Return summaries, the last submitted first."""
        with self.database.reading() as transaction:
            rows = transaction.rows(
                "SELECT execution, workflow, state, submitted_ns, started_ns, ended_ns, reason"
                " FROM executions WHERE engine = ? AND (? = '' OR state = ?)"
                " ORDER BY submitted_ns DESC, execution LIMIT ?",
                (as_text(engine), state, state, count_max),
            )
        return [ExecutionSummary(*row) for row in rows]

    def engines(self) -> list[EngineSummary]:
        """Return what logs there are."""
        with self.database.reading() as transaction:
            rows = transaction.rows(
                "SELECT name, holder, first_position, position FROM engines ORDER BY name"
            )
        return [EngineSummary(*row) for row in rows]

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def _summary_row(name: str, execution: ExecutionSummary) -> tuple[Any, ...]:
    return (
        name,
        as_text(execution.execution_id),
        as_text(execution.workflow),
        execution.state,
        execution.submitted_ns,
        execution.started_ns,
        execution.ended_ns,
        as_text(execution.reason),
    )


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
