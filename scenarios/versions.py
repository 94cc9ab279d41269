"""The Kubernetes versions that the model knows, by their minor release."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

from scenarios.errors import one_of
from scenarios.fields import custom_error

OLDEST: Final = 26  # nominalConcurrencyShares and lending came with flowcontrol v1beta3
NEWEST: Final = 36
KNOWN: Final = tuple(f"1.{minor}" for minor in range(OLDEST, NEWEST + 1))
DEFAULT: Final = "1.34"
EXPECTED: Final = f"a Kubernetes version in quotes, {one_of(KNOWN)}"


def minor_of(version: str) -> int:
    """Return 34 for ``1.34``."""
    return int(version.partition(".")[2])


@dataclass(frozen=True, slots=True)
class Feature:
    """What Kubernetes does since a version and did not before; a cluster has it by its nodes' version."""

    gate: str
    since: str
    source: str
    summary: str

    @property
    def name(self) -> str:
        """The name under which it is listed."""
        return f"feature.{self.gate}"

    def at(self, version: str) -> bool:
        """Say whether a version has it."""
        return minor_of(version) >= minor_of(self.since)


IN_PLACE_RESIZE: Final = Feature(
    "InPlacePodVerticalScaling",
    "1.33",
    "KEP-1287: on by default (beta) since 1.33, always on since 1.35",
    "pods are resized in place, through their resize subresource; before, by replacing them",
)
FEATURES: Final = (IN_PLACE_RESIZE,)


def _known(value: object) -> str:
    if isinstance(value, float):  # 1.31 without quotes; 1.30 has lost its zero
        value = str(value)
        if value not in KNOWN:
            raise custom_error(f"{value} is a number", EXPECTED, f'write "{value}0" if that is meant')
    if not isinstance(value, str) or value not in KNOWN:
        raise custom_error(f"Kubernetes {value!r} is not modelled", EXPECTED)
    return value


KubernetesVersion = Annotated[str, BeforeValidator(_known), WithJsonSchema({"enum": list(KNOWN)})]
