"""How executions arrive, as a scenario writes it."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from scenarios.errors import one_of
from scenarios.fields import Duration, Model, PositiveDuration, Rate, custom_error

ARRIVALS_MAX: Final = 100_000  # of one run
SPEED_MAX: Final = 1_000_000
_KINDS: Final = ("burst", "closed", "open", "trace")


class Closed(Model):
    """Users who each submit, wait for the end, think (exponential, this long on average), submit again."""

    users: Annotated[int, Field(ge=1, le=ARRIVALS_MAX)]
    think: Duration = 0
    lasts: Annotated[PositiveDuration, Field(alias="for")]


class Open(Model):
    """A Poisson stream of arrivals."""

    rate: Rate
    lasts: Annotated[PositiveDuration, Field(alias="for")]

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if self.rate <= 0:
            raise custom_error("a rate of 0", "a rate above 0", at=("rate",))
        return self


class Trace(Model):
    """Arrivals at the instants of a recording: a column of a CSV file (the first, unless it is named).

    Instants are ISO 8601 (UTC where no offset is written) or numbers of `unit`; the first is the beginning.
    `from` and `for` cut a window out of the recording, `speed` plays it so many times as fast. A resolved
    scenario has no `file` but the `gaps`: nanoseconds from the beginning to the first arrival, and from each
    to the next.
    """

    file: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    gaps: Annotated[str, Field(min_length=1)] | None = None
    column: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    unit: Literal["s", "ms", "us", "ns"] = "s"
    speed: Annotated[float, Field(gt=0, le=SPEED_MAX)] = 1.0
    begins: Annotated[Duration, Field(alias="from")] = 0
    lasts: Annotated[PositiveDuration | None, Field(alias="for")] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.file is None) == (self.gaps is None):
            found = "neither file nor gaps" if self.file is None else "both file and gaps"
            raise custom_error(found, "a file, such as arrivals.csv")
        return self


class Load(Model):
    """How executions arrive: all at once, from a number of users, as a stream, or as they were recorded."""

    burst: Annotated[int, Field(ge=1, le=ARRIVALS_MAX)] | None = None
    closed: Closed | None = None
    open: Open | None = None
    trace: Trace | None = None

    @model_validator(mode="before")
    @classmethod
    def _file_alone(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("trace"), str):
            return value | {"trace": {"file": value["trace"]}}
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in _KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise custom_error(" and ".join(given) or "no load", "exactly " + one_of(_KINDS))
        return self

    @property
    def lasts(self) -> int | None:
        """For how long new executions arrive, in nanoseconds; None for a burst and for a whole recording."""
        if self.trace is not None:
            return None if self.trace.lasts is None else round(self.trace.lasts / self.trace.speed)
        stream = self.open or self.closed
        return None if stream is None else stream.lasts
