"""Every number of the cluster model: its value, unit, source and Kubernetes version.

A source names the file of kubernetes/kubernetes (or the document) where the default stands, or says
``assumption``: a value that nobody measured for this cluster, on which a verdict may depend. Whoever
overrides a value is named in the RunSpec and in the report.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from scenarios import versions
from scenarios.api_parameters import APISERVER
from scenarios.assumption_parameters import ASSUMPTIONS
from scenarios.controller_parameters import CONTROLLERS
from scenarios.flow_parameters import FLOW
from scenarios.host_parameters import HOST
from scenarios.kubelet_parameters import KUBELET
from scenarios.node_parameters import NODES
from scenarios.outside_parameters import OUTSIDE
from scenarios.parameter import Parameter
from scenarios.scheduler_parameters import SCHEDULER
from scenarios.storage_parameters import STORAGE
from scenarios.upkeep_parameters import UPKEEP
from scenarios.workload_parameters import WORKLOADS

__all__ = ["CATALOGUE", "Parameter", "defaults"]

_BY_AREA: Final = (  # one line for each area; the order is that of the manifest
    APISERVER,
    CONTROLLERS,
    SCHEDULER,
    KUBELET,
    NODES,
    OUTSIDE,
    STORAGE,
    ASSUMPTIONS,
    UPKEEP,
    FLOW,
    HOST,
    WORKLOADS,
)

CATALOGUE: Final[Mapping[str, Parameter]] = MappingProxyType(
    {entry.name: entry for area in _BY_AREA for entry in area}
)


def defaults(version: str = versions.DEFAULT) -> dict[str, Any]:
    """Return every parameter's default in a version of Kubernetes as JSON, in the catalogue's order."""
    return {name: parameter.at(version) for name, parameter in CATALOGUE.items()}
