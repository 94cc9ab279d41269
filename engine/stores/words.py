"""What every store says when it refuses, and the checks that need no store."""

from engine.core.errors import HistoryError, LeaseHeld
from engine.core.store import Lease


def check_holder(holder: str, ttl_ns: int) -> None:
    """Refuse a lease that nobody could hold."""
    if not holder or ttl_ns < 1:
        message = f"a lease needs a holder's name and a time to live, not {holder!r} and {ttl_ns} ns"
        raise LeaseHeld(message)


def check_start(engine: str, position: int, first: int, end: int) -> None:
    """Refuse a position that the log does not hold."""
    if not first <= position <= end:
        message = f"engine {engine!r} has events {first} to {end} (exclusive), not {position}"
        raise HistoryError(message)


def held(engine: str, holder: str, left_ns: int) -> str:
    """Say that another process holds the lease."""
    return (
        f"engine {engine!r} is run by {holder!r}, whose lease lapses in {left_ns / 1e9:.1f} s unless "
        "renewed: wait for that, or stop that process; nothing was changed"
    )


def lost(lease: Lease, holder: str) -> str:
    """Say that a lease is gone."""
    now = f"{holder!r} has taken it over" if holder else "it was released"
    return (
        f"{lease.holder!r} no longer holds the lease of engine {lease.engine!r}: {now}. Nothing of this was "
        "stored, so it must not act: stop this process; what was committed goes on where the lease is"
    )


def not_the_end(engine: str, position: int, end: int) -> str:
    """Say that events do not follow what is stored."""
    return (
        f"engine {engine!r} has {end} events stored, and event {position} does not follow them. Nothing was "
        "stored: recover from the store, whose state counts"
    )


def no_snapshot(engine: str, position: int) -> str:
    """Say that events may not be dropped."""
    return (
        f"engine {engine!r} has no snapshot at {position}: without one the events before it are still "
        "needed. Nothing was dropped: save a snapshot first"
    )
