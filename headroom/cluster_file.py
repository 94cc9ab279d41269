"""`headroom cluster`: the modelled cluster of a scenario, settled, as a Kubernetes List."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import scenarios
from headroom.rundir import write_text
from scenarios import ClusterSpec, Scenario
from scenarios.emit import to_yaml

YAML_SUFFIXES = (".yaml", ".yml")


def settled(scenario: Scenario) -> tuple[ClusterSpec, list[dict[str, Any]]]:
    """Return the cluster of the first point, and its objects as they are when a run begins."""
    from simulator.cluster.bootstrap import settle, settled_at

    cluster = scenarios.compile(scenario, scenario.points()[0], 0).cluster
    return cluster, settle(cluster.objects, settled_at(cluster.objects))


def as_list(objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return objects as ``kubectl get -o json`` prints them, with the resource versions they came with."""
    return {
        "apiVersion": "v1",
        "kind": "List",
        "metadata": {"resourceVersion": ""},
        "items": [dict(item) for item in objects],
    }


def write(objects: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write the List as YAML or JSON, as the file's name says."""
    listed = as_list(objects)
    text = to_yaml(listed) if file.suffix in YAML_SUFFIXES else as_json(listed)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, [text])


def as_json(value: Any) -> str:
    """Return the text of a List."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def described(cluster: ClusterSpec, objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what was written, for a summary."""
    counts = Counter(item["kind"] for item in objects)
    return {
        "cluster": cluster.name,
        "kubernetes_version": cluster.kubernetes_version,
        "objects_count": len(objects),
        "objects_count_by_kind": dict(sorted(counts.items())),
        "pending": [
            f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"
            for item in objects
            if item["kind"] == "Pod" and not item["spec"].get("nodeName")
        ],
    }
