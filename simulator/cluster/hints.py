"""What may help a pod that fits nowhere: kube-scheduler's queueing hints, by the filters that refused it.

Something that happens lets a pod try again only if one of those filters says that it may help (the
QueueingHintFn of each plugin).
"""

from collections.abc import Callable
from typing import NamedTuple

from engine.core.effects import Resource
from simulator.cluster.census import Placed
from simulator.cluster.objects import matches
from simulator.cluster.placement import Demand, NodeFree, tolerates
from simulator.cluster.podrules import PodTerm, overlaps


class Happening(NamedTuple):
    """One thing that has happened: to a node, or to a pod that has one."""

    node: NodeFree | None = None  # as it is now
    node_before: NodeFree | None = None  # None: it is new
    gone: Placed | None = None  # a pod that has left its node
    came: Resource | None = None  # a pod that has got a node, or other labels
    shrunk: bool = False  # a pod asks for less than before


def may_help(plugins: tuple[str, ...], pod: Resource, demand: Demand, happening: Happening) -> bool:
    """Say whether a pod that `plugins` refused is to try again."""
    if not plugins:
        return True  # there was no node at all
    return any(_HINTS[plugin](pod, demand, happening) for plugin in plugins)


def _resources(_pod: Resource, demand: Demand, happening: Happening) -> bool:
    if happening.gone is not None or happening.shrunk:
        return True
    node, before = happening.node, happening.node_before
    if node is None or demand.cpu_m > node.cpu_m or demand.memory_b > node.memory_b or not node.pods:
        return False
    if any(size > node.extended.get(name, 0) for name, size in demand.extended):
        return False
    return (
        before is None
        or node.pods > before.pods
        or node.cpu_m > before.cpu_m
        or node.memory_b > before.memory_b
        or any(node.extended.get(name, 0) > before.extended.get(name, 0) for name, _ in demand.extended)
    )


def _taints(_pod: Resource, demand: Demand, happening: Happening) -> bool:
    node, before = happening.node, happening.node_before
    if node is None or not tolerates(node, demand):
        return False
    return before is None or not tolerates(before, demand)


def _wants(node: NodeFree, demand: Demand) -> bool:
    return (
        demand.node in ("", node.name)
        and all(node.labels.get(key) == value for key, value in demand.node_selector)
        and (demand.rules is None or demand.rules.admits_node(node.name, node.labels))
    )


def _node_affinity(_pod: Resource, demand: Demand, happening: Happening) -> bool:
    node, before = happening.node, happening.node_before
    return node is not None and _wants(node, demand) and (before is None or not _wants(before, demand))


def _ports(_pod: Resource, demand: Demand, happening: Happening) -> bool:
    if happening.gone is not None:
        left = happening.gone.demand.rules
        wanted = demand.rules
        return (
            left is not None and wanted is not None and overlaps(wanted.ports, dict.fromkeys(left.ports, 1))
        )
    return happening.node is not None and happening.node_before is None


def _labels_moved(happening: Happening) -> bool:
    node, before = happening.node, happening.node_before
    return node is not None and (before is None or node.labels != before.labels)


def _spread(pod: Resource, demand: Demand, happening: Happening) -> bool:
    if _labels_moved(happening):
        return True
    namespace, labels = _whose(happening)
    constraints = demand.rules.hard_spread if demand.rules is not None else ()
    return namespace == pod["metadata"].get("namespace", "") and any(
        matches(one.selector, labels) for one in constraints
    )


def _pod_affinity(pod: Resource, demand: Demand, happening: Happening) -> bool:
    if _labels_moved(happening):
        return True
    namespace, labels = _whose(happening)
    if namespace is None:
        return False
    own = pod["metadata"].get("namespace", "")
    rules = demand.rules
    if happening.gone is not None:
        bearer = happening.gone.bearer
        if bearer is not None and bearer.rules.anti_affinity:
            return True
        terms = rules.anti_affinity if rules is not None else ()
    else:
        terms = rules.affinity if rules is not None else ()
    return any(_may_select(term, own, namespace, labels) for term in terms)


def _may_select(term: PodTerm, own: str, namespace: str, labels: dict[str, str]) -> bool:
    named = term.namespace_selector is not None or namespace in (term.namespaces or (own,))
    return named and matches(term.selector, labels)


def _whose(happening: Happening) -> tuple[str | None, dict[str, str]]:
    if happening.gone is not None:
        return happening.gone.signature.namespace, dict(happening.gone.signature.labels)
    if happening.came is not None:
        metadata = happening.came["metadata"]
        return metadata.get("namespace", ""), metadata.get("labels") or {}
    return None, {}


_HINTS: dict[str, Callable[[Resource, Demand, Happening], bool]] = {
    "NodeResourcesFit": _resources,
    "NodeUnschedulable": _taints,  # a cordon is one
    "TaintToleration": _taints,
    "NodeAffinity": _node_affinity,
    "NodePorts": _ports,
    "PodTopologySpread": _spread,
    "InterPodAffinity": _pod_affinity,
}
