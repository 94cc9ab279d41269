"""From the short form of a cluster file to Kubernetes objects, with the defaults of an API server."""

from typing import Any

from scenarios.behaviour_schema import Readiness
from scenarios.cluster_schema import (
    Autoscaled,
    ClusterFile,
    DeploymentEntry,
    Quota,
    Resources,
)
from scenarios.node_schema import NodePool
from scenarios.units import SECOND_NS

KubernetesObject = dict[str, Any]
_READY = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
_FAILED = {
    "type": "Ready",
    "status": "Unknown",
    "reason": "NodeStatusUnknown",
    "message": "Kubelet stopped posting node status.",
}
_FAILED_TAINTS = tuple(  # what the node lifecycle controller puts on a node that is not heard of
    {"key": "node.kubernetes.io/unreachable", "effect": effect} for effect in ("NoSchedule", "NoExecute")
)


def objects_of(cluster: ClusterFile) -> list[KubernetesObject]:
    """Return every object of a cluster, in a stable order."""
    used = [*cluster.namespaces, *cluster.quotas, *(entry.namespace for entry in cluster.deployments)]
    objects = [namespace(name) for name in dict.fromkeys(used)]
    objects += [
        node(pool, number, cluster.kubernetes_version)
        for pool in cluster.nodes
        for number in range(pool.count)
    ]
    objects += [quota(name, hard) for name, hard in cluster.quotas.items()]
    for entry in cluster.deployments:
        objects += deployment_objects(entry)
    return objects + [dict(item) for item in cluster.objects]


def namespace(name: str) -> KubernetesObject:
    """Return a Namespace."""
    labels = {"kubernetes.io/metadata.name": name}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def node(pool: NodePool, number: int, kubernetes_version: str) -> KubernetesObject:
    """Return one Node of a pool; the last `not_ready` ones have failed, and their kubelets are silent."""
    name = f"{pool.name}-{number}"
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    if pool.zones:
        labels["topology.kubernetes.io/zone"] = pool.zones[number % len(pool.zones)]
    devices = {device: str(count) for device, count in pool.devices.items()}
    resources = {"cpu": pool.cpu, "memory": pool.memory, "pods": str(pool.pods)} | devices
    failed = number >= pool.count - pool.not_ready
    taints = [dict(taint) for taint in (*pool.taints, *(_FAILED_TAINTS if failed else ()))]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels | pool.labels},
        "spec": {"taints": taints} if taints else {},
        "status": {
            "capacity": resources,
            "allocatable": dict(resources),
            "conditions": [dict(_FAILED if failed else _READY)],
            "nodeInfo": {
                "kubeletVersion": f"v{kubernetes_version}.0",
                "architecture": "amd64",
                "operatingSystem": "linux",
            },
        },
    }


def quota(name: str, hard: Quota) -> KubernetesObject:
    """Return the ResourceQuota of a namespace."""
    given = {"cpu": hard.cpu, "memory": hard.memory, "pods": None if hard.pods is None else str(hard.pods)}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "quota", "namespace": name},
        "spec": {"hard": {resource: amount for resource, amount in given.items() if amount is not None}},
    }


def deployment_objects(entry: DeploymentEntry) -> list[KubernetesObject]:
    """Return a Deployment, its Service and its HorizontalPodAutoscaler."""
    objects = [deployment(entry)]
    if entry.service:
        port = {"port": entry.service.port, "targetPort": entry.service.target_port, "protocol": "TCP"}
        spec = {"type": "ClusterIP", "selector": {"app": entry.name}, "ports": [port]}
        metadata = {"name": f"{entry.name}-service", "namespace": entry.namespace}
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    if entry.autoscaled:
        objects.append(autoscaler(entry, entry.autoscaled))
    return objects


def deployment(entry: DeploymentEntry) -> KubernetesObject:
    """Return a Deployment."""
    labels = {"app": entry.name} | entry.labels
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": entry.name, "namespace": entry.namespace, "labels": labels},
        "spec": {
            "replicas": entry.replicas,
            "selector": {"matchLabels": {"app": entry.name}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxUnavailable": entry.strategy.max_unavailable,
                    "maxSurge": entry.strategy.max_surge,
                },
            },
            "minReadySeconds": 0,
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            "template": {"metadata": {"labels": dict(labels)}, "spec": _pod_spec(entry)},
        },
    }


def _pod_spec(entry: DeploymentEntry) -> KubernetesObject:
    devices = {name: str(count) for name, count in (entry.requests.devices | entry.limits.devices).items()}
    resources = {
        "requests": _amounts(entry.requests) | devices,
        "limits": _amounts(entry.limits) | devices,
    }
    container: KubernetesObject = {
        "name": entry.name,
        "image": entry.image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {name: amounts for name, amounts in resources.items() if amounts},
    }
    if entry.service:
        container["ports"] = [{"containerPort": entry.service.target_port, "protocol": "TCP"}]
    if entry.readiness:
        container["readinessProbe"] = _probe(entry.readiness)
    return {
        "containers": [container],
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": entry.termination_grace // SECOND_NS,
    }


def _amounts(resources: Resources) -> dict[str, str]:
    given = {"cpu": resources.cpu, "memory": resources.memory}
    return {name: amount for name, amount in given.items() if amount is not None}


def _probe(readiness: Readiness) -> KubernetesObject:
    return {
        "tcpSocket": {"port": 8080},
        "initialDelaySeconds": readiness.initial_delay // SECOND_NS,
        "periodSeconds": readiness.period // SECOND_NS,
        "timeoutSeconds": readiness.timeout // SECOND_NS,
        "successThreshold": readiness.success_threshold,
        "failureThreshold": readiness.failure_threshold,
    }


def autoscaler(entry: DeploymentEntry, scaling: Autoscaled) -> KubernetesObject:
    """Return the HorizontalPodAutoscaler that owns a Deployment's replicas."""
    metrics = [
        {
            "type": "Resource",
            "resource": {
                "name": name,
                "target": {"type": "Utilization", "averageUtilization": round(share * 100)},
            },
        }
        for name, share in (("cpu", scaling.cpu), ("memory", scaling.memory))
        if share is not None
    ]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": f"{entry.name}-hpa", "namespace": entry.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": entry.name},
            "minReplicas": scaling.min,
            "maxReplicas": scaling.max,
            "metrics": metrics,
        },
    }
