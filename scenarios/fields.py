"""Field types of the schema: text with units in files, exact numbers in models, and back.

Every type says its own JSON Schema, so that an editor accepts exactly what the loader does.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from scenarios import distributions, units
from scenarios.units import UnitError

NAME_PATTERN: Final = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
UNLIMITED: Final = "unlimited"


class Model(BaseModel):
    """Root of the schema's models: unknown keys are refused, nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def custom_error(
    message: str, expected: str = "", hint: str = "", at: tuple[str | int, ...] = ()
) -> Exception:
    """Return the exception by which a validator says what it found, at a place below the model."""
    return PydanticCustomError(
        "headroom", "{message}", {"message": message, "expected": expected, "hint": hint, "at": at}
    )


def with_units(parse: Callable[[object], Any]) -> Callable[[object], Any]:
    """Return `parse` as a validator."""

    def validate(value: object) -> Any:
        try:
            return parse(value)
        except UnitError as error:
            raise custom_error(error.message, error.expected, error.hint) from None

    return validate


def _positive(value: object) -> int:
    duration_ns = units.parse_duration(value)
    if duration_ns == 0:
        raise UnitError("a duration of 0s", "a duration above 0s")
    return duration_ns


def _unlimited(value: object) -> object:
    return None if value == UNLIMITED else value


def _unlimited_duration(value: object) -> int | None:
    return None if value is None or value == UNLIMITED else _positive(value)


def _show_unlimited(value: float | None) -> float | str:
    if value is None:
        return UNLIMITED
    return int(value) if value == int(value) else value


def _show_unlimited_duration(value: int | None) -> str:
    return UNLIMITED if value is None else units.format_duration(value)


def _limited(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1_000_000:
        return value
    raise UnitError(f"{value!r} does not fit", f"an integer from 1 to 1,000,000, or '{UNLIMITED}'")


def _limited_or_none(value: object) -> int | None:
    return None if _unlimited(value) is None else _limited(value)


def _qps(value: object) -> float | None:
    if _unlimited(value) is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1_000_000:
        return float(value)
    raise UnitError(f"{value!r} does not fit", f"requests a second as a number above 0, or '{UNLIMITED}'")


def _assumed(value: object) -> dict[str, Any]:
    return distributions.parse_distribution(value)


_DURATION_SCHEMA: Final = {
    "type": "string",
    "pattern": r"^(\d+(\.\d+)?(ns|us|µs|μs|ms|s|m|h|d))+$",
    "description": units.DURATION_EXPECTED,
}
_RATIO_SCHEMA: Final = {
    "anyOf": [
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s?%$"},
        {"type": "number", "minimum": 0, "maximum": 1},
    ],
    "description": units.RATIO_EXPECTED,
}
_RATE_SCHEMA: Final = {
    "type": "string",
    "pattern": r"^\d+(\.\d+)?\s?/\s?(s|sec|second|min|minute|h|hour)$",
    "description": units.RATE_EXPECTED,
}
_QUANTITY_SCHEMA: Final = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}],
    "description": "a Kubernetes quantity: 100m, 2, 64Mi, 8Gi",
}
_UNLIMITED_SCHEMA: Final = {"const": UNLIMITED}
_ANY_OF_NULL: Final = {"type": "null"}


def _quantity(value: object) -> str:
    units.parse_quantity(value)
    return str(value)


Duration = Annotated[
    int,
    BeforeValidator(with_units(units.parse_duration)),
    PlainSerializer(units.format_duration, return_type=Any),
    WithJsonSchema(_DURATION_SCHEMA),
]
PositiveDuration = Annotated[
    int,
    BeforeValidator(with_units(_positive)),
    PlainSerializer(units.format_duration, return_type=Any),
    WithJsonSchema(_DURATION_SCHEMA),
]
DurationOrUnlimited = Annotated[
    int | None,
    BeforeValidator(with_units(_unlimited_duration)),
    PlainSerializer(_show_unlimited_duration, return_type=Any),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, _UNLIMITED_SCHEMA, _ANY_OF_NULL]}),
]
CountOrUnlimited = Annotated[
    int | None,
    BeforeValidator(with_units(_limited_or_none)),
    PlainSerializer(_show_unlimited, return_type=Any),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, _UNLIMITED_SCHEMA, _ANY_OF_NULL]}),
]
QpsOrUnlimited = Annotated[
    float | None,
    BeforeValidator(with_units(_qps)),
    PlainSerializer(_show_unlimited, return_type=Any),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _UNLIMITED_SCHEMA, _ANY_OF_NULL]}),
]
Ratio = Annotated[
    float,
    BeforeValidator(with_units(units.parse_ratio)),
    PlainSerializer(units.format_ratio, return_type=Any),
    WithJsonSchema(_RATIO_SCHEMA),
]
Rate = Annotated[
    float,
    BeforeValidator(with_units(units.parse_rate)),
    PlainSerializer(units.format_rate, return_type=Any),
    WithJsonSchema(_RATE_SCHEMA),
]
Quantity = Annotated[str, BeforeValidator(with_units(_quantity)), WithJsonSchema(_QUANTITY_SCHEMA)]
Distribution = Annotated[
    dict[str, Any],
    BeforeValidator(with_units(_assumed)),
    PlainSerializer(distributions.format_distribution, return_type=Any),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"type": "object"}], "description": distributions.EXPECTED}),
]
Item = TypeVar("Item")
Rows = Annotated[tuple[Item, ...], Strict(strict=False)]  # a list in a file
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]
PositiveCount = Annotated[int, Field(ge=1, le=100_000)]
