"""The reference of the file formats and of the model's parameters, drawn from the schema itself."""

from collections.abc import Iterator
from typing import Any

from scenarios.engine_presets import CLIENT_PRESETS, ENGINE_PRESETS
from scenarios.metrics import FAMILIES, METRICS
from scenarios.parameters import CATALOGUE
from scenarios.provenance import parameter_rows
from scenarios.versions import KNOWN


def json_schema(kind: str = "scenario") -> dict[str, Any]:
    """Return the JSON Schema of scenario, workflow, cluster or workload-profile files, for editors."""
    from scenarios.cluster_schema import ClusterFile, WorkloadsFile
    from scenarios.fields import Model
    from scenarios.schema import ScenarioFile
    from scenarios.workflow_schema import StepsEntry, WorkflowFile

    models: dict[str, type[Model]] = {
        "scenario": ScenarioFile,
        "workflow": WorkflowFile,
        "cluster": ClusterFile,
        "workloads": WorkloadsFile,
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Headroom {kind}"}
    schema = models[kind].model_json_schema()
    if kind == "workflow":  # steps are checked once their templates have been expanded
        schema["$defs"] = {**schema["$defs"], **StepsEntry.model_json_schema()["$defs"]}
    if reference := schema.pop("$ref", None):  # a file that may hold files refers to itself
        schema = {**schema["$defs"][reference.rsplit("/", 1)[-1]], "$defs": schema["$defs"]}
    return {**schema, **head}


def parameters_markdown() -> str:
    """Return the table of all parameters, as `headroom parameters` lists them, and that of the presets."""
    lines = [
        "# Parameters\n",
        "Every number of the modelled cluster, then the engine's. `headroom parameters` lists them too, and",
        "`headroom parameters SCENARIO` what a scenario, its cluster, a preset or a version sets.\n",
        "| Parameter | Default | Unit | Kubernetes | Source | What it is |",
        "|--|--|--|--|--|--|",
    ]
    for row in parameter_rows(version=KNOWN[-1]):
        lines.append(
            f"| `{row.name}` | {_code(row.value)} | {row.unit} | {row.kubernetes_version} "
            f"| {row.source} | {row.summary} |"
        )
        for one in CATALOGUE[row.name].earlier if row.name in CATALOGUE else ():
            value = _code(CATALOGUE[row.name].format(one.value))
            lines.append(f"| | {value} | {row.unit} | before {one.before} | {one.source} | |")
    for title, key, presets in (
        ("the engine", "engine.preset", ENGINE_PRESETS),
        ("its client", "engine.client", CLIENT_PRESETS),
    ):
        lines += [f"\n## Presets of {title}\n", f"| `{key}` | sets | to | Source |", "|--|--|--|--|"]
        lines += [
            f"| {_code(name)} | `engine.{given.path}` | {_code(given.value)} | {given.source} |"
            for name, rows in presets.items()
            for given in rows
        ]
    return "\n".join(lines) + "\n"


def metrics_markdown() -> str:
    """Return the table of the metrics that a target may name."""
    lines = ["| Metric | Unit | One value per | What it is |", "|--|--|--|--|"]
    lines += [
        f"| `{metric.name}` | {metric.unit} | {metric.per} | {metric.summary} |"
        for metric in (*METRICS.values(), *FAMILIES.values())
    ]
    return "\n".join(lines) + "\n"


def reference_markdown() -> str:
    """Return the reference of all file formats and of the metrics, as Markdown."""
    parts = []
    for kind in ("scenario", "workflow", "cluster", "workloads"):
        parts.append(f"## {kind.capitalize()} file\n")
        parts += _tables(json_schema(kind))
    parts.append("## Metrics\n")
    parts.append(metrics_markdown())
    return "\n".join(parts)


def _tables(schema: dict[str, Any]) -> Iterator[str]:
    yield _table("The file", schema)
    for name, node in schema.get("$defs", {}).items():
        if "properties" in node:
            yield _table(name, node)


def _table(name: str, node: dict[str, Any]) -> str:
    lines = [f"### {name}\n"]
    if description := node.get("description"):
        lines += [_one_line(description), ""]
    lines += ["| Key | Type | Default |", "|--|--|--|"]
    required = set(node.get("required", ()))
    for key, child in node["properties"].items():
        default = "required" if key in required else _default(child)
        lines.append(f"| `{key}` | {_type(child)} | {default} |")
    return "\n".join(lines) + "\n"


def _type(node: dict[str, Any]) -> str:
    if "$ref" in node:
        return str(node["$ref"]).rsplit("/", 1)[-1]
    if "const" in node or "enum" in node:
        return " or ".join(_code(word) for word in node.get("enum", [node.get("const")]))
    if "anyOf" in node or "oneOf" in node:
        branches = node.get("anyOf") or node["oneOf"]
        kinds = [_type(branch) for branch in branches if branch.get("type") != "null"]
        return str(node.get("description") or " or ".join(dict.fromkeys(kinds)))
    kind = str(node.get("type", "anything"))
    inner = node.get("items" if kind == "array" else "additionalProperties")
    if kind in {"array", "object"}:
        of = _type(inner) if isinstance(inner, dict) and inner else "anything"
        return f"list of {of}" if kind == "array" else f"mapping to {of}"
    return str(node.get("description") or {"string": "text"}.get(kind, kind))


def _default(node: dict[str, Any]) -> str:
    default = node.get("default")
    if default in (None, "", [], {}):
        return ""
    return _code(default) if not isinstance(default, dict) else "see there"


def _code(value: object) -> str:
    return f"`{value}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())
