"""Running a Job of one pod to its end: what `run_job` and the storage actions share."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions.identity import DOMAIN, writer_of
from engine.actions.targets import NAMESPACE, READ, rule
from engine.core.action import ActionContext, InvalidParameters, Parameter
from engine.core.effects import Create, Delete, Get, Ref, Remember, Resource, Selection, WaitUntil
from engine.core.errors import ActionError, Conflict, NotFound, TargetMissing, TargetRefused

WRITER_LABEL: Final = f"{DOMAIN}/writer"
RUN_S: Final = f"{DOMAIN}/run-s"  # how long the pod of a modelled cluster works
EXIT_CODE: Final = f"{DOMAIN}/exit-code"  # and how it ends
KEPT_S: Final = 3600  # how long Kubernetes keeps the finished Job
NAME_LENGTH_MAX: Final = 63 - 17  # a Job's name is a label value of its pods; 17 for "-" and the writer
RBAC: Final = (rule("jobs", *READ, "create", "delete"),)
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_RUNS: Final = "runs_failed"
_CREATED: Final = "created"
_NONE: Final[Mapping[str, str]] = {}

RESOURCES: Final[Mapping[str, Parameter]] = {
    "namespace": NAMESPACE,
    "cpu": Parameter("string", default="100m", summary="the pod's CPU request"),
    "memory": Parameter("string", default="64Mi", summary="the pod's memory request"),
}


class JobFailed(ActionError):
    """The Job ended with the condition Failed."""

    reason = "JobFailed"


async def run_to_end(
    context: ActionContext,
    prefix: str,
    parameters: Mapping[str, Any],
    pod_spec: Mapping[str, Any],
    annotations: Mapping[str, str] = _NONE,
) -> str:
    """Create a Job, or adopt the one that an earlier attempt created, and wait until it is complete.

    Its name is `prefix` with the writer's identity. Only after it *failed* does the next attempt create
    another one. When the attempt is cancelled, the Job goes too.
    """
    namespace = parameters["namespace"]
    runs = context.memory.get(_RUNS, 0)
    writer = writer_of(context, str(runs))
    name = f"{prefix}-{writer}"
    if context.memory.get(_CREATED) == name:
        await _get_own(namespace, name, writer)
    else:
        await _create_or_adopt(_job(name, writer, parameters, pod_spec, annotations), writer)
        await Remember(_CREATED, name)
    try:
        outcome = await _until_ended(namespace, name)
    except ActionError as error:
        if error.reason == "Cancelled":
            await _delete(namespace, name)
        raise
    if outcome == "Failed":
        await Remember(_RUNS, runs + 1)
        raise JobFailed(f"Job {namespace}/{name} failed")
    return name


async def remove(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Delete the Job, its pod with it; what its work changed stays changed."""
    name = context.memory.get(_CREATED)
    if name is None:
        return {"undone": False}
    await _delete(parameters["namespace"], name)
    return {"undone": True, "job": name}


def check_name(action: str, name: str) -> None:
    """Raise `InvalidParameters` for what no Job's name may begin with."""
    if len(name) > NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise InvalidParameters(
            f"{action}: 'name' must be at most {NAME_LENGTH_MAX} lower-case letters, digits and dashes, "
            f"not {name!r}"
        )


def check_duration(action: str, duration_s: float) -> None:
    """Raise `InvalidParameters` for a negative duration."""
    if duration_s < 0:
        raise InvalidParameters(f"{action}: 'duration_s' must not be negative, found {duration_s}")


async def _delete(namespace: str, name: str) -> None:
    try:
        await Delete(Ref("Job", name, namespace))
    except NotFound:
        return


async def _create_or_adopt(job: Resource, writer: str) -> None:
    metadata = job["metadata"]
    try:
        await Create(job)
    except NotFound as error:
        raise TargetMissing(f"namespace {metadata['namespace']} does not exist") from error
    except Conflict:
        await _get_own(metadata["namespace"], metadata["name"], writer)


async def _get_own(namespace: str, name: str, writer: str) -> None:
    try:
        job = await Get(Ref("Job", name, namespace))
    except NotFound as error:
        message = f"Job {namespace}/{name} was removed before its end was seen"
        raise ActionError(message, reason="JobDisappeared") from error
    if (job["metadata"].get("labels") or {}).get(WRITER_LABEL) != writer:
        raise TargetRefused(f"Job {namespace}/{name} exists and belongs to somebody else", reason="NameTaken")


async def _until_ended(namespace: str, name: str) -> str:
    def ended(jobs: Sequence[Resource]) -> str | None:
        for job in jobs:
            for condition in (job.get("status") or {}).get("conditions") or ():
                if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
                    return str(condition["type"])
        return None

    selection = Selection("Job", namespace, name=name)
    outcome: str = await WaitUntil((selection,), ended, f"Job {namespace}/{name} to be complete")
    return outcome


def _job(
    name: str,
    writer: str,
    parameters: Mapping[str, Any],
    pod_spec: Mapping[str, Any],
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    labels = {WRITER_LABEL: writer}
    declared = {RUN_S: f"{parameters['duration_s']:g}", EXIT_CODE: str(parameters.get("exit_code", 0))}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": parameters["namespace"], "labels": labels},
        "spec": {
            "backoffLimit": 0,  # trying again is the engine's decision, by the step's retry policy
            "completions": 1,
            "parallelism": 1,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {
                "metadata": {"labels": labels, "annotations": {**declared, **annotations}},
                "spec": {"restartPolicy": "Never", **pod_spec},
            },
        },
    }


def container(parameters: Mapping[str, Any], command: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return the one container of a Job's pod."""
    return {
        "name": "main",
        "image": parameters["image"],
        "command": list(command),
        "resources": {"requests": {"cpu": parameters["cpu"], "memory": parameters["memory"]}},
        **more,
    }
