"""What an action acts on, and what it needs of RBAC, in few words."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.action import Parameter, Rule
from engine.core.effects import Get, Ref, Resource, Selection
from engine.core.errors import NotFound, TargetMissing

FOLLOW: Final = ("list", "watch")
READ: Final = ("get", *FOLLOW)
NAMESPACE: Final = Parameter("string", required=True, summary="where the target lives")
_GROUPS: Final[Mapping[str, str]] = {
    "configmaps": "",
    "nodes": "",
    "persistentvolumeclaims": "",
    "pods": "",
    "secrets": "",
    "daemonsets": "apps",
    "deployments": "apps",
    "replicasets": "apps",
    "statefulsets": "apps",
    "horizontalpodautoscalers": "autoscaling",
    "jobs": "batch",
    "networkpolicies": "networking.k8s.io",
}


def rule(resource: str, *verbs: str, everywhere: bool = False) -> Rule:
    """Return the rule for verbs on a resource, or a subresource; `everywhere`: in all namespaces."""
    group = _GROUPS[resource.partition("/")[0]]
    return Rule(group, (resource,), verbs, cluster_scoped=everywhere or resource == "nodes")


def named(kind: str, parameter: str) -> Callable[[Mapping[str, Any]], Ref | None]:
    """Return the target function of an action whose `parameter` names an object of `kind`."""
    is_namespaced = kind != "Node"

    def target(parameters: Mapping[str, Any]) -> Ref | None:
        name, namespace = parameters.get(parameter), parameters.get("namespace", "")
        if not name or (is_namespaced and not namespace):
            return None
        return Ref(kind, str(name), str(namespace) if is_namespaced else "")

    return target


async def get_target(ref: Ref) -> Resource:
    """Read an object; raises `TargetMissing`."""
    try:
        return await Get(ref)
    except NotFound as error:
        raise TargetMissing(f"{ref} does not exist") from error


def by_ref(ref: Ref) -> Selection:
    """Return the selection of one object."""
    return Selection(ref.kind, ref.namespace, name=ref.name)


def ref_of(resource: Resource) -> Ref:
    """Return the address of an object that was read."""
    metadata = resource["metadata"]
    return Ref(resource["kind"], metadata["name"], metadata.get("namespace", ""))
