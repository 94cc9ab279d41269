"""Where a pod goes: the arithmetic of the scheduler's filters and scores on one node, in exact integers.

The rules are kube-scheduler's: NodeUnschedulable, TaintToleration, NodeAffinity, NodePorts and
NodeResourcesFit as filters; NodeResourcesFit (LeastAllocated, or MostAllocated) and
NodeResourcesBalancedAllocation as scores (cpu and memory, weight 1 each). What looks at more than one node
is in `simulator.cluster.fleet`. Ties go to the first node in order, where kube-scheduler draws lots.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scenarios.pod_requests import pod_requests
from scenarios.quantities import CPU, amount, cpu_millis
from simulator.cluster.podrules import Port, Rules, overlaps, pinned_to

MEMORY = "memory"
PODS = "pods"
SCORE_MAX = 100
# What a container without requests counts for in a score, never in the filter (util/pod_resources.go).
SCORED_CPU_M_DEFAULT = 100
SCORED_MEMORY_B_DEFAULT = 200 * 1024 * 1024
_SCORED = {CPU: SCORED_CPU_M_DEFAULT, MEMORY: SCORED_MEMORY_B_DEFAULT}
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_PREFER = "PreferNoSchedule"

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
    rules: Rules | None = None  # what it asks for besides: affinity, spreading, ports
    _hash: int = field(init=False, repr=False, compare=False)  # demands are looked up again and again

    def __post_init__(self) -> None:
        """Work out the hash, once."""
        told = (
            self.cpu_m, self.memory_b, self.extended, self.scored_cpu_m, self.scored_memory_b,
            self.tolerations, self.node_selector, self.node, self.rules,
        )  # fmt: skip
        object.__setattr__(self, "_hash", hash(told))

    def __hash__(self) -> int:
        """Return the hash of all that it asks."""
        return self._hash

    @classmethod
    def of(cls, pod_spec: Json) -> "Demand":
        """Read a pod's spec: the sum of its containers, or its largest init container if that is more."""
        totals, scored = pod_requests(pod_spec), pod_requests(pod_spec, _SCORED)
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
            rules=Rules.of(pod_spec),
        )


@dataclass(slots=True)
class NodeFree:
    """A node's allocatable resources and what its pods have requested of them."""

    name: str
    cpu_m: int
    memory_b: int
    pods: int
    extended: dict[str, int] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()  # the cordon first: its filter runs first
    discouraging: tuple[Taint, ...] = ()  # PreferNoSchedule: they count in the score only
    labels: Mapping[str, str] = field(default_factory=dict)
    cpu_m_taken: int = 0
    memory_b_taken: int = 0
    pods_taken: int = 0
    extended_taken: dict[str, int] = field(default_factory=dict)
    scored_cpu_m_taken: int = 0
    scored_memory_b_taken: int = 0
    ports_taken: dict[Port, int] = field(default_factory=dict)

    @classmethod
    def of(cls, node: Json) -> "NodeFree":
        """Read a Node object; the pods on it are added with `take`."""
        status, spec = node.get("status") or {}, node.get("spec") or {}
        allocatable = status.get("allocatable") or status.get("capacity") or {}
        stated = [
            Taint(taint["key"], taint.get("value") or "", taint["effect"])
            for taint in spec.get("taints") or ()
        ]
        taints = [Taint(_UNSCHEDULABLE, "", "NoSchedule")] if spec.get("unschedulable") else []
        taints += [taint for taint in stated if taint.effect != _PREFER]
        return cls(
            name=node["metadata"]["name"],
            cpu_m=cpu_millis(allocatable.get(CPU, 0)),
            memory_b=amount(allocatable.get(MEMORY, 0)),
            pods=amount(allocatable.get(PODS, 110)),  # the kubelet's own default
            extended={
                name: amount(size) for name, size in allocatable.items() if name not in (CPU, MEMORY, PODS)
            },
            taints=tuple(dict.fromkeys(taints)),
            discouraging=tuple(taint for taint in stated if taint.effect == _PREFER),
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
        if demand.rules is not None:
            for port in demand.rules.ports:
                self.ports_taken[port] = self.ports_taken.get(port, 0) + sign


class Refusal(NamedTuple):
    """Why a pod may not be bound to a node: the filter that says so, its words, and what might help."""

    plugin: str
    reasons: tuple[str, ...]
    resolvable: bool = True  # whether it might fit if pods left the node


def fits(node: NodeFree, demand: Demand) -> bool:
    """Say whether the pod may be bound to the node now, as far as this node alone decides."""
    return (
        node.pods_taken < node.pods
        and (not demand.cpu_m or node.cpu_m_taken + demand.cpu_m <= node.cpu_m)
        and (not demand.memory_b or node.memory_b_taken + demand.memory_b <= node.memory_b)
        and (not node.taints or _untolerated(node, demand) is None)
        and (not demand.extended or not _short_of(node, demand))
        and (not demand.node_selector or _selected(node, demand))
        and (not demand.node or demand.node == node.name)
        and (demand.rules is None or _welcomes(node, demand.rules))
    )


def refusal(node: NodeFree, demand: Demand) -> Refusal | None:
    """Return why the pod may not be bound to the node, as far as this node alone decides.

    As in kube-scheduler, a filter that fails ends the check; only the resource filter gives several reasons.
    """
    if demand.node and demand.node != node.name:
        return Refusal("NodeAffinity", ("node(s) didn't satisfy plugin(s) [NodeAffinity]",), resolvable=False)
    taint = _untolerated(node, demand)
    if taint is not None:
        if taint.key == _UNSCHEDULABLE:
            return Refusal("NodeUnschedulable", ("node(s) were unschedulable",), resolvable=False)
        words = f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}"
        return Refusal("TaintToleration", (words,), resolvable=False)
    rules = demand.rules
    if not _selected(node, demand) or (rules is not None and not rules.admits_node(node.name, node.labels)):
        words = "node(s) didn't match Pod's node affinity/selector"
        return Refusal("NodeAffinity", (words,), resolvable=False)
    if rules is not None and overlaps(rules.ports, node.ports_taken):
        return Refusal("NodePorts", ("node(s) didn't have free ports for the requested pod ports",))
    return _resource_refusal(node, demand)


