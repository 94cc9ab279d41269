"""Instants as Kubernetes writes them: whole seconds, in RFC 3339."""

from datetime import datetime
from functools import lru_cache

SECOND_NS = 1_000_000_000


@lru_cache(maxsize=1 << 14)
def seconds_of(timestamp: str) -> int:
    """Return a timestamp such as ``2026-01-01T00:00:07Z`` in seconds; an empty one is long past."""
    return int(datetime.fromisoformat(timestamp).timestamp()) if timestamp else 0


def until(due_s: int, timestamp: str, now_ns: int) -> int:
    """Return the ns from the present, of which both forms are given, to the beginning of second `due_s`."""
    return (due_s - seconds_of(timestamp)) * SECOND_NS - now_ns % SECOND_NS
