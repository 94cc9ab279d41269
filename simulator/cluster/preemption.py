"""Preemption: which pods of lower priority have to go so that a pod finds a place.

DefaultPreemption of kube-scheduler (framework/preemption/preemption.go, plugins/defaultpreemption): on each
node where it may help all pods of lower priority are taken away, and as many as possible given back, the
most important first and those whose budget would be violated before the others. Of the nodes the one is
chosen that violates the fewest budgets, then with the least important victims, then with the fewest.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.core.effects import Resource
from simulator.cluster.census import Placed
from simulator.cluster.disruption import BUDGET
from simulator.cluster.fleet import Fleet
from simulator.cluster.objects import is_terminating, matches
from simulator.cluster.placement import Demand, NodeFree, Refusal
from simulator.cluster.priorities import priority_of
from simulator.cluster.store import Key

SHARE, LEAST = 10, 100  # defaults.go: minCandidateNodesPercentage, minCandidateNodesAbsolute
_OFFSET = 1 << 31  # so that a sum of priorities counts negative ones too
_LATER_THAN_ALL = "~"
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"

Objects = Mapping[str, Mapping[Key, Resource]]


class Victims(NamedTuple):
    """A node, the pods that have to leave it, and how many budgets that violates."""

    node: str
    pods: tuple[Key, ...]
    violations: int


class Preemptor(NamedTuple):
    """The pod that looks for a place."""

    pod: Resource
    key: Key
    demand: Demand
    priority: int


def may_preempt(fleet: Fleet, objects: Objects, preemptor: Preemptor, resolvable: Mapping[str, bool]) -> bool:
    """Say whether the pod may look for victims: not if it is never to, or already waits for some to go."""
    if preemptor.pod["spec"].get("preemptionPolicy", _class_policy(objects, preemptor.pod)) == "Never":
        return False
    node = (preemptor.pod.get("status") or {}).get("nominatedNodeName", "")
    if not node or not resolvable.get(node, True):
        return True
    pods = objects.get("Pod", {})
    return not any(
        key in pods and is_terminating(pods[key]) and priority_of(pods[key], objects) < preemptor.priority
        for key in fleet.on(node)
    )


def find_victims(
    fleet: Fleet, objects: Objects, preemptor: Preemptor, refused: Sequence[Refusal | None], offset: float
) -> tuple[Victims | None, list[str]]:
    """Return the victims to take; or None, and why each node offers none.

    `refused` says in order of nodes why each refused the pod. `offset`, a share, says where the search begins
    if it does not go through all nodes.
    """
    order = fleet.ordered()
    hopeful = [node for node, why in zip(order, refused, strict=True) if why is not None and why.resolvable]
    reasons = [NOT_HELPFUL] * (len(order) - len(hopeful))
    wanted = min(len(hopeful), max(len(hopeful) * SHARE // 100, LEAST))
    begin = int(offset * len(hopeful)) if wanted < len(hopeful) else 0
    found: list[Victims] = []
    for position in range(len(hopeful)):
        node = hopeful[(begin + position) % len(hopeful)]
        victims, why = _on_node(fleet, objects, preemptor, node)
        reasons += why
        if victims is not None:
            found.append(victims)
        if len(found) >= wanted and any(not one.violations for one in found):
            break
    if not found:
        return None, reasons
    return min(found, key=lambda one: _rank(one, objects)), []


def _on_node(
    fleet: Fleet, objects: Objects, preemptor: Preemptor, node: NodeFree
) -> tuple[Victims | None, list[str]]:
    pods = objects.get("Pod", {})
    there = [
        (key, placed)
        for key, placed in fleet.on(node.name).items()
        if key in pods and priority_of(pods[key], objects) < preemptor.priority
    ]
    if not there:
        return None, [NO_VICTIMS]
    for key, placed in there:
        fleet.take_away(key, placed)
    if not _fits(fleet, preemptor, node):
        refused = fleet.refusals(preemptor.pod, preemptor.demand)
        why = refused[fleet.ordered().index(node)]
        for key, placed in there:
            fleet.put_back(key, placed)
        return None, list(why.reasons) if why is not None else [NO_VICTIMS]
    there.sort(key=lambda one: _importance(pods[one[0]], objects))
    violating, others = _by_budget(there, objects)
    victims: list[tuple[Key, Placed]] = []
    violations = 0
    for number, (key, placed) in enumerate([*violating, *others]):
        fleet.put_back(key, placed)
        if not _fits(fleet, preemptor, node):
            fleet.take_away(key, placed)
            victims.append((key, placed))
            violations += number < len(violating)
    for key, placed in victims:
        fleet.put_back(key, placed)
    victims.sort(key=lambda one: _importance(pods[one[0]], objects))
    if not victims:
        return None, [NO_VICTIMS]
    return Victims(node.name, tuple(key for key, _ in victims), violations), []


def _fits(fleet: Fleet, preemptor: Preemptor, node: NodeFree) -> bool:
    return fleet.admits(node, preemptor.pod, preemptor.key, preemptor.demand, preemptor.priority)


def _by_budget(
    pods: Sequence[tuple[Key, Placed]], objects: Objects
) -> tuple[list[tuple[Key, Placed]], list[tuple[Key, Placed]]]:
    """Part those whose going a budget forbids from the others (filterPodsWithPDBViolation)."""
    allowed = {
        key: (budget.get("status") or {}).get("disruptionsAllowed", 0)
        for key, budget in objects.get(BUDGET, {}).items()
    }
    violating: list[tuple[Key, Placed]] = []
    others: list[tuple[Key, Placed]] = []
    for one in pods:
        pod = objects["Pod"][one[0]]
        violated = False
        for key, budget in objects.get(BUDGET, {}).items():
            selector = budget["spec"].get("selector")
            disrupted = (budget.get("status") or {}).get("disruptedPods") or {}
            if key[0] != one[0][0] or not selector or one[0][1] in disrupted:
                continue
            if matches(selector, pod["metadata"].get("labels")):
                allowed[key] -= 1
                violated = violated or allowed[key] < 0
        (violating if violated else others).append(one)
    return violating, others


def _importance(pod: Resource, objects: Objects) -> tuple[int, str]:
    """Order the most important first: of the highest priority, then the longest running."""
    return -priority_of(pod, objects), _started(pod)


def _started(pod: Resource) -> str:
    started: str = (pod.get("status") or {}).get("startTime") or _LATER_THAN_ALL
    return started


def _rank(victims: Victims, objects: Objects) -> tuple[object, ...]:
    """Order the best first (pickOneNodeForPreemption)."""
    pods = [objects["Pod"][key] for key in victims.pods]
    priorities = [priority_of(pod, objects) for pod in pods]
    highest = max(priorities)
    earliest = min(
        _started(pod) for pod, priority in zip(pods, priorities, strict=True) if priority == highest
    )
    return (
        victims.violations,
        highest,
        sum(priority + _OFFSET for priority in priorities),
        len(pods),
        [-ord(letter) for letter in earliest],  # the latest first
    )


def _class_policy(objects: Objects, pod: Resource) -> str:
    found = objects.get("PriorityClass", {}).get(("", pod["spec"].get("priorityClassName", "")))
    policy: str = (found or {}).get("preemptionPolicy", "PreemptLowerPriority")
    return policy
