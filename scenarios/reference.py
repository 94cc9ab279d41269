"""The reference of the file formats and of the model's parameters, drawn from the schema itself."""

from collections.abc import Iterator
from typing import Any

from scenarios.metrics import FAMILIES, METRICS
from scenarios.parameters import CATALOGUE


def json_schema(kind: str = "scenario") -> dict[str, Any]:
    """Return the JSON Schema of scenario, workflow or cluster files, for editors."""
    from scenarios.cluster_schema import ClusterFile
    from scenarios.schema import ScenarioFile
    from scenarios.workflow_schema import WorkflowFile

    model = {"scenario": ScenarioFile, "workflow": WorkflowFile, "cluster": ClusterFile}[kind]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Headroom {kind}"}
    return {**model.model_json_schema(), **head}


def parameters_markdown() -> str:
    """Return the table of the model's parameters."""
    lines = ["| Parameter | Default | Unit | Kubernetes | Source | What it is |", "|--|--|--|--|--|--|"]
    lines += [
        f"| `{entry.name}` | {_code(entry.format(entry.value))} | {entry.unit} | {entry.kubernetes_version} "
        f"| {entry.source} | {entry.summary} |"
        for entry in CATALOGUE.values()
    ]
    return "\n".join(lines) + "\n"


def metrics_markdown() -> str:
    """Return the table of the metrics that a target may name."""
    lines = ["| Metric | Unit | One value per | What it is |", "|--|--|--|--|"]
    for metric in (*METRICS.values(), *FAMILIES.values()):
        lines.append(f"| `{metric.name}` | {metric.unit} | {metric.per} | {metric.summary} |")
    return "\n".join(lines) + "\n"


def reference_markdown() -> str:
    """Return the reference of all three file formats and of the metrics, as Markdown."""
    parts = []
    for kind in ("scenario", "workflow", "cluster"):
        parts.append(f"## {kind.capitalize()} file\n")
        parts += _tables(json_schema(kind))
    parts.append("## Metrics\n")
    parts.append(metrics_markdown())
    return "\n".join(parts)


def _tables(schema: dict[str, Any]) -> Iterator[str]:
    yield _table("The file", schema, schema)
    for name, node in schema.get("$defs", {}).items():
        if "properties" in node:
            yield _table(name, node, schema)


def _table(name: str, node: dict[str, Any], schema: dict[str, Any]) -> str:
    lines = [f"### {name}\n"]
    if description := node.get("description"):
        lines += [_one_line(description), ""]
    lines += ["| Key | Type | Default |", "|--|--|--|"]
    required = set(node.get("required", ()))
    for key, child in node["properties"].items():
        default = "required" if key in required else _default(child, schema)
        lines.append(f"| `{key}` | {_type(child)} | {default} |")
    return "\n".join(lines) + "\n"


def _type(node: dict[str, Any]) -> str:
    if "$ref" in node:
        return node["$ref"].rsplit("/", 1)[-1]
    if "anyOf" in node:
        kinds = [_type(branch) for branch in node["anyOf"] if branch.get("type") != "null"]
        return node.get("description", "") or " or ".join(dict.fromkeys(kinds))
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return " or ".join(f"`{word}`" for word in node["enum"])
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}))}"
    if node.get("type") == "object":
        inner = node.get("additionalProperties")
        return f"mapping to {_type(inner)}" if isinstance(inner, dict) and inner else "mapping"
    return node.get("description") or {"string": "text"}.get(
        node.get("type", ""), node.get("type", "anything")
    )


def _default(node: dict[str, Any], schema: dict[str, Any]) -> str:
    default = node.get("default")
    if default in (None, "", [], {}):
        return ""
    return _code(default) if not isinstance(default, dict) else "see there"


def _code(value: object) -> str:
    return f"`{value}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())
