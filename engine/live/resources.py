"""The resources of the Kubernetes API that actions touch and the model keeps: names, groups and verbs.

Source: the discovery documents of a kube-apiserver 1.36 (`/api/v1`, `/apis/<group>/<version>`), of which
these are the resources that the model acts on or keeps. Anything else is answered with 404, as by a server
that has not got it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API."""

    group: str  # empty: the core group
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()  # with a status, all of these beside it
    singular: str = ""  # the kind in lower case, unless said otherwise

    @property
    def group_version(self) -> str:
        """The apiVersion of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with the group, such as `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def list_kind(self) -> str:
        """The kind of a list of them."""
        return f"{self.kind}List"


_ALL: Final = ("all",)
RESOURCES: Final = (
    Resource("", "v1", "configmaps", "ConfigMap", short=("cm",)),
    Resource("", "v1", "endpoints", "Endpoints", short=("ep",), singular="endpoints"),
    Resource("", "v1", "events", "Event", short=("ev",)),
    Resource("", "v1", "limitranges", "LimitRange", short=("limits",)),
    Resource(
        "", "v1", "namespaces", "Namespace", namespaced=False, short=("ns",), subresources=("status",)
    ),
    Resource("", "v1", "nodes", "Node", namespaced=False, short=("no",), subresources=("status",)),
    Resource(
        "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",), subresources=("status",)
    ),
    Resource(
        "", "v1", "persistentvolumes", "PersistentVolume", namespaced=False, short=("pv",),
        subresources=("status",),
    ),
    Resource(
        "", "v1", "pods", "Pod", short=("po",), categories=_ALL,
        subresources=("status", "eviction", "resize"),
    ),
    Resource(
        "", "v1", "resourcequotas", "ResourceQuota", short=("quota",), subresources=("status",)
    ),
    Resource("", "v1", "secrets", "Secret"),
    Resource("", "v1", "serviceaccounts", "ServiceAccount", short=("sa",)),
    Resource(
        "", "v1", "services", "Service", short=("svc",), categories=_ALL, subresources=("status",)
    ),
    Resource("apps", "v1", "controllerrevisions", "ControllerRevision"),
    Resource(
        "apps", "v1", "daemonsets", "DaemonSet", short=("ds",), categories=_ALL, subresources=("status",)
    ),
    Resource(
        "apps", "v1", "deployments", "Deployment", short=("deploy",), categories=_ALL,
        subresources=("status", "scale"),
    ),
    Resource(
        "apps", "v1", "replicasets", "ReplicaSet", short=("rs",), categories=_ALL,
        subresources=("status", "scale"),
    ),
    Resource(
        "apps", "v1", "statefulsets", "StatefulSet", short=("sts",), categories=_ALL,
        subresources=("status", "scale"),
    ),
    Resource(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", short=("hpa",),
        categories=_ALL, subresources=("status",),
    ),
    Resource("batch", "v1", "jobs", "Job", categories=_ALL, subresources=("status",)),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", short=("netpol",)),
    Resource(
        "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", short=("pdb",),
        subresources=("status",),
    ),
    Resource(
        "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False, short=("pc",),
        singular="priorityclass",
    ),
    Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False, short=("sc",)),
)  # fmt: skip

BY_PATH: Final[Mapping[tuple[str, str, str], Resource]] = {
    (it.group, it.version, it.plural): it for it in RESOURCES
}
BY_KIND: Final[Mapping[str, Resource]] = {it.kind: it for it in RESOURCES}
GROUP_VERSIONS: Final = tuple(dict.fromkeys((it.group, it.version) for it in RESOURCES))
