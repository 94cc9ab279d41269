"""Stateful and daemon sets, claims, and what a test asks of them."""

from typing import Any

from tests.simulator.cluster.objects import NAMESPACE, Object, template
from tests.simulator.cluster.rig import Rig, name_of


def statefulset(name: str, replicas: int, *, cpu: str = "100m", storage: str = "", **spec: Any) -> Object:
    if storage:
        request = {"storageClassName": "fast", "resources": {"requests": {"storage": storage}}}
        spec["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": request}]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, cpu=cpu),
            **spec,
        },
    }


def daemonset(name: str, *, cpu: str = "100m", **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, cpu=cpu),
            **spec,
        },
    }


def claim(name: str, size: str = "10Gi", storage_class: str = "fast") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"storageClassName": storage_class, "resources": {"requests": {"storage": size}}},
        "status": {"phase": "Pending"},
    }


def storage_class(name: str = "fast", *, expands: bool = True) -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "allowVolumeExpansion": expands,
    }


def mounting(claim_name: str) -> Object:
    """The volumes of a pod spec that mount a claim."""
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]}


def names(rig: Rig, app: str) -> list[str]:
    return [name_of(pod) for pod in rig.pods(app)]


def whole(rig: Rig, kind: str, name: str) -> bool:
    """Whether a set says that it is as wanted, and is."""
    found = rig.get(kind, name)
    status = found.get("status") or {}
    if status.get("observedGeneration") != found["metadata"]["generation"]:
        return False
    ready, pods = len(rig.ready(name)), len(rig.pods(name))
    if kind == "StatefulSet":
        wanted = found["spec"]["replicas"]
        counts = [status.get(one) for one in ("replicas", "readyReplicas", "updatedReplicas")]
        return counts == [wanted] * 3 and ready == pods == wanted
    wanted = status.get("desiredNumberScheduled")
    counts = [status.get(one) for one in ("numberAvailable", "updatedNumberScheduled")]
    return counts == [wanted] * 2 and ready == pods == wanted


def restart(rig: Rig, kind: str, name: str, mark: str = "1") -> None:
    annotations = {"metadata": {"annotations": {"mark": mark}}}
    rig.patch(kind, name, {"spec": {"template": annotations}})
