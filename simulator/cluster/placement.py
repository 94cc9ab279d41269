"""Where a pod goes: the arithmetic of the scheduler's filters and scores, pure and in exact integers.

The rules are kube-scheduler's: NodeResourcesFit with the LeastAllocated strategy (cpu and memory, weight 1
each), NodeUnschedulable, TaintToleration (as a filter) and node selectors. Ties go to the first node in
order, where kube-scheduler draws lots.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scenarios.quantities import CPU, amount, cpu_millis, resource_amount

MEMORY = "memory"
PODS = "pods"
SCORE_MAX = 100
# What a container without requests counts for in a score, never in the filter (util/pod_resources.go).
SCORED_CPU_M_DEFAULT = 100
SCORED_MEMORY_B_DEFAULT = 200 * 1024 * 1024
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

Json = Mapping[str, Any]


class Taint(NamedTuple):
    """A taint that keeps pods off a node: `effect` is NoSchedule or NoExecute."""

    key: str
    value: str
    effect: str


class Toleration(NamedTuple):
    """A pod's toleration; empty `key` or `effect` match every one."""

    key: str
    operator: str
    value: str
    effect: str

    def covers(self, taint: Taint) -> bool:
        """Say whether a pod with this toleration may ignore `taint`."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.key and self.key != taint.key:
            return False
        return self.operator == "Exists" or self.value == taint.value


@dataclass(frozen=True, slots=True)
class Demand:
    """What one pod asks of a node; `scored_*` counts a container without requests at its default."""

    cpu_m: int = 0
    memory_b: int = 0
    extended: tuple[tuple[str, int], ...] = ()  # other resources, by name
    scored_cpu_m: int = 0
    scored_memory_b: int = 0
    tolerations: tuple[Toleration, ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()
    node: str = ""  # the only node it may run on, as a DaemonSet's pod

    @classmethod
    def of(cls, pod_spec: Json) -> "Demand":
        """Read a pod's spec: the sum of its containers, or its largest init container if that is more."""
        totals, scored = _pod_requests(pod_spec, scored=False), _pod_requests(pod_spec, scored=True)
        others = {name: size for name, size in totals.items() if name not in (CPU, MEMORY)}
        return cls(
            cpu_m=totals.get(CPU, 0),
            memory_b=totals.get(MEMORY, 0),
            extended=tuple(sorted(others.items())),
            scored_cpu_m=scored.get(CPU, 0),
            scored_memory_b=scored.get(MEMORY, 0),
            tolerations=tuple(map(_toleration, pod_spec.get("tolerations") or ())),
            node_selector=tuple(sorted((pod_spec.get("nodeSelector") or {}).items())),
            node=pinned_to(pod_spec),
        )


@dataclass(slots=True)
class NodeFree:
    """A node's allocatable resources and what its pods have requested of them."""

    name: str
    cpu_m: int
    memory_b: int
    pods: int
    extended: dict[str, int] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    cpu_m_taken: int = 0
    memory_b_taken: int = 0
    pods_taken: int = 0
    extended_taken: dict[str, int] = field(default_factory=dict)
    scored_cpu_m_taken: int = 0
    scored_memory_b_taken: int = 0

    @classmethod
    def of(cls, node: Json) -> "NodeFree":
        """Read a Node object; the pods on it are added with `take`."""
        status, spec = node.get("status") or {}, node.get("spec") or {}
        allocatable = status.get("allocatable") or status.get("capacity") or {}
        taints = [
            Taint(taint["key"], taint.get("value") or "", taint["effect"])
            for taint in spec.get("taints") or ()
            if taint["effect"] != "PreferNoSchedule"
        ]
        if spec.get("unschedulable"):
            taints.append(Taint(_UNSCHEDULABLE, "", "NoSchedule"))
        return cls(
            name=node["metadata"]["name"],
            cpu_m=cpu_millis(allocatable.get(CPU, 0)),
            memory_b=amount(allocatable.get(MEMORY, 0)),
            pods=amount(allocatable.get(PODS, 110)),  # the kubelet's own default
            extended={
                name: amount(size) for name, size in allocatable.items() if name not in (CPU, MEMORY, PODS)
            },
            taints=tuple(dict.fromkeys(taints)),
            labels=node["metadata"].get("labels") or {},
        )

    def take(self, demand: Demand) -> None:
        """Count a pod in."""
        self._add(demand, 1)

    def give_back(self, demand: Demand) -> None:
        """Count a pod out."""
        self._add(demand, -1)

    def _add(self, demand: Demand, sign: int) -> None:
        self.pods_taken += sign
        self.cpu_m_taken += sign * demand.cpu_m
        self.memory_b_taken += sign * demand.memory_b
        self.scored_cpu_m_taken += sign * demand.scored_cpu_m
        self.scored_memory_b_taken += sign * demand.scored_memory_b
        for name, size in demand.extended:
            self.extended_taken[name] = self.extended_taken.get(name, 0) + sign * size


def fits(node: NodeFree, demand: Demand) -> bool:
    """Say whether the pod may be bound to the node now."""
    return (
        node.pods_taken < node.pods
        and (not demand.cpu_m or node.cpu_m_taken + demand.cpu_m <= node.cpu_m)
        and (not demand.memory_b or node.memory_b_taken + demand.memory_b <= node.memory_b)
        and (not node.taints or _untolerated(node, demand) is None)
        and (not demand.extended or not _short_of(node, demand))
        and (not demand.node_selector or _selected(node, demand))
        and (not demand.node or demand.node == node.name)
    )


