"""Which pool grows, and by how many nodes: pods that fit nowhere are packed onto copies of each pool's node.

Source: kubernetes/autoscaler cluster-autoscaler/estimator/binpacking_estimator.go, expander/.
"""

from collections.abc import Sequence
from copy import copy
from typing import Final, NamedTuple

from engine.core.effects import Resource
from simulator.cluster.placement import Demand, NodeFree, fits
from simulator.cluster.scaling.groups import NodeGroup
from simulator.streams import Stream, entity

Pending = Sequence[tuple[str, Demand]]
_NO_PRICE: Final = float("inf")


class Option(NamedTuple):
    """What a group could do for the pods."""

    group: NodeGroup
    nodes: int
    pods: int
    waste: float  # share of CPU and of memory that would be free, summed


def option_of(group: NodeGroup, pending: Pending) -> Option | None:
    """Return how many nodes of a group hold how many pods, the largest first; None if none fits."""
    template = NodeFree.of(group.template())
    cpu, memory = max(1, template.cpu_m), max(1, template.memory_b)
    ordered = sorted(pending, key=lambda one: -(one[1].cpu_m / cpu + one[1].memory_b / memory))
    new: list[NodeFree] = []
    placed = 0
    for _, demand in ordered:
        node = next((node for node in new if fits(node, demand)), None)
        if node is None and len(new) < group.room and fits(template, demand):
            node = fresh(template)
            new.append(node)
        if node is not None:
            node.take(demand)
            placed += 1
    if not placed:
        return None
    free_cpu = 1 - sum(node.cpu_m_taken for node in new) / (cpu * len(new))
    free_memory = 1 - sum(node.memory_b_taken for node in new) / (memory * len(new))
    return Option(group, len(new), placed, free_cpu + free_memory)


def choose(options: Sequence[Option], expander: str, draws: tuple[Stream, int]) -> Option:
    """Return the option that the expander prefers; the first of equals."""
    if expander == "least-waste":
        return min(options, key=lambda option: option.waste)
    if expander == "most-pods":
        return max(options, key=lambda option: option.pods)
    if expander == "price":
        return min(options, key=_price_per_pod)
    stream, ordinal = draws
    return min(options, key=lambda option: stream.uniform(entity(option.group.name), ordinal))


def fresh(template: NodeFree) -> NodeFree:
    """Return an empty node like the template."""
    node = copy(template)
    node.extended_taken = dict(template.extended_taken)
    return node


def free_of(node: Resource) -> NodeFree:
    """Return an empty node as the scheduler sees it."""
    return NodeFree.of(node)


def _price_per_pod(option: Option) -> float:
    price = option.group.price_per_hour
    return _NO_PRICE if price is None else price * option.nodes / option.pods
