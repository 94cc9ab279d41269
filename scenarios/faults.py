"""From the faults of a scenario file to those of a RunSpec: what they hit must be in the cluster."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.actions import CATALOGUE
from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError
from scenarios.fault_schema import FaultEntry, unknown
from scenarios.fault_spec import FaultSpec
from scenarios.runspec import ClusterSpec, WorkloadSpec

ZONE: Final = "topology.kubernetes.io/zone"
WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
_CALLED: Final = (  # kinds of what requests are made for
    *WORKLOADS, "Pod", "Node", "Service", "ConfigMap", "Secret", "Namespace", "Event", "Lease", "Endpoints",
    "EndpointSlice", "PodDisruptionBudget", "HorizontalPodAutoscaler", "PersistentVolumeClaim",
    "NetworkPolicy", "ResourceQuota", "LimitRange", "Binding",
)  # fmt: skip


def build_faults(
    document: Document, entries: Sequence[FaultEntry], cluster: ClusterSpec, workload: WorkloadSpec
) -> tuple[FaultSpec, ...]:
    """Return the faults; `ScenarioError` names every node, zone, workload or kind that there is not."""
    known = _Known(cluster, workload)
    problems = [
        problem
        for index, entry in enumerate(entries)
        for problem in known.problems(document, ("faults", index), entry)
    ]
    if problems:
        raise ScenarioError(problems)
    return tuple(known.spec(entry) for entry in entries)


class _Known:
    """What a cluster has that can be hit."""

    def __init__(self, cluster: ClusterSpec, workload: WorkloadSpec) -> None:
        nodes = [item for item in cluster.objects if item["kind"] == "Node"]
        self.nodes = {item["metadata"]["name"]: _zone(item) for item in nodes}
        self.zones = list(dict.fromkeys(zone for zone in self.nodes.values() if zone))
        self.workloads = list(
            dict.fromkeys(
                f"{item['metadata'].get('namespace', 'default')}/{item['metadata']['name']}"
                for item in cluster.objects
                if item["kind"] in WORKLOADS and not item["metadata"].get("ownerReferences")
            )
        )

        templates = [pod for item in cluster.objects if (pod := _pod_spec(item)) is not None]
        started = [name for flow in (workload.workflow, *workload.subflows) for name in _brought(flow)]
        self.images = sorted(
            {name: None for pod in templates for name in _images(pod)} | dict.fromkeys(started)
        )
        self.any_image = any("${" in name for name in started)  # known at an execution only

    def problems(self, document: Document, place: Path, entry: FaultEntry) -> list[Problem]:
        """Return what an entry names that is not there."""
        found: list[Problem] = []

        def look(path: Path, what: str, name: str, known: list[str]) -> None:
            if name not in known:
                found.append(document.problem((*place, *path), *unknown(what, name, known)))

        if isinstance(entry.node, str):
            look(("node",), "node", entry.node, list(self.nodes))
        for number, name in enumerate(entry.node if isinstance(entry.node, tuple) else ()):
            look(("node", number), "node", name, list(self.nodes))
        if entry.zone is not None:
            look(("zone",), "zone", entry.zone, self.zones)
        if entry.workload is not None:
            look(("workload",), "workload", entry.workload, self.workloads)
        for number, kind in enumerate(entry.kinds or ()):
            look(("kinds", number), "kind", kind, list(_CALLED))
        if entry.image is not None and not self.any_image:
            look(("image",), "image", entry.image, self.images)
        if not found and entry.pick is not None and entry.pick > (most := len(self.candidates(entry))):
            what = "zones" if entry.fault == "zone-loss" else "nodes"
            message = f"{entry.pick} of {most} {what}"
            found.append(document.problem((*place, "pick"), message, f"at most {most}"))
        return found

    def candidates(self, entry: FaultEntry) -> tuple[str, ...]:
        """Return the names of nodes (or zones) that an entry may hit."""
        if entry.fault == "zone-loss":
            return (entry.zone,) if entry.zone else tuple(self.zones)
        if entry.fault not in _OF_NODES:
            return ()
        named = (entry.node,) if isinstance(entry.node, str) else entry.node
        chosen = self.nodes if named is None else named
        return tuple(name for name in chosen if entry.zone is None or self.nodes[name] == entry.zone)

    def spec(self, entry: FaultEntry) -> FaultSpec:
        """Return an entry with everything explicit."""
        return FaultSpec(
            fault=entry.fault,
            at_ns=entry.at,
            every=entry.every,
            lasts=entry.lasts,
            candidates=self.candidates(entry),
            pick=entry.pick,
            workload=entry.workload or "",
            options=entry.options,
        )


_OF_NODES: Final = ("node-crash", "node-pause", "node-partition", "kubelet-stop", "image-pull-failure")


def _pod_spec(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the spec of an object's pods, its own or its template's; None if it has none."""
    spec = item.get("spec") or {}
    if item["kind"] == "Pod":
        return spec
    if item["kind"] == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return (spec.get("template") or {}).get("spec")


def _images(pod: Mapping[str, Any]) -> list[str]:
    containers = (*(pod.get("initContainers") or ()), *(pod.get("containers") or ()))
    return [one["image"] for one in containers if one.get("image")]


def _brought(flow: Any) -> Iterator[str]:
    """Yield the images that a workflow names, and those that its actions start pods of by default."""
    if isinstance(flow, Mapping):
        action = CATALOGUE.get(flow["action"]) if isinstance(flow.get("action"), str) else None
        if action is not None and "image" in action.parameters:
            yield str(action.parameters["image"].default)
        if isinstance(flow.get("image"), str):
            yield flow["image"]
    if isinstance(flow, Mapping | list | tuple):
        for part in flow.values() if isinstance(flow, Mapping) else flow:
            yield from _brought(part)


def _zone(node: Mapping[str, Any]) -> str:
    zone: str = (node["metadata"].get("labels") or {}).get(ZONE, "")
    return zone
