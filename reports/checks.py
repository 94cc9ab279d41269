"""Self-checks: what must hold in every run. One that fails makes every number worthless."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reports.columns import Replication, RunData

_TOLERANCE = 0.02
_LEAST_NS = 1_000_000  # what an event counted at the very end may add to one of the two


@dataclass(frozen=True)
class Check:
    """One self-check over all runs."""

    name: str
    words: str
    runs: int  # in which it could be made
    violations: int
    example: str = ""  # the first run that violates it

    @property
    def passed(self) -> bool:
        """Whether it holds; a check that could be made nowhere has not failed."""
        return self.violations == 0


def self_checks(run: RunData) -> tuple[Check, ...]:
    """Make every check in every run."""
    items = [item for point in run.points for item in point.replications]
    made = [_check(name, words, items, count) for name, words, count in _CHECKS]
    return (*made, *_invariants(items))


def _fault(*kinds: str) -> Callable[[Replication], int]:
    return lambda item: sum(item.faults[kind] for kind in kinds)


def _busy(item: Replication) -> int | None:
    servers = [row for row in item.stations.values() if row["seats"] > 0]
    return sum(row["busy_ns"] > row["seats"] * row["at_ns"] for row in servers) if servers else None


def _makespan(item: Replication) -> int | None:
    ended = item.executions.ended_ns
    if not item.whole or not len(ended):
        return None
    return int(int(ended.max()) - item.run["first_arrival_ns"] != item.run["makespan_ns"])


def _admission_waits(item: Replication) -> int | None:
    """The station counts its waits as they happen; the rows are written by the engine."""
    station = item.stations.get("engine.executions")
    rows = item.executions
    if station is None or not item.whole or station["arrivals_count"] != len(rows.ended_ns):
        return None
    waited = int((rows.admitted_ns - rows.submitted_ns).sum())
    return int(abs(station["wait_ns"] - waited) > _TOLERANCE * max(waited, 1))


def _little(item: Replication) -> int | None:
    """The waits are summed as they are known, the queue's lengths over time apart from them.

    Both are of the whole run up to its end, those who still wait included, so that no edge is left over.
    """
    rows = [row for row in item.stations.values() if "queue_ns" in row]
    return sum(_differ(row["wait_ns"], row["queue_ns"]) for row in rows) if rows else None


def _differ(wait_ns: int, queue_ns: int) -> bool:
    allowed = max(_TOLERANCE * max(wait_ns, queue_ns), _LEAST_NS)
    return min(wait_ns, queue_ns) < 0 or abs(wait_ns - queue_ns) > allowed


_CHECKS: tuple[tuple[str, str, Callable[[Replication], int | None]], ...] = (
    (
        "time is charged once",
        "the causes of every step and of every execution sum to its duration, to the nanosecond",
        _fault("execution causes", "step causes"),
    ),
    (
        "conservation",
        "submitted = completed + failed + unfinished, and each is in the records once",
        _fault("conservation"),
    ),
    ("unique ids", "no execution id occurs twice", _fault("duplicate ids")),
    ("no negative time", "nothing ends before it began", _fault("negative times")),
    ("makespan", "the makespan is the last end minus the first arrival in the rows", _makespan),
    ("utilisation", "no station was busy for longer than its seats have time", _busy),
    (
        "Little's law",
        "at every station the time integral of the queue length is the sum of the waits, within 2 %",
        _little,
    ),
    (
        "admission waits agree",
        "the wait that the admission station counted is the wait in the rows, within 2 %",
        _admission_waits,
    ),
)


def _check(
    name: str, words: str, items: list[Replication], count: Callable[[Replication], int | None]
) -> Check:
    found = [(item, violations) for item in items if (violations := count(item)) is not None]
    broken = [item for item, violations in found if violations]
    return Check(
        name=name,
        words=words,
        runs=len(found),
        violations=sum(violations for _, violations in found),
        example=broken[0].path.name if broken else "",
    )


def _invariants(items: list[Replication]) -> Iterable[Check]:
    names = sorted({name for item in items for name in item.run["checks"]})
    for name in names:

        def count(item: Replication, name: str = name) -> int | None:
            return item.run["checks"].get(name)

        yield _check(
            f"invariant {name}", "judged by the world in every run, apart from its model", items, count
        )
