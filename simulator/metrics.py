"""What the model's Prometheus scrapes: values of the cluster's state under kube-state-metrics' names.

Source of names and labels: kubernetes/kube-state-metrics, docs/metrics. The model has no use of processor
and memory over time, hence nothing of cAdvisor's; ``node:cpu_requested:ratio`` and
``node:memory_requested:ratio`` are what a recording rule would make of requests and allocatable.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from engine.core.effects import Resource, Sample
from scenarios.quantities import resource_amount
from simulator.cluster.objects import has_ended
from simulator.cluster.placement import Demand
from simulator.cluster.store import Store

View = Mapping[str, Sequence[Resource]]
"""The objects of a scrape, by kind, in order of namespace and name."""

KINDS: Final = ("Deployment", "Node", "Pod")
_PHASES: Final = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_WORDS: Final = ("true", "false", "unknown")
_UNITS: Final = {"cpu": "core", "memory": "byte"}


def view(store: Store) -> View:
    """Return what the store holds now; objects never change, so a view stays what it was."""
    return {
        kind: [of_kind[key] for key in sorted(of_kind)]
        for kind in KINDS
        for of_kind in (store.objects.get(kind, {}),)
    }


def _deployments(value: Callable[[Resource], Any]) -> Callable[[View], Iterator[Sample]]:
    def samples(seen: View) -> Iterator[Sample]:
        for one in seen["Deployment"]:
            metadata = one["metadata"]
            labels = {"namespace": metadata["namespace"], "deployment": metadata["name"]}
            yield Sample(labels, float(value(one)))

    return samples


def _status(name: str) -> Callable[[View], Iterator[Sample]]:
    return _deployments(lambda one: (one.get("status") or {}).get(name, 0))


def _pod_labels(pod: Resource) -> dict[str, str]:
    metadata = pod["metadata"]
    return {"namespace": metadata.get("namespace", ""), "pod": metadata["name"], "uid": metadata["uid"]}


def _conditions(one: Resource, labels: Mapping[str, str], name: str) -> Iterator[Sample]:
    """Yield one sample a condition and word; `name` is the label that holds the word."""
    for condition in (one.get("status") or {}).get("conditions") or ():
        for word in _WORDS:
            more = {name: word} if name == "condition" else {"condition": condition["type"], name: word}
            yield Sample({**labels, **more}, float(condition["status"].lower() == word))


def _pods_ready(seen: View) -> Iterator[Sample]:
    for pod in seen["Pod"]:
        ready = [one for one in (pod.get("status") or {}).get("conditions") or () if one["type"] == "Ready"]
        yield from _conditions({"status": {"conditions": ready}}, _pod_labels(pod), "condition")


def _pod_phases(seen: View) -> Iterator[Sample]:
    for pod in seen["Pod"]:
        current = (pod.get("status") or {}).get("phase", "Pending")
        for phase in _PHASES:
            yield Sample({**_pod_labels(pod), "phase": phase}, float(phase == current))


def _pod_info(seen: View) -> Iterator[Sample]:
    for pod in seen["Pod"]:
        yield Sample({**_pod_labels(pod), "node": pod["spec"].get("nodeName", "")}, 1.0)


def _restarts(seen: View) -> Iterator[Sample]:
    for pod in seen["Pod"]:
        for known in (pod.get("status") or {}).get("containerStatuses") or ():
            labels = {**_pod_labels(pod), "container": known["name"]}
            yield Sample(labels, float(known.get("restartCount", 0)))


def _node_conditions(seen: View) -> Iterator[Sample]:
    for node in seen["Node"]:
        yield from _conditions(node, {"node": node["metadata"]["name"]}, "status")


def _unschedulable(seen: View) -> Iterator[Sample]:
    for node in seen["Node"]:
        closed = (node.get("spec") or {}).get("unschedulable", False)
        yield Sample({"node": node["metadata"]["name"]}, float(bool(closed)))


def _allocatable(node: Resource, name: str) -> float:
    given = (node.get("status") or {}).get("allocatable") or {}
    counted = resource_amount(name, given.get(name, 0))
    return counted / 1000 if name == "cpu" else float(counted)


def _nodes_allocatable(seen: View) -> Iterator[Sample]:
    for node in seen["Node"]:
        for name, unit in _UNITS.items():
            labels = {"node": node["metadata"]["name"], "resource": name, "unit": unit}
            yield Sample(labels, _allocatable(node, name))


def _requested(name: str) -> Callable[[View], Iterator[Sample]]:
    """Return the ratio of what a node's pods request to what it can give."""

    def samples(seen: View) -> Iterator[Sample]:
        used: dict[str, float] = {}
        for pod in seen["Pod"]:
            node = pod["spec"].get("nodeName", "")
            if node and not has_ended(pod):
                demand = Demand.of(pod["spec"])
                amount = demand.cpu_m / 1000 if name == "cpu" else demand.memory_b
                used[node] = used.get(node, 0.0) + amount
        for node_object in seen["Node"]:
            node, allocatable = node_object["metadata"]["name"], _allocatable(node_object, name)
            if allocatable:
                yield Sample({"node": node}, used.get(node, 0.0) / allocatable)

    return samples


FAMILIES: Final[Mapping[str, Callable[[View], Iterator[Sample]]]] = {
    "kube_deployment_spec_replicas": _deployments(lambda one: one["spec"].get("replicas", 1)),
    "kube_deployment_status_replicas": _status("replicas"),
    "kube_deployment_status_replicas_available": _status("availableReplicas"),
    "kube_deployment_status_replicas_ready": _status("readyReplicas"),
    "kube_deployment_status_replicas_unavailable": _status("unavailableReplicas"),
    "kube_deployment_status_replicas_updated": _status("updatedReplicas"),
    "kube_node_spec_unschedulable": _unschedulable,
    "kube_node_status_allocatable": _nodes_allocatable,
    "kube_node_status_condition": _node_conditions,
    "kube_pod_container_status_restarts_total": _restarts,
    "kube_pod_info": _pod_info,
    "kube_pod_status_phase": _pod_phases,
    "kube_pod_status_ready": _pods_ready,
    "node:cpu_requested:ratio": _requested("cpu"),
    "node:memory_requested:ratio": _requested("memory"),
}
"""Every metric of the model by name: a view to its samples, in a stated order."""
