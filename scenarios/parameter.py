"""`Parameter`: one number of the cluster model, and how a file writes it."""

from dataclasses import dataclass
from typing import Any, Literal

from scenarios.distributions import EXPECTED, format_distribution, parse_distribution
from scenarios.units import SECOND_NS, UnitError, format_duration, parse_duration, seconds

Kind = Literal["number", "integer", "duration", "distribution", "boolean"]


def constant(value_s: float) -> dict[str, Any]:
    """Return the JSON form of a distribution of one value."""
    return {"dist": "constant", "value_s": value_s}


def lognormal(median_s: float, sigma: float) -> dict[str, Any]:
    """Return the JSON form of a lognormal distribution."""
    return {"dist": "lognormal", "median_s": median_s, "sigma": sigma}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of the model. `value` is JSON: seconds for durations, the JSON form for distributions."""

    name: str
    value: Any
    unit: str
    kind: Kind
    source: str
    kubernetes_version: str
    summary: str

    def parse(self, value: object) -> Any:
        """Return what a file says as the JSON value of this parameter; `UnitError` if it does not fit."""
        if self.kind == "duration":
            return seconds(parse_duration(value))
        if self.kind == "distribution":
            return parse_distribution(value)
        if self.kind == "boolean":
            if isinstance(value, bool):
                return value
            raise UnitError(f"{value!r} does not fit", "true or false")
        whole = self.kind == "integer"
        number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not number or not isinstance(value, int | float) or value < int(whole):
            raise UnitError(
                f"{value!r} does not fit", "an integer of at least 1" if whole else "a number of at least 0"
            )
        return int(value) if value == int(value) else value

    def format(self, value: Any) -> Any:
        """Return the file form of a JSON value of this parameter."""
        if self.kind == "duration":
            return format_duration(round(value * SECOND_NS))
        return format_distribution(value) if self.kind == "distribution" else value

    @property
    def expected(self) -> str:
        """What a file may write."""
        return {
            "number": "a number",
            "integer": "an integer",
            "boolean": "true or false",
            "duration": "a duration such as 1s",
            "distribution": EXPECTED,
        }[self.kind]
