"""Kubernetes objects in a few words."""

from typing import Any

from engine.core.effects import Ref

Object = dict[str, Any]
NAMESPACE = "default"


def node(name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "50", **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}},
    }


def template(name: str, *, cpu: str = "100m", probe_s: int | None = None, image: str = "") -> Object:
    container: Object = {
        "name": "c",
        "image": image or f"{name}:1",
        "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}},
    }
    if probe_s is not None:
        container["readinessProbe"] = {"periodSeconds": probe_s}
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}


def deployment(
    name: str, replicas: int, *, cpu: str = "100m", probe_s: int | None = None, image: str = "", **spec: Any
) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, cpu=cpu, probe_s=probe_s, image=image),
            **spec,
        },
    }


def rolling(surge: int | str, unavailable: int | str) -> Object:
    """The strategy of a Deployment."""
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }


def bare_pod(name: str, *, cpu: str = "100m", labels: Object | None = None, **spec: Any) -> Object:
    """A pod without an owner."""
    container = {"name": "c", "image": "bare:1", "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels or {}},
        "spec": {"containers": [container], **spec},
        "status": {"phase": "Pending"},
    }


def quota(**hard: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "compute", "namespace": NAMESPACE},
        "spec": {"hard": hard},
    }


def budget(app: str, name: str = "", **spec: Any) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name or app, "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": {"app": app}}, **spec},
    }


def job(name: str, seconds: float = 5, **spec: Any) -> Object:
    container = {"name": "c", "image": "busybox:1", "command": ["sleep", str(seconds)]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            **spec,
            "template": {
                "metadata": {"labels": {"job-name": name}},
                "spec": {"restartPolicy": "Never", "containers": [container]},
            },
        },
    }


def ref(kind: str, name: str) -> Ref:
    return Ref(kind, name, "" if kind == "Node" else NAMESPACE)
