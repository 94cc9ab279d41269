"""Node pools: nodes of one size, by figures or by the name of a profile."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from scenarios.fields import Model, Name, Quantity, Rows, custom_error, with_units
from scenarios.units import PRICE_EXPECTED, format_price, parse_price

GPU: Final = "nvidia.com/gpu"
NODE_PROFILES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "standard": {"cpu": "2000m", "memory": "4Gi", "pods": 30},
        "production": {"cpu": "4000m", "memory": "8Gi", "pods": 50},
        "development": {"cpu": "1000m", "memory": "2Gi", "pods": 20},
        "gpu": {"cpu": "8000m", "memory": "32Gi", "pods": 40, "devices": {GPU: 2}},
        "high-memory": {"cpu": "16000m", "memory": "64Gi", "pods": 50},
    }
)
"""The sizes of the predecessor's nodes (jordigilh/kubernaut, pkg/testutil/enhanced)."""

NodeProfile = Literal["standard", "production", "development", "gpu", "high-memory"]
NodeCount = Annotated[int, Field(ge=1, le=100_000)]
Devices = dict[str, Annotated[int, Field(ge=0, le=100_000)]]
"""Extended resources by name, such as nvidia.com/gpu."""


Price = Annotated[
    float,
    BeforeValidator(with_units(parse_price)),
    PlainSerializer(format_price, return_type=Any),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s?/\s?(h|hour)$", "description": PRICE_EXPECTED}
    ),
]


class Scaling(Model):
    """The bounds within which the cluster autoscaler keeps a pool's number of nodes."""

    min: Annotated[int, Field(ge=0, le=100_000)] = 0
    max: NodeCount

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise custom_error(f"max {self.max} is below min {self.min}", "max >= min", at=("max",))
        return self


class NodePool(Model):
    """Nodes of one size, named `<name>-<number>`; a profile's figures, unless others are given."""

    name: Name = "node"
    profile: NodeProfile | None = None
    count: NodeCount
    cpu: Quantity = ""
    memory: Quantity = ""
    pods: NodeCount = 110
    devices: Devices = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    taints: Rows[dict[str, str]] = ()
    zones: Rows[Name] = ()  # the nodes take turns in them
    price: Price | None = None  # of one node, in whatever currency
    autoscaled: Scaling | None = None
    not_ready: Annotated[int, Field(ge=0, le=100_000)] = 0  # of the last ones: failed before the run begins

    @model_validator(mode="before")
    @classmethod
    def _profile_first(cls, value: Any) -> Any:
        profile = value.get("profile") if isinstance(value, dict) else None
        if not isinstance(profile, str) or profile not in NODE_PROFILES:
            return value
        return {**NODE_PROFILES[profile]} | {key: item for key, item in value.items() if key != "profile"}

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        missing = [name for name in ("cpu", "memory") if not getattr(self, name)]
        if missing:
            raise custom_error(f"nodes without {' and '.join(missing)}", "cpu and memory, or a profile")
        if self.not_ready > self.count:
            found = f"{self.not_ready} nodes of {self.count}"
            raise custom_error(found, f"at most {self.count}", at=("not_ready",))
        scaling = self.autoscaled
        if scaling and not scaling.min <= self.count <= scaling.max:
            within = f"{scaling.min} to {scaling.max}, as autoscaled says"
            raise custom_error(f"{self.count} nodes", within, at=("count",))
        return self
