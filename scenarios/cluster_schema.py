"""The cluster file (nodes, quotas, workloads, how they behave) and the file of a workload profile."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from scenarios.behaviour_schema import Behaviour, Readiness
from scenarios.errors import did_you_mean
from scenarios.fields import (
    Duration,
    Model,
    Name,
    PositiveCount,
    Quantity,
    Ratio,
    Rows,
    custom_error,
)
from scenarios.node_schema import Devices, NodePool
from scenarios.parameters import CATALOGUE
from scenarios.units import SECOND_NS, UnitError
from scenarios.versions import DEFAULT, KubernetesVersion

KubernetesObject = dict[str, Any]
Count = Annotated[int, Field(ge=0, le=100_000)]


def _parameters(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise custom_error("not a mapping", "a mapping from parameter to value")
    parsed = {}
    for name, given in value.items():
        parameter = CATALOGUE.get(name)
        if parameter is None:
            hint = did_you_mean(name, CATALOGUE) or "docs/reference/parameters.md lists them"
            raise custom_error(f"unknown parameter '{name}'", "a parameter of the catalogue", hint, (name,))
        try:
            parsed[name] = parameter.parse(given)
        except UnitError as error:
            raise custom_error(error.message, error.expected, error.hint, (name,)) from None
    return parsed


def _format_parameters(values: dict[str, Any]) -> dict[str, Any]:
    return {name: CATALOGUE[name].format(value) for name, value in values.items()}


def object_refusal(value: object) -> tuple[str, str, tuple[str, ...]] | None:
    """Return what is wrong with a Kubernetes object (found, expected, where in it), if anything."""
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        return "not a Kubernetes object", "a mapping with apiVersion, kind and metadata.name", ()
    metadata, spec = value.get("metadata"), value.get("spec", {})
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return f"a {value['kind']} without a name", "metadata.name", ("metadata",)
    if not isinstance(metadata.get("namespace", ""), str):
        return "a namespace that is not text", "metadata.namespace", ("metadata", "namespace")
    replicas = spec.get("replicas", 1) if isinstance(spec, dict) else None
    if value["kind"] == "Deployment" and (not isinstance(replicas, int) or isinstance(replicas, bool)):
        return "a Deployment without a number of replicas", "spec.replicas as an integer", ("spec",)
    return None


def _object(value: object) -> object:
    if refusal := object_refusal(value):
        raise custom_error(refusal[0], refusal[1], at=refusal[2])
    return value


ParameterValues = Annotated[
    dict[str, Any],
    BeforeValidator(_parameters),
    PlainSerializer(_format_parameters, return_type=Any),
    WithJsonSchema({"type": "object", "propertyNames": {"enum": list(CATALOGUE)}}),
]
Object = Annotated[KubernetesObject, BeforeValidator(_object)]


class Amounts(Model):
    """CPU and memory, as Kubernetes quantities."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class Resources(Amounts):
    """What a container requests, or its limits; a device is requested and limited alike."""

    devices: Devices = Field(default_factory=dict)


class Quota(Amounts):
    """What a namespace's Pods may request together; `cpu` and `memory` are requests."""

    pods: Count | None = None


class Autoscaled(Model):
    """A HorizontalPodAutoscaler that owns the number of replicas."""

    min: PositiveCount
    max: PositiveCount
    cpu: Ratio | None = None
    memory: Ratio | None = None


class ServicePort(Model):
    """A Service `<name>-service` in front of the Deployment."""

    port: PositiveCount = 80
    target_port: PositiveCount = 8080


class Strategy(Model):
    """How a rolling update goes; numbers or percentages, as in Kubernetes."""

    max_unavailable: str | int = "25%"
    max_surge: str | int = "25%"


class DeploymentEntry(Model):
    """A Deployment with what usually stands around it."""

    name: Name
    namespace: Name = "default"
    replicas: Count
    image: str
    requests: Resources = Resources()
    limits: Resources = Resources()
    readiness: Readiness | None = None
    termination_grace: Duration = 30 * SECOND_NS
    strategy: Strategy = Strategy()
    autoscaled: Autoscaled | None = None
    service: ServicePort | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    behaviour: Behaviour = Behaviour()


class WorkloadsFile(Model):
    """A workload profile: Deployments that several clusters run."""

    api_version: Annotated[Literal["headroom/v1"], Field(alias="apiVersion")]
    kind: Literal["Workloads"]
    name: Name
    description: str = ""
    deployments: Annotated[Rows[DeploymentEntry], Field(min_length=1)]


class Workloads(Model):
    """A workload profile that a cluster runs, by name or path, and the namespace to put it in."""

    profile: Annotated[str, Field(min_length=1)]
    namespace: Name | None = None  # of all its Deployments, in place of their own

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"profile": value} if isinstance(value, str) else value


class ClusterFile(Model):
    """A cluster profile."""

    api_version: Annotated[Literal["headroom/v1"], Field(alias="apiVersion")]
    kind: Literal["Cluster"]
    name: Name
    description: str = ""
    kubernetes_version: KubernetesVersion = DEFAULT
    nodes: Annotated[Rows[NodePool], Field(min_length=1)]
    namespaces: Rows[Name] = ("default",)
    quotas: dict[str, Quota] = Field(default_factory=dict)
    workloads: Rows[Workloads] = ()
    deployments: Rows[DeploymentEntry] = ()
    objects: Rows[Object] = ()
    behaviours: dict[str, Behaviour] = Field(default_factory=dict)
    parameters: ParameterValues = Field(default_factory=dict)
