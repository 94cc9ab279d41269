"""How a scenario is experimented with: how often, for how long, and what of it counts."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from scenarios import units
from scenarios.fields import Model, PositiveDuration, Ratio, custom_error, with_units
from scenarios.units import SECOND_NS

PRECISION: Final = 0.05
AUTO: Final = "auto"


def _warmup(value: object) -> int | None:
    return None if value is None or value == AUTO else units.parse_duration(value)


def _show_warmup(value: int | None) -> str:
    return AUTO if value is None else units.format_duration(value)


Warmup = Annotated[
    int | None,
    BeforeValidator(with_units(_warmup)),
    PlainSerializer(_show_warmup, return_type=Any),
    WithJsonSchema({"type": "string", "description": f"'{AUTO}', or {units.DURATION_EXPECTED}"}),
]


class Replications(Model):
    """How many seeds of every point: `min`, and up to `max` until it is known well enough.

    More are added where a verdict is undecided, and where the mean makespan or the mean duration of
    executions is not yet known to within `precision` of itself: at points that a target judges and where
    the curve over a swept number bends.
    """

    min: Annotated[int, Field(ge=1, le=100_000)] = 10
    max: Annotated[int, Field(ge=1, le=100_000)]
    precision: Ratio = PRECISION

    @model_validator(mode="before")
    @classmethod
    def _one_number(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return {"min": value, "max": value}
        if isinstance(value, dict) and "max" not in value:
            return value | {"max": value.get("min", 10)}
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise custom_error(f"max {self.max} is below min {self.min}", "max >= min", at=("max",))
        if self.precision <= 0:
            raise custom_error("a precision of 0 %", "a precision above 0 %, such as 5%", at=("precision",))
        return self


class Experiment(Model):
    """Replications, seed and confidence; `horizon` is the virtual time after which a run is cut.

    A `terminating` experiment is about whole runs: a burst, drained. A `steady` one is about a stream that
    could go on for ever: what happens before the `warmup` is over does not count (`auto`: the cut is found
    on the average of the replications), and where the queue grows without end there is no number.
    """

    kind: Literal["terminating", "steady"] = "terminating"
    warmup: Warmup = None
    replications: Replications = Replications(min=10, max=10)
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 20260101
    confidence: Ratio = 0.95
    horizon: PositiveDuration = 4 * 3600 * SECOND_NS
    detail: bool = False  # also write attempt, effect and sample rows

    @model_validator(mode="after")
    def _between(self) -> Self:
        if not 0.5 <= self.confidence < 1:
            raise custom_error(
                f"confidence {self.confidence:.0%}", "50% or more, below 100%", at=("confidence",)
            )
        return self

    @model_validator(mode="after")
    def _only_steady_warms_up(self) -> Self:
        if self.warmup is not None and self.kind != "steady":
            raise custom_error(
                f"a warm-up of {units.format_duration(self.warmup)} in a terminating experiment",
                "kind: steady beside it, or no warm-up",
                at=("warmup",),
            )
        return self
