"""`Parameter`: one number of the cluster model, and how a file writes it."""

from dataclasses import dataclass
from typing import Any, Literal

from scenarios.distributions import EXPECTED, format_distribution, parse_distribution
from scenarios.units import SECOND_NS, UnitError, format_duration, parse_duration, seconds
from scenarios.versions import minor_of

Kind = Literal["number", "integer", "count", "duration", "distribution", "boolean", "word"]


def constant(value_s: float) -> dict[str, Any]:
    """Return the JSON form of a distribution of one value."""
    return {"dist": "constant", "value_s": value_s}


def lognormal(median_s: float, sigma: float) -> dict[str, Any]:
    """Return the JSON form of a lognormal distribution."""
    return {"dist": "lognormal", "median_s": median_s, "sigma": sigma}


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a parameter was before a version of Kubernetes changed it."""

    before: str  # the first version with another value, such as 1.32
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of the model. `value` is JSON: seconds for durations, the JSON form for distributions.

    `value` is that of the newest Kubernetes; `earlier` says what it was before, the oldest first.
    """

    name: str
    value: Any
    unit: str
    kind: Kind
    source: str
    kubernetes_version: str
    summary: str
    earlier: tuple[Earlier, ...] = ()
    words: tuple[str, ...] = ()  # one of which it is

    def at(self, version: str) -> Any:
        """Return the value in a version of Kubernetes."""
        return self._entry(version)[0]

    def source_at(self, version: str) -> str:
        """Return where the value in a version of Kubernetes comes from."""
        return self._entry(version)[1]

    def since(self, version: str) -> str:
        """Return of which versions of Kubernetes the value in `version` is that."""
        entry = self._earlier(version)
        return f"before {entry.before}" if entry else self.kubernetes_version

    def _entry(self, version: str) -> tuple[Any, str]:
        entry = self._earlier(version)
        return (entry.value, entry.source) if entry else (self.value, self.source)

    def _earlier(self, version: str) -> Earlier | None:
        return next((one for one in self.earlier if minor_of(version) < minor_of(one.before)), None)

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
        if self.kind == "word":
            if isinstance(value, str) and value in self.words:
                return value
            raise UnitError(f"{value!r} does not fit", self.expected)
        whole = self.kind in {"integer", "count"}
        least = 1 if self.kind == "integer" else 0
        number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not number or not isinstance(value, int | float) or value < least:
            what = "an integer" if whole else "a number"
            raise UnitError(f"{value!r} does not fit", f"{what} of at least {least}")
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
            "number": "a number of at least 0",
            "integer": "an integer of at least 1",
            "count": "an integer of at least 0",
            "boolean": "true or false",
            "duration": "a duration such as 1s",
            "distribution": EXPECTED,
            "word": f"one of {', '.join(self.words)}",
        }[self.kind]
