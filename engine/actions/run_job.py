"""`run_job`: run a Job that works for a declared time, and wait for its end."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.identity import DOMAIN, writer_of
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Create, Get, Ref, Remember, Resource, Selection, WaitUntil
from engine.core.errors import ActionError, Conflict, NotFound, TargetMissing, TargetRefused

WRITER_LABEL = f"{DOMAIN}/writer"
KEPT_S = 3600  # how long Kubernetes keeps the finished Job
NAME_LENGTH_MAX = 63 - 17  # a Job's name is a label value of its pods; 17 for "-" and the writer
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_RUNS = "runs_failed"
_CREATED = "created"


class JobFailed(ActionError):
    """The Job ended with the condition Failed."""

    reason = "JobFailed"


async def run_job(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create a Job whose one pod sleeps `duration_s`, and wait until it is complete.

    The Job's name is `name` with the writer's identity: a second start adopts the Job that the first one
    created, whether it still runs or has ended; only after it *failed* does the next attempt create
    another one. Namespace missing: `TargetMissing`. The name taken by somebody else's Job:
    `TargetRefused`. A Job that was removed before its end was seen: JobDisappeared. A pod that never
    starts: the step's timeout ends the wait.
    """
    _check(parameters)
    namespace = parameters["namespace"]
    runs = context.memory.get(_RUNS, 0)
    writer = writer_of(context, str(runs))
    name = f"{parameters['name']}-{writer}"
    if context.memory.get(_CREATED) == name:
        await _get_own(namespace, name, writer)
    else:
        await _create_or_adopt(_job(name, writer, parameters), writer)
        await Remember(_CREATED, name)
    if await _until_ended(namespace, name) == "Failed":
        await Remember(_RUNS, runs + 1)
        raise JobFailed(f"Job {namespace}/{name} failed")
    return {"job": name}


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


def _job(name: str, writer: str, parameters: Mapping[str, Any]) -> Resource:
    container = {
        "name": "main",
        "image": parameters["image"],
        "command": ["sleep", f"{parameters['duration_s']:g}"],
        "resources": {"requests": {"cpu": parameters["cpu"], "memory": parameters["memory"]}},
    }
    labels = {WRITER_LABEL: writer}
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
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": "Never", "containers": [container]},
            },
        },
    }


def _check(parameters: Mapping[str, Any]) -> None:
    name = parameters["name"]
    if len(name) > NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        raise InvalidParameters(
            f"run_job: 'name' must be at most {NAME_LENGTH_MAX} lower-case letters, digits and dashes, "
            f"not {name!r}"
        )
    if parameters["duration_s"] < 0:
        raise InvalidParameters(
            f"run_job: 'duration_s' must not be negative, found {parameters['duration_s']}"
        )


SPEC = ActionSpec(
    name="run_job",
    run=run_job,
    parameters={
        "namespace": Parameter("string", required=True, summary="where the Job runs"),
        "name": Parameter("string", required=True, summary="how the Job's name begins"),
        "duration_s": Parameter("number", required=True, summary="how long its pod works, in seconds"),
        "cpu": Parameter("string", default="100m", summary="the pod's CPU request"),
        "memory": Parameter("string", default="64Mi", summary="the pod's memory request"),
        "image": Parameter("string", default="busybox:1.36", summary="an image that has sleep"),
    },
    calls_min=1,
    summary="run a Job that works for a declared time, and wait for its end",
)