def refusals(node: NodeFree, demand: Demand) -> tuple[str, ...]:
    """Return why the pod may not be bound to the node, in the scheduler's words; empty if it may.

    As in kube-scheduler, a filter that fails ends the check; only the resource filter gives several reasons.
    """
    taint = _untolerated(node, demand)
    if taint is not None:
        if taint.key == _UNSCHEDULABLE:
            return ("node(s) were unschedulable",)
        return (f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}",)
    if not _selected(node, demand) or (demand.node and demand.node != node.name):
        return ("node(s) didn't match Pod's node affinity/selector",)
    reasons = ["Too many pods"] if node.pods_taken >= node.pods else []
    if demand.cpu_m and node.cpu_m_taken + demand.cpu_m > node.cpu_m:
        reasons.append("Insufficient cpu")
    if demand.memory_b and node.memory_b_taken + demand.memory_b > node.memory_b:
        reasons.append("Insufficient memory")
    return (*reasons, *(f"Insufficient {name}" for name in _short_of(node, demand)))


def least_allocated(node: NodeFree, demand: Demand) -> int:
    """Return the mean over cpu and memory of the share, 0..100, that is free once this pod is there."""
    score = resources = 0
    if node.cpu_m:
        score += _free_share(node.scored_cpu_m_taken + demand.scored_cpu_m, node.cpu_m)
        resources += 1
    if node.memory_b:
        score += _free_share(node.scored_memory_b_taken + demand.scored_memory_b, node.memory_b)
        resources += 1
    return score // resources if resources else 0


def choose(nodes: Iterable[NodeFree], demand: Demand) -> NodeFree | None:
    """Return the feasible node with the highest score, the first of equals; None if there is none."""
    best, best_score = None, -1
    for node in nodes:
        if fits(node, demand):
            score = least_allocated(node, demand)
            if score > best_score:
                best, best_score = node, score
    return best


def unschedulable_message(nodes: Sequence[NodeFree], demand: Demand) -> str:
    """Return the message of the PodScheduled condition, as kube-scheduler words it."""
    if not nodes:
        return "no nodes available to schedule pods"
    counts = Counter(reason for node in nodes for reason in refusals(node, demand))
    reasons = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"0/{len(nodes)} nodes are available: {reasons}."


def _free_share(taken: int, capacity: int) -> int:
    return 0 if taken > capacity else (capacity - taken) * SCORE_MAX // capacity


def _untolerated(node: NodeFree, demand: Demand) -> Taint | None:
    for taint in node.taints:
        if not any(toleration.covers(taint) for toleration in demand.tolerations):
            return taint
    return None


def _short_of(node: NodeFree, demand: Demand) -> list[str]:
    return [
        name
        for name, size in demand.extended
        if size and node.extended_taken.get(name, 0) + size > node.extended.get(name, 0)
    ]


def pinned_to(pod_spec: Json) -> str:
    """Return the node that a required affinity names by its field metadata.name, or an empty text."""
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field_ in term.get("matchFields") or ():
            if field_["key"] == "metadata.name" and field_["operator"] == "In":
                return str(field_["values"][0])
    return ""


def _selected(node: NodeFree, demand: Demand) -> bool:
    return all(node.labels.get(key) == value for key, value in demand.node_selector)


def _toleration(entry: Json) -> Toleration:
    get = entry.get
    return Toleration(get("key") or "", get("operator") or "Equal", get("value") or "", get("effect") or "")


def _pod_requests(pod_spec: Json, *, scored: bool) -> dict[str, int]:
    """Sum as `resourcehelper.PodRequests`: sidecars run beside everything that starts after them."""
    totals: dict[str, int] = {}
    for container in pod_spec.get("containers") or ():
        _add_to(totals, _container_requests(container, scored=scored))
    sidecars: dict[str, int] = {}
    largest: dict[str, int] = {}
    for container in pod_spec.get("initContainers") or ():
        wanted = _container_requests(container, scored=scored)
        if container.get("restartPolicy") == "Always":
            _add_to(sidecars, wanted)
            _add_to(totals, wanted)
            wanted = dict(sidecars)
        else:
            _add_to(wanted, sidecars)
        for name, size in wanted.items():
            largest[name] = max(largest.get(name, 0), size)
    result = {name: max(totals.get(name, 0), largest.get(name, 0)) for name in {**totals, **largest}}
    overhead = pod_spec.get("overhead") or {}
    _add_to(result, {name: resource_amount(name, value) for name, value in overhead.items()})
    return result


def _container_requests(container: Json, *, scored: bool) -> dict[str, int]:
    """Return a container's requests; a limit without a request is one (the API server's defaulting)."""
    resources = container.get("resources") or {}
    stated = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    wanted = {name: resource_amount(name, value) for name, value in stated.items()}
    if scored:
        wanted.setdefault(CPU, SCORED_CPU_M_DEFAULT)
        wanted.setdefault(MEMORY, SCORED_MEMORY_B_DEFAULT)
    return wanted


def _add_to(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for name, size in more.items():
        totals[name] = totals.get(name, 0) + size
