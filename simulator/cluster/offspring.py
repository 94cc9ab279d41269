"""What controllers create: the ReplicaSet of a Deployment, the pod of a ReplicaSet."""

from typing import Any

from engine.core.effects import Resource
from simulator.cluster.naming import pod_suffix, template_hash
from simulator.cluster.revisions import REVISION, TEMPLATE_HASH
from simulator.cluster.slots import GENERATION_ANNOTATION, SLOT_ANNOTATION

DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
# What a ReplicaSet does not take over from its Deployment (deployment_util.go annotationsToSkip).
_NOT_INHERITED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
    REVISION,
    DESIRED_REPLICAS,
)
_API_VERSIONS = {"Job": "batch/v1"}  # others: apps/v1
# The DefaultTolerationSeconds admission plug-in.
TOLERATED = tuple(
    {
        "key": f"node.kubernetes.io/{key}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for key in ("not-ready", "unreachable")
)


def new_replicaset(deployment: Resource, replicas: int, revision: int) -> dict[str, Any]:
    """Return the ReplicaSet for a Deployment's template, as its controller creates it (without uid)."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    template, selector = spec["template"], spec["selector"]
    digest = template_hash(template)
    labels = {**(template["metadata"].get("labels") or {}), TEMPLATE_HASH: digest}
    inherited = {k: v for k, v in (metadata.get("annotations") or {}).items() if k not in _NOT_INHERITED}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": {**inherited, REVISION: str(revision), DESIRED_REPLICAS: str(spec["replicas"])},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": replicas,
            **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
            "selector": {
                **selector,
                "matchLabels": {**(selector.get("matchLabels") or {}), TEMPLATE_HASH: digest},
            },
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }


def new_pod(owner: Resource, slot: int, generation: int) -> dict[str, Any]:
    """Return the pod that fills a ReplicaSet's or Job's slot for the `generation`-th time (without uid)."""
    metadata, template = owner["metadata"], owner["spec"]["template"]
    inherited = template.get("metadata") or {}
    name, namespace = metadata["name"], metadata["namespace"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-{pod_suffix(f'{namespace}/{name}', slot, generation)}",
            "generateName": f"{name}-",
            "namespace": namespace,
            "labels": inherited.get("labels") or {},
            "annotations": {
                **(inherited.get("annotations") or {}),
                SLOT_ANNOTATION: str(slot),
                GENERATION_ANNOTATION: str(generation),
            },
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {
            **template["spec"],
            "tolerations": [*(template["spec"].get("tolerations") or ()), *TOLERATED],
        },
        "status": {"phase": "Pending"},
    }


def owner_reference(resource: Resource) -> dict[str, Any]:
    """Return the reference by which a controlled object names its owner."""
    return {
        "apiVersion": _API_VERSIONS.get(resource["kind"], "apps/v1"),
        "kind": resource["kind"],
        "name": resource["metadata"]["name"],
        "uid": resource["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
