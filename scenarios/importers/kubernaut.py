"""Remediation workflows of kubernaut: an action type, and an opaque image that carries it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import did_you_mean, one_of
from scenarios.importers.imported import Findings, Imported, name_of
from scenarios.importers.shapes import check_shape, without_nothing

WHAT: Final = "a remediation workflow"
KIND: Final = "RemediationWorkflow"
NAMESPACE: Final = "${TARGET_RESOURCE_NAMESPACE}"
TARGET: Final = "${TARGET_RESOURCE_NAME}"
JOB_S: Final = 10  # what a Job stands for that nothing is known of, in seconds


@dataclass(frozen=True)
class Doing:
    """One step of ours; `wanted`: parameters that a declared parameter gives, found by a word in its name."""

    id: str
    action: str
    parameters: Mapping[str, Any]
    wanted: Mapping[str, str] = field(default_factory=dict)


def _job(step_id: str) -> Doing:
    return Doing(
        step_id, "run_job", {"namespace": "{{ job_namespace }}", "name": step_id, "duration_s": "{{ job_s }}"}
    )


_NODE: Final = {"node": TARGET}
_REPLICAS: Final = {"replicas": "REPLICAS"}
_DRAIN: Final = {**_NODE, "ignore_daemonsets": True, "delete_emptydir_data": True}


def _of(kind: str) -> dict[str, str]:
    """Return the parameters of an action on the target, which is of this kind."""
    return {"namespace": NAMESPACE, kind: TARGET}


ACTION_TYPES: Final[Mapping[str, tuple[Doing, ...]]] = {
    "CleanupStorage": (Doing("cleanup", "cleanup_storage", _of("pvc"), {"older_than_days": "DAYS"}),),
    "CordonDrainNode": (Doing("cordon", "cordon_node", _NODE), Doing("drain", "drain_node", _DRAIN)),
    "CordonNode": (Doing("cordon", "cordon_node", _NODE),),
    "DeletePod": (Doing("delete", "delete_pod", _of("pod")),),
    "DrainNode": (Doing("drain", "drain_node", _DRAIN),),
    "ExpandPVC": (Doing("expand", "expand_pvc", _of("pvc"), {"size": "SIZE"}),),
    "GitRevertCommit": (_job("git-revert"),),
    "GracefulRestart": (Doing("restart", "rollout_restart", _of("deployment")),),
    "IncreaseCPULimits": (Doing("increase", "increase_resources", _of("deployment"), {"cpu_limit": "CPU"}),),
    "IncreaseMemoryLimits": (
        Doing("increase", "increase_resources", _of("deployment"), {"memory_limit": "MEMORY"}),
    ),
    "MigrateEmptyDirToPVC": (_job("backup"), _job("commit-and-sync"), _job("restore")),
    "PatchHPA": (Doing("raise", "update_hpa", _of("hpa"), {"max_replicas": "MAX_REPLICAS"}),),
    "ProvisionNode": (_job("provision-node"),),
    "QuarantinePod": (Doing("quarantine", "quarantine_pod", _of("pod")),),
    "RestartDaemonSet": (Doing("restart", "restart_daemonset", _of("daemonset")),),
    "RestartDeployment": (Doing("restart", "rollout_restart", _of("deployment")),),
    "RestartPod": (Doing("restart", "restart_pod", _of("pod")),),
    "RollbackDeployment": (Doing("rollback", "rollback_deployment", _of("deployment")),),
    "ScaleReplicas": (Doing("scale", "scale_deployment", _of("deployment"), _REPLICAS),),
    "ScaleStatefulSet": (Doing("scale", "scale_statefulset", _of("statefulset"), _REPLICAS),),
    "UncordonNode": (Doing("uncordon", "uncordon_node", _NODE),),
}
_BEYOND: Final[Mapping[str, str]] = {
    "GitRevertCommit": "reverting the commit and the synchronisation by Argo CD or Flux are a Job that "
    "waits: nothing of the workload changes",
    "MigrateEmptyDirToPVC": "backup, commit, synchronisation and restore are Jobs that wait: no claim is "
    "made and no data are moved",
    "ProvisionNode": "no node is added: a Job stands for the request",
}
_SHAPE: Final = {
    "metadata": {"name": "text"},
    "spec": {
        "actionType": "text",
        "execution": {"bundle": "text", "engine": "text"},
        "parameters": [{"name": "name", "default": "text", "description": "text"}],
    },
}
_SPEC: Final = (
    "version", "description", "actionType", "labels", "detectedLabels", "execution", "dependencies",
    "parameters",
)  # fmt: skip


def is_kubernaut(documents: Sequence[Document]) -> bool:
    """Tell whether one of a file's documents is a remediation workflow."""
    return any(isinstance(one.data, dict) and one.data.get("kind") == KIND for one in documents)


