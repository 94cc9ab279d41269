"""Time of steps by action: what it was charged to on critical paths, and how long slots were held."""

from collections.abc import Iterable, Mapping

from engine.core.records import StepRow


def critical_times(rows: Iterable[StepRow]) -> Mapping[str, Mapping[str, int]]:
    """Return, by action, what the steps on critical paths waited for: cause -> ns."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["critical"]:
            causes = found.setdefault(row["action"] or row["kind"], {})
            for cause, time in row["causes"].items():
                causes[cause] = causes.get(cause, 0) + time
    return found


def held_times(rows: Iterable[StepRow]) -> Mapping[str, int]:
    """Return, by action, how long steps had begun and not ended."""
    found: dict[str, int] = {}
    for row in rows:
        if 0 <= row["started_ns"] <= row["ended_ns"]:
            action = row["action"] or row["kind"]
            found[action] = found.get(action, 0) + row["ended_ns"] - row["started_ns"]
    return found
