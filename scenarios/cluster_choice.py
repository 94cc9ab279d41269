"""A scenario's choice of a cluster, and what it changes of it."""

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from scenarios.behaviour_schema import Behaviour
from scenarios.cluster_schema import (
    DeploymentEntry,
    Object,
    ParameterValues,
    Quota,
    Workloads,
)
from scenarios.errors import one_of
from scenarios.fields import Model, Name, PositiveCount, Rows, custom_error
from scenarios.node_schema import NodePool
from scenarios.versions import KubernetesVersion


class Additions(Model):
    """What a scenario adds to the cluster it chose."""

    namespaces: Rows[Name] = ()
    deployments: Rows[DeploymentEntry] = ()
    objects: Rows[Object] = ()


def _nodes_kind(value: object) -> str:
    return "pools" if isinstance(value, list | tuple) else "count"


Pools = Annotated[Rows[NodePool], Field(min_length=1)]
Nodes = Annotated[
    Annotated[PositiveCount, Tag("count")] | Annotated[Pools, Tag("pools")], Discriminator(_nodes_kind)
]


class ClusterChoice(Model):
    """A scenario's cluster: a profile or a snapshot, by name or path, and what the scenario changes of it."""

    profile: str | None = None
    for_test: Annotated[str | None, Field(alias="for")] = None
    files: Annotated[Rows[str], Field(min_length=1)] | None = None  # Kubernetes Lists that are one snapshot
    inline: dict[str, Any] | None = (
        None  # a cluster file's content; resolved scenarios carry their cluster so
    )
    snapshot: str | None = None  # a Kubernetes List as JSON text; resolved scenarios carry their snapshot so
    kubernetes_version: KubernetesVersion | None = None  # else that of the profile, or of a snapshot's nodes
    nodes: Nodes | None = None  # how many of the first pool (of a snapshot: in all), or pools in its place
    pools: dict[Name, PositiveCount] = Field(default_factory=dict)  # how many nodes of each of these pools
    workloads: Rows[Workloads] | None = None  # in place of all Deployments of the profile
    quotas: dict[str, Quota | None] = Field(default_factory=dict)  # null removes a quota
    add: Additions = Additions()
    behaviours: dict[str, Behaviour] = Field(default_factory=dict)
    parameters: ParameterValues = Field(default_factory=dict)
    overridden_by: dict[str, str] = Field(default_factory=dict)  # parameter -> who, in resolved scenarios

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"profile": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [
            name
            for name in ("profile", "for_test", "files", "inline", "snapshot")
            if getattr(self, name) is not None
        ]
        if len(given) != 1:
            found = "no cluster" if not given else "several clusters"
            raise custom_error(found, f"exactly {one_of(['profile', 'for', 'files', 'inline', 'snapshot'])}")
        return self
