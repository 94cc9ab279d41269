"""The faults that happened, by point and fault of the scenario: what they hit, how long all was not whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.core.records import FaultRow
from reports.columns import SECOND_NS, PointRuns
from reports.formats import ABSENT, number

_NAMED_MAX = 3


@dataclass(frozen=True)
class Incident:
    """One fault of the scenario at one point, over its replications. Times are means, in seconds."""

    index: int  # of the scenario's faults
    fault: str
    targets: tuple[str, ...]  # of all times, in order of the first
    times: int  # that it happened
    n: int  # replications in which it did
    began_s: float  # the first time
    lasted_s: float | None  # None: some never ended
    restored_s: float | None  # from its beginning; None: some never were
    whole_s: float | None
    not_restored: int
    not_whole: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "fault": self.fault,
            "index": self.index,
            "targets": list(self.targets),
            "times": self.times,
            "runs": self.n,
            "began_s": self.began_s,
            "lasted_s": self.lasted_s,
            "restored_s": self.restored_s,
            "whole_s": self.whole_s,
            "not_restored": self.not_restored,
            "not_whole": self.not_whole,
        }

    @property
    def targets_text(self) -> str:
        """What it hit, the first few."""
        more = f" and {len(self.targets) - _NAMED_MAX} more" if len(self.targets) > _NAMED_MAX else ""
        return ", ".join(self.targets[:_NAMED_MAX]) + more

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table, in the order of HEADS."""
        return (
            self.fault,
            self.targets_text,
            number(self.began_s),
            "never ended" if self.lasted_s is None else number(self.lasted_s),
            _awaited(self.restored_s, self.not_restored, self.times),
            _awaited(self.whole_s, self.not_whole, self.times),
            f"{self.times} in {self.n}",
        )


HEADS = ("fault", "hit", "began, s", "lasted, s", "pods back after, s", "whole after, s", "times in runs")


def incidents_of(point: PointRuns) -> tuple[Incident, ...]:
    """Return the faults of a point in the scenario's order."""
    rows: dict[int, list[FaultRow]] = {}
    runs: dict[int, dict[int, float]] = {}  # fault -> replication -> when it first began
    for item in point.replications:
        for row in item.incidents:
            rows.setdefault(row["index"], []).append(row)
            runs.setdefault(row["index"], {}).setdefault(item.number, row["began_ns"] / SECOND_NS)
    return tuple(_incident(index, rows[index], runs[index]) for index in sorted(rows))


def _incident(index: int, rows: list[FaultRow], runs: Mapping[int, float]) -> Incident:
    ended = [row["ended_ns"] - row["began_ns"] for row in rows if row["ended_ns"] >= 0]
    restored = [row["restored_ns"] - row["began_ns"] for row in rows if row["restored_ns"] >= 0]
    whole = [row["whole_ns"] - row["began_ns"] for row in rows if row["whole_ns"] >= 0]
    return Incident(
        index=index,
        fault=rows[0]["fault"],
        targets=tuple(dict.fromkeys(target for row in rows for target in row["targets"])),
        times=len(rows),
        n=len(runs),
        began_s=sum(runs.values()) / len(runs),
        lasted_s=_mean(ended) if len(ended) == len(rows) else None,
        restored_s=_mean(restored),
        whole_s=_mean(whole),
        not_restored=len(rows) - len(restored),
        not_whole=len(rows) - len(whole),
    )


def _mean(durations_ns: list[int]) -> float | None:
    return sum(durations_ns) / len(durations_ns) / SECOND_NS if durations_ns else None


def _awaited(mean_s: float | None, missing: int, times: int) -> str:
    if mean_s is None:
        return "not by the end" if missing else ABSENT
    return number(mean_s) + (f" ({missing} of {times} not)" if missing else "")
