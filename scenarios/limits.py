"""The limit of a target: a number whose unit is that of its metric."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, WithJsonSchema

from scenarios.fields import with_units
from scenarios.metrics import Metric
from scenarios.units import (
    DURATION_EXPECTED,
    RATIO_EXPECTED,
    SECOND_NS,
    UnitError,
    format_duration,
    format_ratio,
    parse_duration,
    parse_ratio,
    seconds,
)

Shape = Literal["duration", "percentage", "number"]


class Limit(float):
    """A limit as a number: seconds for a duration, a share for a percentage; `shape` is how it is written."""

    shape: Shape

    def __new__(cls, value: float, shape: Shape) -> Self:
        """Make a number that remembers how it is written."""
        limit = super().__new__(cls, value)
        limit.shape = shape
        return limit

    def __reduce__(self) -> tuple[type[Self], tuple[float, Shape]]:
        """Return what a copy is made from."""
        return type(self), (float(self), self.shape)

    def __str__(self) -> str:
        """Return the limit as a file writes it."""
        return str(format_limit(self))


def parse_limit(value: object) -> Limit:
    """Return what a file says: a duration, a percentage or a number."""
    if isinstance(value, Limit):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnitError(
            f"{value!r} is not a limit", "a duration such as 30s, a percentage such as 95%, or a number"
        )
    if not isinstance(value, str):
        return Limit(value, "number")
    if value.endswith("%"):
        return Limit(parse_ratio(value), "percentage")
    return Limit(seconds(parse_duration(value)), "duration")


def format_limit(limit: Limit) -> str | float:
    """Return the file form."""
    if limit.shape == "duration":
        return format_duration(round(float(limit) * SECOND_NS))
    if limit.shape == "percentage":
        return format_ratio(float(limit))
    return int(limit) if limit.is_integer() else float(limit)


def unit_mismatch(limit: Limit, metric: Metric) -> UnitError | None:
    """Return what is wrong with `limit` as a limit of `metric`, if anything."""
    if metric.unit == "s":
        if limit.shape == "number":
            hint = f"write {float(limit):g}s for seconds or {float(limit):g}ms for milliseconds"
            return UnitError(f"bare number {float(limit):g} for a duration", DURATION_EXPECTED, hint)
        return (
            None if limit.shape == "duration" else UnitError(f"{limit} for {metric.name}", DURATION_EXPECTED)
        )
    if metric.unit == "ratio":
        if limit.shape == "number" and not 0 <= float(limit) <= 1:
            return UnitError(f"{limit} lies outside 0 to 100%", RATIO_EXPECTED, f"write {float(limit):g}%")
        return UnitError(f"{limit} for {metric.name}", RATIO_EXPECTED) if limit.shape == "duration" else None
    per = {"1/s": " a second", "1/min": " a minute"}.get(metric.unit, "")
    return (
        None
        if limit.shape == "number"
        else UnitError(f"{limit} for {metric.name}", f"a number{per}, without a unit")
    )


_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": r"^(\d+(\.\d+)?\s?%|(\d+(\.\d+)?(ns|us|ms|s|m|h|d))+)$"},
    ],
    "description": "a duration such as 30s, a percentage such as 95%, or a number, as the metric asks",
}
LimitField = Annotated[
    InstanceOf[Limit],
    BeforeValidator(with_units(parse_limit)),
    PlainSerializer(format_limit, return_type=Any),
    WithJsonSchema(_SCHEMA),
]
