"""Distributions of durations: how files write them, the JSON that a RunSpec carries, and their quantiles.

A file writes ``{dist: lognormal, median: 8s, sigma: 0.3}``, or only ``2ms`` for a constant. A RunSpec carries
``{"dist": "lognormal", "median_s": 8.0, "sigma": 0.3}``: seconds, with the unit in the name.
"""

from collections.abc import Callable, Mapping
from math import exp, log
from statistics import NormalDist
from typing import Any, Final

from scenarios import empirical
from scenarios.units import SECOND_NS, UnitError, format_duration, parse_duration, seconds

EXPECTED: Final = (
    "a duration such as 2ms, or one of {dist: constant, value: 2ms}, {dist: uniform, low: 1s, high: 3s}, "
    "{dist: exponential, mean: 2s}, {dist: lognormal, median: 8s, sigma: 0.3}, " + empirical.EXPECTED
)
_FIELDS: Final = {
    "constant": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "lognormal": ("median", "sigma"),
}
_SIGMA_MAX: Final = 5.0
_NORMAL: Final = NormalDist()
_BEFORE_ONE: Final = 1 - 2**-53  # the largest float below 1: an inverse at 1 is infinite
_AFTER_ZERO: Final = 2**-54


def parse_distribution(value: object) -> dict[str, Any]:
    """Return the JSON form of what a file says; `UnitError` if it says nothing sensible."""
    if not isinstance(value, dict):
        return {"dist": "constant", "value_s": seconds(parse_duration(value))}
    kind = value.get("dist")
    if kind == "empirical":
        return empirical.parse_empirical(value)
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise UnitError(f"{kind!r} is not a distribution", EXPECTED)
    fields = _FIELDS[kind]
    if set(value) != {"dist", *fields}:
        raise UnitError(
            f"a {kind} distribution has the keys {', '.join(map(str, value))}", f"dist, {', '.join(fields)}"
        )
    parsed: dict[str, Any] = {"dist": kind} | dict(_parsed_field(name, value[name]) for name in fields)
    if kind == "uniform" and parsed["low_s"] > parsed["high_s"]:
        raise UnitError("low is above high", "low <= high")
    if kind == "lognormal" and parsed["median_s"] <= 0:
        raise UnitError("a lognormal median of 0s", "a median above 0s")
    return parsed


def _parsed_field(name: str, value: object) -> tuple[str, float]:
    if name != "sigma":
        return f"{name}_s", seconds(parse_duration(value))
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _SIGMA_MAX:
        return name, float(value)
    raise UnitError(
        f"sigma {value!r}", f"a number from 0 to {_SIGMA_MAX:g} (of the logarithm, without a unit)"
    )


def format_distribution(distribution: Mapping[str, Any]) -> Any:
    """Return the file form of a JSON form; `parse_distribution` gives the same JSON back."""
    if distribution["dist"] == "constant":
        return _text(distribution["value_s"])
    if distribution["dist"] == "empirical":
        return {"dist": "empirical", "values": [_text(value_s) for value_s in distribution["values_s"]]}
    return {
        name.removesuffix("_s"): _text(value) if name.endswith("_s") else value
        for name, value in distribution.items()
    }


def _text(value_s: float) -> str:
    return format_duration(round(value_s * SECOND_NS))


def quantile(distribution: Mapping[str, Any], scale: float = 1.0) -> Callable[[float], int]:
    """Return the inverse of the distribution: a uniform number in [0, 1) -> nanoseconds, times `scale`."""
    unit = SECOND_NS * scale
    kind = distribution["dist"]
    if kind == "constant":
        constant = round(distribution["value_s"] * unit)
        return lambda _uniform: constant
    if kind == "uniform":
        low, high = distribution["low_s"] * unit, distribution["high_s"] * unit
        return lambda uniform: round(low + (high - low) * uniform)
    if kind == "empirical":
        values = [round(value_s * unit) for value_s in distribution["values_s"]]
        return lambda uniform: values[min(int(uniform * len(values)), len(values) - 1)]
    if kind == "exponential":
        mean = distribution["mean_s"] * unit
        return lambda uniform: round(-mean * log(1 - min(uniform, _BEFORE_ONE)))
    median, sigma, inverse = distribution["median_s"] * unit, distribution["sigma"], _NORMAL.inv_cdf
    return lambda uniform: round(median * exp(sigma * inverse(min(max(uniform, _AFTER_ZERO), _BEFORE_ONE))))


def mean_s(distribution: Mapping[str, Any]) -> float:
    """Return the expectation in seconds."""
    kind = distribution["dist"]
    if kind == "empirical":
        return float(sum(distribution["values_s"]) / len(distribution["values_s"]))
    if kind == "uniform":
        return float(distribution["low_s"] + distribution["high_s"]) / 2
    if kind == "lognormal":
        return float(distribution["median_s"]) * exp(float(distribution["sigma"]) ** 2 / 2)
    return float(distribution["value_s"] if kind == "constant" else distribution["mean_s"])
