"""What an exhibit keeps of a run that was computed with detail: a few executions whole, and the queues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

STATIONS_MAX: Final = 24  # the ones that are waited for longest; a cluster may have thousands of kubelets
_OF_AN_EXECUTION = ("execution", "step", "attempt", "effect")


@dataclass(frozen=True)
class Shown:
    """What to keep of one run."""

    executions: tuple[str, ...]
    queues: bool = False  # the samples of its busiest stations too


def excerpt(rows: Sequence[Mapping[str, Any]], shown: Shown) -> list[Mapping[str, Any]]:
    """Return the rows to keep, in their order; the run row stays in front."""
    stations = busiest(rows) if shown.queues else ()
    return [
        row
        for row in rows
        if row["type"] == "run"
        or (row["type"] in _OF_AN_EXECUTION and row["execution"] in shown.executions)
        or (row["type"] == "sample" and row["station"] in stations)
    ]


def busiest(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the stations at which anybody waited, longest total wait first; ties by name."""
    waits: dict[str, int] = {}
    for row in rows:
        if row["type"] == "sample" and row["wait_ns"]:
            waits[row["station"]] = max(row["wait_ns"], waits.get(row["station"], 0))
    return tuple(sorted(waits, key=lambda name: (-waits[name], name))[:STATIONS_MAX])
