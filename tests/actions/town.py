"""A small cluster with one of everything that the catalogue acts on."""

from typing import Any

from tests.simulator.cluster.objects import NAMESPACE, Object, budget, deployment, node, template
from tests.simulator.cluster.sets import claim, daemonset, mounting, statefulset, storage_class

NEW, OLD = "bmV3", "b2xk"  # base64, as Secrets hold their values


def town(version: str) -> list[Object]:
    """Return three nodes, workloads of each kind, claims, a budget, an autoscaler, secrets and a policy."""
    return [
        *(_node(name, version) for name in ("n1", "n2", "n3")),
        storage_class(),
        storage_class("fixed", expands=False),
        *(_settled(one) for one in (claim("data"), claim("backup"), claim("rigid", storage_class="fixed"))),
        deployment("web", 3, cpu="200m"),
        deployment("other", 1),
        _with(deployment("files", 1), mounting("data")),
        _with(deployment("login", 1), _reading("credentials")),
        _with(statefulset("db", 2, storage="1Gi"), {"volumes": [_volume("credentials")]}),
        _with(daemonset("agent"), {"volumes": [_projected("credentials")]}),
        budget("web", minAvailable=2),
        _plain("autoscaling/v2", "HorizontalPodAutoscaler", "other", spec=_autoscaling()),
        _plain("networking.k8s.io/v1", "NetworkPolicy", "closed", spec={"podSelector": {}, "ingress": []}),
        _plain("v1", "Secret", "credentials", data={"password": OLD, "user": OLD}, type="Opaque"),
        _plain("v1", "Secret", "incoming", data={"password": NEW}, type="Opaque"),
        _plain("v1", "ConfigMap", "shared", data={"hits": "41"}),
    ]


def _node(name: str, version: str) -> Object:
    one = node(name)
    one["status"]["nodeInfo"] = {"kubeletVersion": version}
    return one


def _settled(one: Object) -> Object:
    """Without a status, an object is as the cluster left it: a claim is bound."""
    return {key: value for key, value in one.items() if key != "status"}


def _with(workload: Object, more: Object) -> Object:
    workload["spec"]["template"]["spec"] |= more
    return workload


def _reading(secret: str) -> Object:
    [container] = template("login")["spec"]["containers"]
    origin = {"secretKeyRef": {"name": secret, "key": "password"}}
    return {"containers": [{**container, "env": [{"name": "PASSWORD", "valueFrom": origin}]}]}


def _volume(secret: str) -> Object:
    return {"name": "secret", "secret": {"secretName": secret}}


def _projected(secret: str) -> Object:
    return {"name": "secret", "projected": {"sources": [{"secret": {"name": secret}}]}}


def _autoscaling() -> Object:
    target = {"type": "Utilization", "averageUtilization": 70}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    return {"scaleTargetRef": scaled, "minReplicas": 1, "maxReplicas": 3, "metrics": [metric]}


def _plain(version: str, kind: str, name: str, **fields: Any) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
