"""Clusters put together: profiles of nodes and workloads, and what a scenario puts in their place."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any, Final

from scenarios.cluster_choice import ClusterChoice
from scenarios.cluster_schema import ClusterFile
from scenarios.clusters import EVERY_WORKLOAD, ClusterSource
from scenarios.document import Document
from scenarios.errors import Path, did_you_mean, one_of
from scenarios.node_counts import counted, with_copies
from scenarios.node_schema import NodePool
from scenarios.workload_profiles import deployments_of


@dataclasses.dataclass(frozen=True, slots=True)
class TestCluster:
    """What a kind of test runs on: a profile, so many nodes, and their size if not the profile's own."""

    __test__ = False  # the name means what it says, to pytest too

    profile: str
    nodes: int
    node_profile: str = ""


FOR_TESTS: Final[Mapping[str, TestCluster]] = MappingProxyType(
    {
        "unit": TestCluster("basic-development", 1),
        "safety": TestCluster("resource-constrained", 2),
        "platform": TestCluster("monitoring-heavy", 3),
        "workflow": TestCluster("high-load-production", 3),
        "ai": TestCluster("high-load-production", 2, "gpu"),
        "integration": TestCluster("high-load-production", 3),
        "e2e": TestCluster("multi-tenant-dev", 5),
    }
)
"""By kind of test, what the predecessor picked (jordigilh/kubernaut, pkg/testutil)."""

_BASE: Final[Path] = ("cluster",)


def named(choice: ClusterChoice, scenario: Document) -> ClusterChoice:
    """Return a choice with a kind of test resolved to the profile and nodes that it stands for."""
    kind = choice.for_test
    if kind is None:
        return choice
    if kind not in FOR_TESTS:
        hint = did_you_mean(kind, FOR_TESTS)
        raise scenario.error((*_BASE, "for"), f"no cluster for '{kind}' tests", one_of(FOR_TESTS), hint)
    wanted = FOR_TESTS[kind]
    nodes: Any = wanted.nodes if choice.nodes is None else choice.nodes
    if wanted.node_profile and isinstance(nodes, int):
        nodes = (NodePool.model_validate({"profile": wanted.node_profile, "count": nodes}),)
    return choice.model_copy(update={"profile": wanted.profile, "for_test": None, "nodes": nodes})


def with_profiles(source: ClusterSource, base: FilePath) -> ClusterSource:
    """Return a cluster file with the Deployments of its workload profiles; paths start at `base`."""
    file = source.file
    if file is None or not file.workloads:
        return source
    found = deployments_of(file.workloads, source.document, ("workloads",), base)
    whole = file.model_copy(update={"workloads": (), "deployments": found + file.deployments})
    return dataclasses.replace(source, file=whole)


def chosen(source: ClusterSource, choice: ClusterChoice, scenario: Document, base: FilePath) -> ClusterSource:
    """Return the cluster with the scenario's nodes, workloads and version in place of its own."""
    if source.file is None:
        return _snapshot(source, choice, scenario)
    changes: dict[str, Any] = {}
    pools = choice.nodes if isinstance(choice.nodes, tuple) else source.file.nodes
    if choice.nodes is not None or choice.pools:
        changes["nodes"] = counted(pools, choice, scenario)
    if choice.workloads is not None:
        changes |= _workloads(source.file, choice, scenario, base)
    if choice.kubernetes_version is not None:
        changes["kubernetes_version"] = choice.kubernetes_version
    return dataclasses.replace(source, file=source.file.model_copy(update=changes))


def _workloads(
    file: ClusterFile, choice: ClusterChoice, scenario: Document, base: FilePath
) -> dict[str, Any]:
    """Return the Deployments that replace those of a file, and the behaviours that still mean one."""
    entries = deployments_of(choice.workloads or (), scenario, (*_BASE, "workloads"), base)
    known = [EVERY_WORKLOAD, *(f"{entry.namespace}/{entry.name}" for entry in entries)]
    behaviours = {name: said for name, said in file.behaviours.items() if name in known}
    return {"workloads": (), "deployments": entries, "behaviours": behaviours}


def _snapshot(source: ClusterSource, choice: ClusterChoice, scenario: Document) -> ClusterSource:
    if choice.workloads is not None:
        found = "a snapshot has the workloads that it has"
        raise scenario.error((*_BASE, "workloads"), found, "no `workloads` beside a snapshot")
    items = with_copies(source.items, choice, scenario)
    version = choice.kubernetes_version
    if version is not None:
        items = tuple(_upgraded(item, version) if item["kind"] == "Node" else item for item in items)
    return dataclasses.replace(source, items=items)


def _upgraded(node: dict[str, Any], version: str) -> dict[str, Any]:
    """Return a Node as if its kubelet were of another version."""
    status = node.get("status") or {}
    info = {**(status.get("nodeInfo") or {}), "kubeletVersion": f"v{version}.0"}
    return {**node, "status": {**status, "nodeInfo": info}}
