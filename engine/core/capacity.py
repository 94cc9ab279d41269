"""What the cluster can still hold, as far as the engine was told, and what it has promised of it.

A step's `demand` is promised to its attempt from the instant it is let through until it ends. What the
cluster has taken since shows in the next report as less that is free; so much of the promises, the oldest
first, is then fulfilled and is not subtracted twice. Until the first report everything fits.

Nobody starves: when no attempt with a demand is under way, whoever is first goes, whatever is free; and
nobody with a demand passes those who wait. Attempts end, if only by their timeout; so the first always goes.
"""

from collections.abc import Mapping
from typing import Final

RESOURCES: Final = ("cpu_m", "memory_b", "pods")
PromiseKey = tuple[str, str]  # execution id, step id


class Capacity:
    """Free capacity and promises."""

    __slots__ = ("_free", "_promised", "_promises")

    def __init__(self) -> None:
        """Know nothing and promise nothing."""
        self._free: dict[str, int] | None = None
        self._promises: dict[PromiseKey, dict[str, int]] = {}  # what is left of each, the oldest first
        self._promised = dict.fromkeys(RESOURCES, 0)  # the sums over all of them

    def report(self, free: Mapping[str, int]) -> None:
        """Take in what the cluster has free; a resource that is not named is without bound."""
        known = {name: free[name] for name in RESOURCES if name in free}
        if self._free is not None:
            for name, amount in known.items():
                self._fulfil(name, self._free.get(name, amount) - amount)
        self._free = known

    def fits(self, demand: Mapping[str, int]) -> bool:
        """Tell whether a demand fits into what is free and not promised, or no promise is open."""
        free = self._free
        if free is None or not self._promises:
            return True
        promised = self._promised
        return all(
            wanted <= free[name] - promised[name]
            for name, wanted in demand.items()
            if wanted and name in free
        )

    def promise(self, key: PromiseKey, demand: Mapping[str, int]) -> None:
        """Set capacity aside for an attempt."""
        self._promises[key] = promise = {name: demand[name] for name in RESOURCES if demand.get(name)}
        for name, amount in promise.items():
            self._promised[name] += amount

    def drop(self, key: PromiseKey) -> None:
        """Drop the promise to an attempt that has ended, where there is one."""
        promise = self._promises.pop(key, None)
        if promise is not None:
            for name, amount in promise.items():
                self._promised[name] -= amount

    def has_promised(self, key: PromiseKey) -> bool:
        """Tell whether an attempt has a promise."""
        return key in self._promises

    def promised(self) -> Mapping[str, int]:
        """Return what is promised and not fulfilled, over all attempts."""
        return self._promised

    @property
    def promises_count(self) -> int:
        """How many attempts have a promise, fulfilled or not."""
        return len(self._promises)

    def _fulfil(self, name: str, taken: int) -> None:
        for promise in self._promises.values():
            if taken <= 0:
                return
            fulfilled = min(taken, promise.get(name, 0))
            if fulfilled:
                promise[name] -= fulfilled
                self._promised[name] -= fulfilled
                taken -= fulfilled
