"""How many nodes a cluster has, as a knob: `cluster.nodes`, and `cluster.pools.NAME` for pools by name.

Of a profile, `cluster.nodes` is the number of nodes of its first pool, and `cluster.pools.NAME` that of the
pool of this name. A snapshot has no pools: `cluster.nodes` is how many nodes there are in all, and those
beyond the ones that it holds are copies of its last sound node (ready, schedulable, without taints), with the
same size, the same labels, and nothing on it. None of a snapshot's own nodes can be left out: its pods are
bound to them.
"""

import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from scenarios.cluster_choice import ClusterChoice
from scenarios.document import Document
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, one_of
from scenarios.node_schema import NodePool

if TYPE_CHECKING:
    from scenarios.scenario import Scenario

NODES: Final = "cluster.nodes"
POOLS: Final = "cluster.pools."
HOSTNAME: Final = "kubernetes.io/hostname"
_BASE: Final[Path] = ("cluster",)
_OWN: Final = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink", "ownerReferences")
_ADDRESSED: Final = ("podCIDR", "podCIDRs", "providerID")


def node_knobs(scenario: "Scenario") -> dict[str, int]:
    """Return the paths that set how many nodes there are, each with the number it has now."""
    source = scenario.sources.cluster(scenario.document, scenario.file.cluster)
    if source.file is None:
        return {NODES: sum(item["kind"] == "Node" for item in source.items)}
    first, *others = source.file.nodes
    return {NODES: first.count} | {f"{POOLS}{pool.name}": pool.count for pool in others}


def counted(pools: Sequence[NodePool], choice: ClusterChoice, document: Document) -> tuple[NodePool, ...]:
    """Return the pools with the numbers of nodes that a choice gives."""
    counts: dict[str, int] = {}
    if isinstance(choice.nodes, int):
        counts[pools[0].name] = choice.nodes
    _refuse(pools, counts, choice.pools, document)
    counts |= choice.pools
    return tuple(_sized(pool, counts.get(pool.name, pool.count)) for pool in pools)


def _sized(pool: NodePool, count: int) -> NodePool:
    return pool.model_copy(update={"count": count, "not_ready": min(pool.not_ready, count)})


def _refuse(
    pools: Sequence[NodePool], counts: Mapping[str, int], asked: Mapping[str, int], document: Document
) -> None:
    known = [pool.name for pool in pools]
    problems: list[Problem] = []
    for name, count in asked.items():
        place = (*_BASE, "pools", name)
        if name not in known:
            hint = did_you_mean(name, known)
            problems.append(
                document.problem(place, f"no pool '{name}' of nodes", one_of(known), hint, key=True)
            )
        elif counts.get(name, count) != count:
            found = f"{count} nodes of the pool '{name}' beside cluster.nodes: {counts[name]}, the same pool"
            problems.append(document.problem(place, found, "one of the two"))
    if problems:
        raise ScenarioError(problems)


def with_copies(
    items: Sequence[dict[str, Any]], choice: ClusterChoice, document: Document
) -> tuple[dict[str, Any], ...]:
    """Return a snapshot's objects with so many nodes as a choice asks for."""
    place = (*_BASE, "nodes")
    if choice.pools:
        raise document.error((*_BASE, "pools"), "a snapshot has no pools", f"{NODES}, all of its nodes")
    if choice.nodes is None:
        return tuple(items)
    nodes = [item for item in items if item["kind"] == "Node"]
    if not isinstance(choice.nodes, int):
        raise document.error(
            place, "pools beside a snapshot, which has the nodes that it has", "a number of nodes"
        )
    if choice.nodes < len(nodes):
        found = f"{choice.nodes} nodes beside a snapshot of {len(nodes)}"
        raise document.error(place, found, f"{len(nodes)} or more: its pods are bound to its nodes")
    missing = choice.nodes - len(nodes)
    sound = [node for node in nodes if _is_sound(node)]
    if missing and not sound:
        found = "no node of the snapshot to copy"
        raise document.error(place, found, "one that is ready, schedulable and without taints")
    taken = {node["metadata"]["name"] for node in nodes}
    names = (name for number in itertools.count(1) if (name := f"added-{number}") not in taken)
    copies = [_copy(sound[-1], next(names)) for _ in range(missing)]
    last = max((index for index, item in enumerate(items) if item["kind"] == "Node"), default=-1)
    return (*items[: last + 1], *copies, *items[last + 1 :])


def _is_sound(node: Mapping[str, Any]) -> bool:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    ready = any(
        isinstance(it, dict) and it.get("type") == "Ready" and it.get("status") == "True"
        for it in status.get("conditions") or ()
    )
    return ready and not spec.get("unschedulable") and not spec.get("taints")


def _copy(node: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a node like another, without what only that one can have: identity, addresses, volumes."""
    made: dict[str, Any] = copy.deepcopy(dict(node))
    metadata = {key: value for key, value in made["metadata"].items() if key not in _OWN}
    labels = {**metadata.get("labels", {}), HOSTNAME: name}
    made["metadata"] = {**metadata, "name": name, "labels": labels}
    made["spec"] = {key: value for key, value in (made.get("spec") or {}).items() if key not in _ADDRESSED}
    for key in ("addresses", "volumesInUse", "volumesAttached"):
        made.get("status", {}).pop(key, None)
    return made
