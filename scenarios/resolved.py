"""The resolved form of a scenario: one self-contained file, with every default explicit."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from scenarios.cluster_choice import ClusterChoice
from scenarios.clusters import ClusterSource, build_cluster
from scenarios.compile import TARGETS
from scenarios.document import Document
from scenarios.emit import to_yaml
from scenarios.load_schema import Trace
from scenarios.node_counts import NODES, POOLS
from scenarios.node_schema import NodePool
from scenarios.parameters import CATALOGUE
from scenarios.scenario import Scenario, Sources
from scenarios.schema import ScenarioFile
from scenarios.sweep import Sweep
from scenarios.trace import carried, cut

_VERBATIM: Final = {"variables", "sweep", "quotas", "objects"}  # a null means something there
_CLUSTER_PATHS: Final = {  # where one of these is swept, there is no one cluster to carry
    "cluster",
    "cluster.profile",
    "cluster.for",
    "cluster.files",
    "cluster.kubernetes_version",
    "cluster.workloads",
}
_TRACE_PATHS: Final = {  # where one of these is swept, there is no one recording to carry
    "load",
    "load.trace",
    "load.trace.file",
    "load.trace.gaps",
    "load.trace.column",
    "load.trace.unit",
}
_WORKFLOW_PATHS: Final = {"workload", "workload.workflow"}


def resolved_yaml(scenario: Scenario) -> str:
    """Return the whole scenario as a file. Loading it gives the same RunSpecs and the same resolved form."""
    return to_yaml(resolved_data(scenario.document, scenario.file, scenario.sources, scenario.sweep))


def resolved_data(document: Document, file: ScenarioFile, sources: Sources, sweep: Sweep) -> dict[str, Any]:
    """Return the same as plain data."""
    data: dict[str, Any] = pruned(file.model_dump(by_alias=True))
    if file.sweep is None:
        data.pop("sweep", None)
    if not file.faults:
        del data["faults"]
    if any(path.startswith("engine.") and path.endswith("preset") for path in sweep.paths):
        data["engine"] = document.data.get("engine", {})  # what a preset gives is written nowhere else
    workload = data["workload"]
    if not _WORKFLOW_PATHS & set(sweep.paths):
        source = sources.workflow(document, file.workload.workflow)
        values = source.values(file.workload.parameters, document)
        variables = [*file.workload.variables, TARGETS]
        workload["workflow"] = source.assemble(values, variables, sources.subflow).whole(source)
        workload["parameters"] = values
    if file.workload.load.trace is not None and not _TRACE_PATHS & set(sweep.paths):
        workload["load"]["trace"] = _trace(document, file.workload.load.trace, sources, sweep)
    if not _CLUSTER_PATHS & set(sweep.paths):
        data["cluster"] = _cluster(document, file, sources, sweep, data["cluster"])
    return data


def _trace(document: Document, trace: Trace, sources: Sources, sweep: Sweep) -> dict[str, Any]:
    """Return the arrivals in place of their file; those that no point ever sees are left out."""
    offsets: Sequence[int] = sources.trace(document, trace)
    if not {"load.trace.from", "load.trace.for"} & set(sweep.paths):
        offsets = cut(offsets, trace.begins, trace.lasts) or offsets
        trace = trace.model_copy(update={"begins": 0})
    return carried(trace, offsets)


def _cluster(
    document: Document, file: ScenarioFile, sources: Sources, sweep: Sweep, written: dict[str, Any]
) -> dict[str, Any]:
    choice = file.cluster
    if NODES in sweep.paths and isinstance(choice.nodes, int):  # of a snapshot, all would have to be as many
        choice = choice.model_copy(update={"nodes": None})
    source = sources.cluster(document, choice)
    spec = build_cluster(source, choice, document)
    values = {name: CATALOGUE[name].format(value) for name, value in spec.parameters.items()}
    rest = {"parameters": values, "overridden_by": dict(spec.overrides)}
    kept = {"kubernetes_version", "quotas", "add", "behaviours"}
    added = {key: item for key, item in written.items() if key in kept}
    if source.file is None:
        nodes = sum(item["kind"] == "Node" for item in source.items)
        return {"snapshot": _snapshot_text(source), "nodes": nodes} | added | rest
    inline = pruned(source.file.model_dump(by_alias=True))
    head = {"inline": inline, "kubernetes_version": spec.kubernetes_version}
    return head | _counts(source.file.nodes, choice, sweep) | added | rest


def _counts(pools: Sequence[NodePool], choice: ClusterChoice, sweep: Sweep) -> dict[str, Any]:
    """Return how many nodes each pool has, the first one's under the path that the scenario has for it."""
    first, *others = pools
    counts = {pool.name: pool.count for pool in others}
    if first.name in choice.pools or POOLS + first.name in sweep.paths:
        return {"pools": {first.name: first.count} | counts}
    return {"nodes": first.count} | ({"pools": counts} if counts else {})


def _snapshot_text(source: ClusterSource) -> str:
    """Return a snapshot as JSON with one object a line."""
    rows = ",\n".join(json.dumps(item, separators=(",", ":")) for item in source.items)
    return f'{{"apiVersion":"v1","kind":"List","name":{json.dumps(source.name)},"items":[\n{rows}\n]}}'


def pruned(value: Any) -> Any:
    """Return plain data without the keys that are None, tuples made lists."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if item is not None}
        return {key: _lists(item) if key in _VERBATIM else pruned(item) for key, item in kept.items()}
    return [pruned(item) for item in value] if isinstance(value, list | tuple) else value


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def paths_of(data: Any, prefix: str = "") -> Iterable[str]:
    """Yield every path of resolved data that leads to a single value."""
    for key, item in data.items() if isinstance(data, dict) else ():
        path = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(item, dict):
            yield from paths_of(item, path)
        else:
            yield path
