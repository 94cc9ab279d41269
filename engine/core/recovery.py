"""From a store to an engine as of the last commit: the newest snapshot, and what happened after it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.errors import EngineError, HistoryError, StoreCorrupt
from engine.core.event_codec import HISTORY_VERSION
from engine.core.journal import NO_COMPANIONS, SNAPSHOT_EVERY, Companion, StoreJournal
from engine.core.limits import Limits
from engine.core.machine import WorkflowEngine
from engine.core.snapshot import restore_snapshot, take_snapshot
from engine.core.store import ExecutionStore, Lease


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a host goes on with. Its world's clock should not be behind `engine.now_ns`."""

    engine: WorkflowEngine
    journal: StoreJournal
    replayed_count: int  # events after the snapshot
    notes: tuple[str, ...]  # what was odd, for people


def recover(
    store: ExecutionStore,
    lease: Lease,
    limits: Limits | None = None,
    *,
    snapshot_every: int = SNAPSHOT_EVERY,
    keep_ended_ns: int | None = None,
    companions: Mapping[str, Companion] = NO_COMPANIONS,
) -> Recovered:
    """Rebuild the engine that `lease` is for; a log that does not exist yet gives a new engine.

    `limits` hold from here on (None: those it had). `companions`, new and empty, are given back what they
    knew; put their `note` on the host. Give the result to a `DurableHost`, and call its
    `take_up`. Executions that ended after the last snapshot are still known to the engine, as nobody can tell
    whether they were reported. Raises `HistoryError` and `StoreError`; the store is as it was then.
    """
    engine, start, notes = _from_snapshot(store, lease.engine, limits, companions)
    position = start or 0
    for now, event in store.events(lease.engine, position):
        try:
            commands = engine.handle(event, now)
        except EngineError as error:
            message = (
                f"event {position} of engine {lease.engine!r} ({type(event).__name__} at {now} ns) cannot "
                f"have happened: {error}. Nothing was changed: run the version that wrote it"
            )
            raise HistoryError(message) from error
        for companion in companions.values():
            companion.note(now, event, commands)
        position += 1
    wanted = limits or engine.limits
    is_other = wanted != engine.limits or engine.version != HISTORY_VERSION
    if is_other:
        engine = restore_snapshot(take_snapshot(engine) | {"version": HISTORY_VERSION}, wanted)
    is_fit = start is not None and not is_other and not notes
    journal = StoreJournal(
        store,
        lease,
        position,
        saved_position=start if is_fit else None,
        snapshot_every=snapshot_every,
        keep_ended_ns=keep_ended_ns,
        companions=companions,
    )
    if not is_fit:  # what follows must be replayed from here, under the limits of now
        journal.save(engine)
    return Recovered(engine, journal, position - (start or 0), tuple(notes))


def _from_snapshot(
    store: ExecutionStore, name: str, limits: Limits | None, companions: Mapping[str, Companion]
) -> tuple[WorkflowEngine, int | None, list[str]]:
    """Return the engine of the newest snapshot that is sound, its position or None, and notes."""
    notes: list[str] = []
    for snapshot in store.snapshots(name):
        where = f"the snapshot at event {snapshot.position} of engine {name!r}"
        if not snapshot.is_sound:
            notes.append(f"{where} is damaged; an older state was used")
            continue
        try:
            document = json.loads(snapshot.body)
            engine = restore_snapshot(document)
        except (HistoryError, ValueError) as error:
            notes.append(f"{where} cannot be read, and an older state was used: {error}")
            continue
        beside = document.get("companions", {})
        for known in [known for known in companions if known in beside]:
            companions[known].restore(beside[known])
        return engine, snapshot.position, notes
    if notes and not all(it.first_position == 0 for it in store.engines() if it.engine == name):
        message = f"{'; '.join(notes)}. There is no older one: nothing was changed, restore a backup"
        raise StoreCorrupt(message)
    return WorkflowEngine(limits or Limits()), None, notes
