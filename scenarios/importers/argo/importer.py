"""From the documents of an Argo manifest to a workflow file."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from scenarios.document import Document
from scenarios.importers.argo.build import Builder
from scenarios.importers.argo.leaves import COUNT, Declared, Leaves
from scenarios.importers.argo.manifest import GROUP, Manifest, named, workflow_name
from scenarios.importers.argo.recorded import recorded_outcomes
from scenarios.importers.argo.shape import MANIFEST
from scenarios.importers.imported import Findings, Imported, identifier, name_of
from scenarios.importers.shapes import check_shape, without_nothing

WHAT: Final = "an Argo Workflow"
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def import_argo(documents: Sequence[Document], source: str, declared: Declared) -> Imported:
    """Return the workflow; `declared` says of templates what their commands do not."""
    holding = [one for one in documents if isinstance(one.data, dict)]
    findings = Findings(holding[0])
    for one in holding:
        one.data = without_nothing(one.data)
        if str(one.data.get("apiVersion", "")).startswith(GROUP):
            check_shape(findings, one, (), MANIFEST)
    findings.check()
    manifest = Manifest(documents, findings)
    findings.check()
    name = name_of(workflow_name(manifest.root))
    constants = _globals(manifest, findings)
    leaves = Leaves(findings, declared, recorded_outcomes(manifest.root), constants)
    leaves.counts = _counts(manifest.documents)
    builder = Builder(manifest, leaves, constants, name)
    body = builder.root()
    _refuse_unused(findings, declared, manifest, leaves)
    findings.check()
    namespace = (manifest.root.data.get("metadata") or {}).get("namespace") or "default"
    parameters: dict[str, Any] = {"job_namespace": {"default": namespace, "summary": "where the Jobs run"}}
    parameters |= {
        identifier(one): {"default": value, "summary": f"the workflow's parameter {one}"}
        for one, value in constants.items()
    }
    parameters |= leaves.parameters
    steps = body.pop("steps")
    data: dict[str, Any] = {
        "apiVersion": "headroom/v1",
        "kind": "Workflow",
        "name": name,
        "description": _description(manifest),
        "parameters": parameters,
        **({"semaphores": leaves.semaphores} if leaves.semaphores else {}),
        **body,
        **({"workflows": builder.inline} if builder.inline else {}),
        "steps": steps,
    }
    return Imported(source, WHAT, data, tuple(findings.notes))


def _globals(manifest: Manifest, findings: Findings) -> dict[str, Any]:
    """Return the workflow's parameters; texts that are numbers or JSON lists become those."""
    arguments = manifest.settings.get("arguments") or {}
    if arguments.get("artifacts"):
        findings.note("spec.arguments.artifacts are not handed over")
    values: dict[str, Any] = {}
    for name, row in named(arguments.get("parameters")).items():
        if "value" not in row and "default" not in row:
            place = manifest.spec / "arguments" / "parameters"
            place.refuse(findings, f"parameter '{name}' is given no value", "value or default")
        values[name] = _typed(row.get("value", row.get("default", "")))
    return values


def _typed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if _INTEGER.fullmatch(value.strip()):
        return int(value)
    if value.strip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _counts(documents: Sequence[Document]) -> dict[str, int]:
    """Return the numbers that the file's ConfigMaps hold, for semaphores."""
    counts = {}
    for one in documents:
        if one.data.get("kind") == "ConfigMap":
            name = (one.data.get("metadata") or {}).get("name")
            data = one.data.get("data")
            for key, value in data.items() if isinstance(data, dict) else ():
                if COUNT.fullmatch(str(value)):
                    counts[f"{name}/{key}"] = int(value)
    return counts


def _refuse_unused(
    findings: Findings, declared: Mapping[str, Any], manifest: Manifest, leaves: Leaves
) -> None:
    known = [template.name for template in manifest.templates.values()] + list(leaves.semaphores)
    for name in declared:
        if name not in known:
            manifest.spec.refuse(findings, f"--declare {name}: there is no such template or semaphore")


def _description(manifest: Manifest) -> str:
    annotations = (manifest.root.data.get("metadata") or {}).get("annotations") or {}
    text = " ".join(str(annotations.get("workflows.argoproj.io/description", "")).split())
    return text if text.isascii() else text.encode("ascii", "replace").decode()
