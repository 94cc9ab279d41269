"""Random numbers keyed by what they are for, not by the order in which they are drawn.

A value is a pure function of (root seed, replication, stream name, entity key, ordinal). The same pod takes
the same time to start whichever order the engine chose, so two settings compared under one seed differ only
by the change (common random numbers).

The generator is the finaliser of splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
generators", OOPSLA 2014) over the key; a uniform is its upper 53 bits, moved off the ends of the interval.
Distributions are sampled by inversion, so a longer quantile is a larger value under every setting.
"""

import hashlib
import math
import statistics
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_NANOSECONDS = 1e9
_UNIT = 1.0 / (1 << 53)

# What `NormalDist.inv_cdf` calls, without the call around it: a request in the model draws one value.
_inverse_normal: Final[Callable[[float, float, float], float]] = getattr(  # noqa: B009 - not declared
    statistics, "_normal_dist_inv_cdf"
)

Sampler = Callable[[float], int]
"""A uniform in (0, 1) to a duration in nanoseconds."""


@lru_cache(maxsize=1 << 16)
def entity(name: str) -> int:
    """Return the 64-bit key of a named thing (owner plus ordinal, never a counter of creation order)."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


class Stream:
    """One named use of randomness."""

    __slots__ = ("_base",)

    def __init__(self, base: int) -> None:
        """Start from a 64-bit base, which `Streams` derives from seed, replication and name."""
        self._base = base

    def uniform(self, key: int, ordinal: int = 0) -> float:
        """Return the value in the open interval (0, 1) that belongs to `key` and `ordinal`."""
        # The finaliser of splitmix64, written out: this is the model's hottest arithmetic.
        value = ((self._base ^ key) + (ordinal + 1) * _GOLDEN) & _MASK
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
        return (((value ^ (value >> 31)) >> 11) + 0.5) * _UNIT

    def sampled(self, sampler: Sampler) -> Callable[[int], int]:
        """Return what gives `sampler(self.uniform(key))` for a key in one call: requests ask very often."""
        if isinstance(sampler, Constant):
            return lambda _key: sampler.ns
        base = self._base
        if isinstance(sampler, Lognormal):
            inverse, mean, sigma, exp = _inverse_normal, sampler.mean, sampler.sigma, math.exp

            def lognormal(key: int) -> int:
                value = ((base ^ key) + _GOLDEN) & _MASK
                value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
                value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
                return round(exp(inverse((((value ^ (value >> 31)) >> 11) + 0.5) * _UNIT, mean, sigma)))

            return lognormal

        def sample(key: int) -> int:
            value = ((base ^ key) + _GOLDEN) & _MASK
            value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
            return sampler((((value ^ (value >> 31)) >> 11) + 0.5) * _UNIT)

        return sample


class Streams:
    """All streams of one run."""

    def __init__(self, seed: int, replication: int) -> None:
        """Derive everything from the root seed and the replication."""
        self._root = f"{seed}/{replication}/"

    def stream(self, name: str) -> Stream:
        """Return the stream of that name; the same name gives the same stream."""
        return Stream(entity(self._root + name))


class Constant:
    """The sampler of a duration that is always the same: whoever knows need not draw."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        """Return `ns` whatever is drawn."""
        self.ns = ns

    def __call__(self, _uniform: float) -> int:
        """Return the duration."""
        return self.ns


class Lognormal:
    """The sampler of a lognormal duration."""

    __slots__ = ("mean", "sigma")

    def __init__(self, median_ns: float, sigma: float) -> None:
        """Give the median, and the standard deviation of the logarithm."""
        self.mean = math.log(median_ns)
        self.sigma = sigma

    def __call__(self, uniform: float) -> int:
        """Return the duration at a quantile."""
        return round(math.exp(_inverse_normal(uniform, self.mean, self.sigma)))


def sampler(distribution: Mapping[str, Any], scale: float = 1.0) -> Sampler:
    """Return the inverse of a distribution given as in a RunSpec, in nanoseconds, times `scale`."""
    unit = _NANOSECONDS * scale
    match distribution["dist"]:
        case "constant":
            return Constant(round(distribution["value_s"] * unit))
        case "uniform":
            low, width = distribution["low_s"] * unit, (distribution["high_s"] - distribution["low_s"]) * unit
            return lambda uniform: round(low + width * uniform)
        case "exponential":
            mean = -distribution["mean_s"] * unit
            return lambda uniform: round(mean * math.log(uniform))
        case "lognormal":
            return Lognormal(distribution["median_s"] * unit, distribution["sigma"])
        case "empirical":
            values = [round(value_s * unit) for value_s in distribution["values_s"]]
            count = len(values)
            return lambda uniform: values[int(uniform * count)]
        case other:
            message = f"unknown distribution {other!r}"
            raise ValueError(message)
