"""What a container uses of CPU and memory over time, as declared: millicores and bytes."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

SECOND_NS = 1_000_000_000


class Curve:
    """A use over time, between points: `at` counts from where its use begins."""

    __slots__ = ("_at", "_sizes")

    def __init__(self, points: Sequence[Sequence[float]]) -> None:
        """Take [seconds, size] pairs in order of time, the first at 0."""
        self._at = [round(at * SECOND_NS) for at, _ in points]
        self._sizes = [int(size) for _, size in points]

    def step(self, at_ns: int) -> int:
        """Return the size of the last point up to an instant: CPU is used at one rate until the next."""
        return self._sizes[max(0, bisect_right(self._at, at_ns) - 1)]

    def changes_after(self, at_ns: int) -> int | None:
        """Return the next instant at which the step changes, if any."""
        index = bisect_right(self._at, at_ns)
        return self._at[index] if index < len(self._at) else None

    def line(self, at_ns: int) -> int:
        """Return the size between two points: memory grows and shrinks evenly."""
        index = bisect_right(self._at, at_ns)
        if index == 0 or index == len(self._at):
            return self._sizes[max(0, index - 1)]
        begin, end = self._at[index - 1], self._at[index]
        low, high = self._sizes[index - 1], self._sizes[index]
        return low + (high - low) * (at_ns - begin) // (end - begin)

    def reaches(self, size: int) -> int | None:
        """Return the first instant at which the line is at or above `size`, if ever."""
        if self._sizes[0] >= size:
            return 0
        for index in range(1, len(self._at)):
            low, high = self._sizes[index - 1], self._sizes[index]
            if high >= size:
                begin, end = self._at[index - 1], self._at[index]
                return begin - (begin - end) * (size - low) // (high - low)
        return None


class CpuDeclared:
    """A workload's use of CPU."""

    __slots__ = ("curve", "shared", "startup_m")

    def __init__(self, declared: Mapping[str, Any]) -> None:
        """Read what a RunSpec carries."""
        self.curve = Curve(declared["points"])
        self.shared = declared["of"] == "workload"  # by the workload's ready pods, reckoned from time 0
        self.startup_m: int | None = declared.get("startup_m")
