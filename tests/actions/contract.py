"""What every action of the Kubernetes catalogue promises, as cases that any `Bench` can run.

A case says what holds afterwards, and what holds once the step is rolled back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.actions.jobs import WRITER_LABEL
from engine.actions.quarantine_pod import QUARANTINE
from engine.actions.workloads import RESTARTED_AT
from engine.core.effects import Resource
from engine.core.errors import NotFound
from tests.actions.bench import Bench, Check
from tests.actions.town import NEW, OLD
from tests.simulator.cluster.objects import node


@dataclass(frozen=True)
class Case:
    """An action on the town. `calls`: those of a first attempt that nothing disturbs."""

    action: str
    parameters: Mapping[str, Any]
    calls: str
    after: Check
    undone: Check | None = None
    before: Callable[[Bench], None] = field(default=lambda _bench: None)


def pods(bench: Bench, app: str) -> list[Resource]:
    return list(bench.of_kind("Pod", app=app))


def ready(bench: Bench, app: str) -> int:
    return sum(
        one["type"] == "Ready" and one["status"] == "True"
        for pod in pods(bench, app)
        for one in pod["status"].get("conditions", ())
    )


def whole(bench: Bench, app: str, count: int) -> bool:
    return ready(bench, app) == len(pods(bench, app)) == count


def restarted(bench: Bench, app: str, count: int, mark: str = "run-1/step-1") -> bool:
    marks = [pod["metadata"].get("annotations", {}).get(RESTARTED_AT) for pod in pods(bench, app)]
    return marks == [mark] * count and whole(bench, app, count)


def cordoned(bench: Bench, name: str = "n1") -> bool:
    return bool(bench.get("Node", name)["spec"].get("unschedulable"))


def on_node(bench: Bench, name: str = "n1") -> list[str]:
    return [
        pod["metadata"]["labels"]["app"]
        for pod in bench.of_kind("Pod")
        if pod["spec"].get("nodeName") == name
    ]


def cpu_of(pod: Resource) -> str:
    cpu: str = pod["spec"]["containers"][0]["resources"]["requests"]["cpu"]
    return cpu


def granted(bench: Bench, cpu: str) -> bool:
    given = [
        pod["status"]["containerStatuses"][0]["resources"]["requests"]["cpu"] for pod in pods(bench, "web")
    ]
    return given == [cpu] * 3 == [cpu_of(pod) for pod in pods(bench, "web")]


def templated(bench: Bench, cpu: str) -> bool:
    return cpu_of(bench.get("Deployment", "web")["spec"]["template"]) == cpu and granted(bench, cpu)


def exists(bench: Bench, kind: str, name: str) -> bool:
    try:
        bench.get(kind, name)
    except NotFound:
        return False
    return True


def quarantined(bench: Bench) -> bool:
    held = [pod for pod in bench.of_kind("Pod") if QUARANTINE in pod["metadata"].get("labels", {})]
    policies = [one for one in bench.of_kind("NetworkPolicy") if one["metadata"].get("labels")]
    selected = [one["spec"]["podSelector"]["matchLabels"] for one in policies]
    return (
        [pod["metadata"]["labels"] for pod in held] == selected
        and len(held) == 1
        and not held[0]["metadata"].get("ownerReferences")
        and whole(bench, "web", 3)
    )


def released(bench: Bench) -> bool:
    return whole(bench, "web", 3) and len(bench.of_kind("NetworkPolicy")) == 1


def secret(bench: Bench) -> Mapping[str, str]:
    data: Mapping[str, str] = bench.get("Secret", "credentials")["data"]
    return data


def secrets_count(bench: Bench) -> int:
    return len(bench.of_kind("Secret"))


def finished_jobs(bench: Bench, prefix: str) -> int:
    return sum(
        one["metadata"]["name"].startswith(f"{prefix}-") and WRITER_LABEL in one["metadata"]["labels"]
        for one in bench.of_kind("Job")
        if any(condition["type"] == "Complete" for condition in one["status"]["conditions"])
    )


def capacity(bench: Bench, name: str = "data") -> str:
    size: str = bench.get("PersistentVolumeClaim", name)["status"]["capacity"]["storage"]
    return size


def autoscaling(bench: Bench) -> tuple[int, int, int]:
    spec = bench.get("HorizontalPodAutoscaler", "other")["spec"]
    target: int = spec["metrics"][0]["resource"]["target"]["averageUtilization"]
    return spec["minReplicas"], spec["maxReplicas"], target


def cordon(bench: Bench) -> None:
    bench.change("Node", "n1", {"spec": {"unschedulable": True}})


def mark(bench: Bench) -> None:
    """Roll out another revision."""
    changes = {"metadata": {"annotations": {"mark": "2"}}}
    bench.change("Deployment", "web", {"spec": {"template": changes}})


def marked(bench: Bench) -> bool:
    marks = [pod["metadata"]["annotations"].get("mark") for pod in pods(bench, "web")]
    return marks == ["2"] * 3 and whole(bench, "web", 3)


USERS = {"login": 1, "db": 2, "agent": 3}  # of the credentials
POLICY = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
FIRST_WEB = "web-first"  # stands for the first of web's pods

CASES: Mapping[str, Case] = {
    "restart a pod": Case(
        "restart_pod",
        {"deployment": "web", "ordinal": 1},
        "Get List Delete",
        lambda bench: whole(bench, "web", 3),
    ),
    "restart a pod by name": Case(
        "restart_pod",
        {"pod": FIRST_WEB, "method": "evict"},
        "Get Get Evict",
        lambda bench: whole(bench, "web", 3),
    ),
    "roll a deployment back": Case(
        "rollback_deployment",
        {"deployment": "web"},
        "Get List Patch",
        lambda bench: not marked(bench),
        marked,
        mark,
    ),
    "delete a pod": Case(
        "delete_pod",
        {"pod": FIRST_WEB},
        "Get Delete",
        lambda bench: whole(bench, "web", 3),
    ),
    "quarantine a pod": Case("quarantine_pod", {"pod": FIRST_WEB}, "Get Create Patch", quarantined, released),
    "scale a stateful set up": Case(
        "scale_statefulset",
        {"statefulset": "db", "replicas": 4},
        "Get List Patch",
        lambda bench: whole(bench, "db", 4),
        lambda bench: whole(bench, "db", 2),
    ),
    "scale a stateful set down": Case(
        "scale_statefulset",
        {"statefulset": "db", "replicas": 0, "autoscaled": "ignore"},
        "Get Patch",
        lambda bench: whole(bench, "db", 0),
        lambda bench: whole(bench, "db", 2),
    ),
    "scale a deployment": Case(
        "scale_deployment",
        {"deployment": "web", "replicas": 1},
        "Get List Patch",
        lambda bench: whole(bench, "web", 1),
        lambda bench: whole(bench, "web", 3),
    ),
    "restart a deployment": Case(
        "rollout_restart",
        {"deployment": "web"},
        "Get Patch",
        lambda bench: restarted(bench, "web", 3),
    ),
    "restart a stateful set": Case(
        "restart_statefulset",
        {"statefulset": "db"},
        "Get Patch",
        lambda bench: restarted(bench, "db", 2),
    ),
    "restart a daemon set": Case(
        "restart_daemonset",
        {"daemonset": "agent"},
        "Get Patch",
        lambda bench: restarted(bench, "agent", 3),
    ),
    "cordon": Case("cordon_node", {"node": "n1"}, "Get Patch", cordoned, lambda bench: not cordoned(bench)),
    "uncordon": Case(
        "uncordon_node",
        {"node": "n1"},
        "Get Patch",
        lambda bench: not cordoned(bench),
        cordoned,
        cordon,
    ),
    "drain": Case(
        "drain_node",
        {"node": "n1", "ignore_daemonsets": True},
        "",
        lambda bench: cordoned(bench) and on_node(bench) == ["agent"] and whole(bench, "web", 3),
        lambda bench: not cordoned(bench),
    ),
    "drain without budgets": Case(
        "drain_node",
        {"node": "n2", "ignore_daemonsets": True, "disable_eviction": True},
        "",
        lambda bench: cordoned(bench, "n2") and on_node(bench, "n2") == ["agent"],
        lambda bench: not cordoned(bench, "n2"),
    ),
    "drain a node with nothing on it": Case(
        "drain_node",
        {"node": "n4", "ignore_daemonsets": True},
        "Get Patch List",
        lambda bench: cordoned(bench, "n4") and on_node(bench, "n4") == ["agent"],
        lambda bench: not cordoned(bench, "n4"),
        lambda bench: bench.put(node("n4")),
    ),
    "more resources in place": Case(
        "increase_resources",
        {"deployment": "web", "cpu": "300m"},
        "Get List List List Patch Patch Patch",
        lambda bench: granted(bench, "300m"),
        lambda bench: granted(bench, "200m"),
    ),
    "more resources by rolling": Case(
        "increase_resources",
        {"deployment": "web", "percent": 50, "method": "rolling"},
        "Get Get Patch",
        lambda bench: templated(bench, "300m"),
        lambda bench: templated(bench, "200m"),
    ),
    "expand a claim": Case(
        "expand_pvc",
        {"pvc": "data", "size": "20Gi"},
        "Get Patch",
        lambda bench: capacity(bench) == "20Gi",
    ),
    "back data up": Case(
        "backup_data",
        {"pvc": "data", "backup_pvc": "backup"},
        "Get Get Create",
        lambda bench: finished_jobs(bench, "backup") == 1,
    ),
    "clean storage up": Case(
        "cleanup_storage",
        {"pvc": "data", "path": "logs", "older_than_days": 7},
        "Get Create",
        lambda bench: finished_jobs(bench, "cleanup") == 1,
    ),
    "compact storage": Case(
        "compact_storage",
        {"pvc": "data", "older_than_days": 1},
        "Get Create",
        lambda bench: finished_jobs(bench, "compact") == 1,
    ),
    "run a job": Case(
        "run_job",
        {"name": "collect", "duration_s": 3},
        "Create",
        lambda bench: finished_jobs(bench, "collect") == 1,
        lambda bench: bench.of_kind("Job") == [],
    ),
    "run a job that gives something": Case(
        "run_job",
        {"name": "draw", "duration_s": 3, "exit_codes": [0], "outputs": [{"result": "heads"}]},
        "Create List",
        lambda bench: finished_jobs(bench, "draw") == 1,
        lambda bench: bench.of_kind("Job") == [],
    ),
    "change an autoscaler": Case(
        "update_hpa",
        {"hpa": "other", "max_replicas": 9, "cpu_percent": 50},
        "Get Patch",
        lambda bench: autoscaling(bench) == (1, 9, 50),
        lambda bench: autoscaling(bench) == (1, 3, 70),
    ),
    "change a network policy": Case(
        "update_network_policy",
        {"policy": "closed", "spec": POLICY},
        "Get Patch",
        lambda bench: bench.get("NetworkPolicy", "closed")["spec"] == POLICY,
        lambda bench: bench.get("NetworkPolicy", "closed")["spec"] == {"podSelector": {}, "ingress": []},
    ),
    "create a network policy": Case(
        "update_network_policy",
        {"policy": "fresh", "spec": POLICY},
        "Get Create",
        lambda bench: bench.get("NetworkPolicy", "fresh")["spec"] == POLICY,
        lambda bench: not exists(bench, "NetworkPolicy", "fresh"),
    ),
    "rotate secrets": Case(
        "rotate_secrets",
        {"secret": "credentials", "value_from": "incoming"},
        "Get Get List List List Create Patch Get Patch Get Patch Get Patch",
        lambda bench: (
            secret(bench) == {"password": NEW, "user": OLD}
            and all(restarted(bench, app, count) for app, count in USERS.items())
            and secrets_count(bench) == 3
        ),
        lambda bench: (
            secret(bench) == {"password": OLD, "user": OLD}
            and all(restarted(bench, app, count, "run-1/step-1/undo") for app, count in USERS.items())
            and secrets_count(bench) == 2
        ),
    ),
    "rotate secrets and leave their users alone": Case(
        "rotate_secrets",
        {"secret": "credentials", "value_from": "incoming", "restart": False, "keep_previous": False},
        "Get Get Patch",
        lambda bench: secret(bench)["password"] == NEW and whole(bench, "login", 1),
    ),
    "count": Case(
        "update_counter",
        {"name": "shared", "key": "hits", "increment": 5},
        "Get Patch",
        lambda bench: bench.get("ConfigMap", "shared")["data"]["hits"] == "46",
        lambda bench: bench.get("ConfigMap", "shared")["data"]["hits"] == "41",
    ),
}


def parameters_of(case: Case, bench: Bench) -> Mapping[str, Any]:
    """Return the case's parameters, with the pod that it means by name."""
    if case.parameters.get("pod") == FIRST_WEB:
        return {**case.parameters, "pod": pods(bench, "web")[0]["metadata"]["name"]}
    return case.parameters