def _resource_refusal(node: NodeFree, demand: Demand) -> Refusal | None:
    reasons = ["Too many pods"] if node.pods_taken >= node.pods else []
    if demand.cpu_m and node.cpu_m_taken + demand.cpu_m > node.cpu_m:
        reasons.append("Insufficient cpu")
    if demand.memory_b and node.memory_b_taken + demand.memory_b > node.memory_b:
        reasons.append("Insufficient memory")
    short = _short_of(node, demand)
    reasons += [f"Insufficient {name}" for name in short]
    if not reasons:
        return None
    never = (
        demand.cpu_m > node.cpu_m
        or demand.memory_b > node.memory_b
        or any(size > node.extended.get(name, 0) for name, size in demand.extended if name in short)
    )
    return Refusal("NodeResourcesFit", tuple(reasons), resolvable=not never)


def refusals(node: NodeFree, demand: Demand) -> tuple[str, ...]:
    """Return the words of `refusal`; empty if the pod may be bound to the node."""
    found = refusal(node, demand)
    return found.reasons if found is not None else ()


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


def most_allocated(node: NodeFree, demand: Demand) -> int:
    """Return the mean over cpu and memory of the share, 0..100, that is taken once this pod is there."""
    shares = [
        min(taken, capacity) * SCORE_MAX // capacity
        for taken, capacity in (
            (node.scored_cpu_m_taken + demand.scored_cpu_m, node.cpu_m),
            (node.scored_memory_b_taken + demand.scored_memory_b, node.memory_b),
        )
        if capacity
    ]
    return sum(shares) // len(shares) if shares else 0


def balanced_allocation(node: NodeFree, demand: Demand) -> int:
    """Return 100 less the deviation of the shares of cpu and memory that are requested, this pod's included.

    In floating point, as kube-scheduler reckons it; a pod that requests nothing is not scored.
    """
    if not demand.cpu_m and not demand.memory_b:
        return 0
    if not node.cpu_m or not node.memory_b:
        return SCORE_MAX
    cpu = (node.cpu_m_taken + demand.cpu_m) / node.cpu_m
    memory = (node.memory_b_taken + demand.memory_b) / node.memory_b
    apart = (min(1.0, cpu)) - (min(1.0, memory))
    return int((1 - abs(apart / 2)) * SCORE_MAX)


def allocation_score(node: NodeFree, demand: Demand, *, most: bool = False) -> int:
    """Return the sum of the scores that look at the node's resources only."""
    fit = most_allocated(node, demand) if most else least_allocated(node, demand)
    return fit + balanced_allocation(node, demand)


def node_score(node: NodeFree, demand: Demand, *, most: bool = False) -> int:
    """Return `allocation_score`, or -1 where the pod does not fit: asked very often."""
    if not fits(node, demand):
        return -1
    node_cpu, node_memory = node.cpu_m, node.memory_b
    scored_cpu = node.scored_cpu_m_taken + demand.scored_cpu_m
    scored_memory = node.scored_memory_b_taken + demand.scored_memory_b
    if most or scored_cpu > node_cpu or scored_memory > node_memory or not node_cpu or not node_memory:
        return allocation_score(node, demand, most=most)
    free = (node_cpu - scored_cpu) * 100 // node_cpu + (node_memory - scored_memory) * 100 // node_memory
    if not demand.cpu_m and not demand.memory_b:
        return free // 2
    # Since the pod fits, no share is above 1 but one that it does not ask for; that is left to the other.
    cpu = (node.cpu_m_taken + demand.cpu_m) / node_cpu
    memory = (node.memory_b_taken + demand.memory_b) / node_memory
    if cpu > 1.0 or memory > 1.0:
        return allocation_score(node, demand)
    apart = cpu - memory
    return free // 2 + int((1 - (apart if apart > 0 else -apart) / 2) * 100)


def tolerates(node: NodeFree, demand: Demand) -> bool:
    """Say whether the pod tolerates the node's taints."""
    return _untolerated(node, demand) is None


def untolerated_count(node: NodeFree, demand: Demand) -> int:
    """Return how many PreferNoSchedule taints of the node the pod does not tolerate."""
    return sum(
        not any(
            toleration.covers(taint)
            for toleration in demand.tolerations
            if toleration.effect in ("", _PREFER)
        )
        for taint in node.discouraging
    )


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


def _welcomes(node: NodeFree, rules: Rules) -> bool:
    return rules.admits_node(node.name, node.labels) and not (
        rules.ports and overlaps(rules.ports, node.ports_taken)
    )


def _selected(node: NodeFree, demand: Demand) -> bool:
    return all(node.labels.get(key) == value for key, value in demand.node_selector)


def _toleration(entry: Json) -> Toleration:
    get = entry.get
    return Toleration(get("key") or "", get("operator") or "Equal", get("value") or "", get("effect") or "")