def import_kubernaut(documents: Sequence[Document], source: str) -> Imported:
    """Return the workflow: its action type as actions of ours."""
    found = [one for one in documents if isinstance(one.data, dict) and one.data.get("kind") == KIND]
    findings = Findings(found[0])
    if len(found) > 1:
        findings.problems.append(found[1].problem(("kind",), f"a second {KIND}", "one in a file"))
    found[0].data = data = without_nothing(found[0].data)
    check_shape(findings, found[0], (), _SHAPE)
    findings.check()
    spec = data.get("spec") or {}
    for key in spec:
        if key not in _SPEC:
            findings.refuse(
                ("spec", key), f"unknown key '{key}'", one_of(_SPEC), did_you_mean(key, _SPEC), key=True
            )
    action_type = str(spec.get("actionType", ""))
    doings = ACTION_TYPES.get(action_type)
    if doings is None:
        hint = did_you_mean(action_type, ACTION_TYPES)
        findings.refuse(
            ("spec", "actionType"), f"no action of ours does '{action_type}'", one_of(ACTION_TYPES), hint
        )
    findings.check()
    assert doings is not None
    steps = _steps(findings, spec, doings)
    findings.check()
    _notes(findings, documents, spec, action_type)
    parameters = _parameters(findings, spec, steps)
    workflow = {
        "apiVersion": "headroom/v1",
        "kind": "Workflow",
        "name": name_of(str((data.get("metadata") or {}).get("name") or source)),
        "description": _description(spec),
        **({"parameters": parameters} if parameters else {}),
        "steps": steps,
    }
    return Imported(source, WHAT, workflow, tuple(findings.notes))


def _declared(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in spec.get("parameters") or () if isinstance(row, dict) and row.get("name")]


def _steps(findings: Findings, spec: Mapping[str, Any], doings: Sequence[Doing]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for doing in doings:
        parameters = dict(doing.parameters)
        for name, word in doing.wanted.items():
            given = [row for row in _declared(spec) if word in str(row["name"]).upper()]
            if not given:
                findings.refuse(
                    ("spec", "parameters"),
                    f"{doing.action} needs '{name}', and no parameter gives it",
                    f"a parameter with {word} in its name",
                )
                continue
            parameters[name] = _reference(given[0])
        step: dict[str, Any] = {"id": doing.id, "action": doing.action}
        if steps:
            step["needs"] = [steps[-1]["id"]]
        steps.append({**step, "parameters": parameters})
    return steps


def _reference(row: Mapping[str, Any]) -> str:
    return f"{{{{ {row['name']} }}}}" if "default" in row else f"${{{row['name']}}}"


def _parameters(
    findings: Findings, spec: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    used = str(steps)
    parameters: dict[str, Any] = {}
    for row in _declared(spec):
        name, summary = row["name"], str(row.get("description", ""))
        if f"{{{{ {name} }}}}" in used:
            parameters[name] = {"default": row["default"], "summary": summary}
        elif f"${{{name}}}" in used:
            required = "" if row.get("required") else ", though it is optional there"
            findings.note(f"{name} is a variable of the workload{required}: {summary}")
        else:
            findings.note(f"{name} has no effect here: {summary}")
    if "{{ job_s }}" in used:
        summary = "how long a Job works that stands for what the image does, in seconds"
        parameters["job_namespace"] = {"default": "default", "summary": "where the Jobs run"}
        parameters["job_s"] = {"default": float(JOB_S), "min": 0, "summary": summary}
    return parameters


def _notes(
    findings: Findings, documents: Sequence[Document], spec: Mapping[str, Any], action_type: str
) -> None:
    execution = spec.get("execution") or {}
    bundle, engine = execution.get("bundle", "an image"), execution.get("engine", "job")
    findings.note(
        f"{action_type} is carried out by {bundle} (engine: {engine}), which is opaque: what it does "
        "beyond these actions is not modelled, nor is the time that its own pod takes to start"
    )
    if action_type in _BEYOND:
        findings.note(_BEYOND[action_type])
    others = [str(one.data.get("kind")) for one in documents if isinstance(one.data, dict)]
    others = [kind for kind in dict.fromkeys(others) if kind != KIND]
    if others:
        findings.note(f"{', '.join(others)} of the file are not created: the engine has rights of its own")
    if spec.get("dependencies"):
        findings.note("its dependencies (secrets) are not needed here")
    conditions = [key for key in ("labels", "detectedLabels") if spec.get(key)]
    if conditions:
        findings.note(f"when it is chosen ({', '.join(conditions)}) is not this engine's business")


def _description(spec: Mapping[str, Any]) -> str:
    description = spec.get("description")
    text = description.get("what", "") if isinstance(description, dict) else str(description or "")
    return " ".join(str(text).split())
