"""From the short form of a cluster file to Kubernetes objects, with the defaults of an API server."""

from typing import Any

from scenarios.cluster_schema import (
    Autoscaled,
    ClusterFile,
    DeploymentEntry,
    NodePool,
    Quota,
    Readiness,
    Resources,
)
from scenarios.units import SECOND_NS

KubernetesObject = dict[str, Any]


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
    """Return one Node of a pool, ready."""
    name = f"{pool.name}-{number}"
    labels = {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    resources = {"cpu": pool.cpu, "memory": pool.memory, "pods": str(pool.pods)}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels | pool.labels},
        "spec": {"taints": [dict(taint) for taint in pool.taints]} if pool.taints else {},
        "status": {
            "capacity": resources,
            "allocatable": dict(resources),
            "conditions": [ready],
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
    resources = {"requests": _amounts(entry.requests), "limits": _amounts(entry.limits)}
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
