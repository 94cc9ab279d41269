"""`run_job`: run a Job and wait for its end."""

from collections.abc import Mapping
from typing import Any

from engine.actions.jobs import (
    RBAC,
    RESOURCES,
    check_duration,
    check_name,
    container,
    remove,
    run_to_end,
)
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter

EXIT_CODE_MAX = 255


async def run_job(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create a Job of one pod and wait until it is complete.

    Without a `command`, its pod sleeps `duration_s` and exits with `exit_code`. With one, the pod runs that,
    and the two say what a modelled cluster makes of it. The Job's name is `name` with the writer's identity:
    a second start adopts the Job that the first one created, whether it still runs or has ended; only after
    it *failed* (JobFailed) does the next attempt create another one. Namespace missing: `TargetMissing`. The
    name taken by somebody else's Job: `TargetRefused`. A Job that was removed before its end was seen:
    JobDisappeared. A pod that never starts: the step's timeout ends the wait. Cancelled: the Job is deleted.
    """
    check_name("run_job", parameters["name"])
    check_duration("run_job", parameters["duration_s"])
    if not 0 <= parameters["exit_code"] <= EXIT_CODE_MAX:
        raise InvalidParameters(
            f"run_job: 'exit_code' is 0 to {EXIT_CODE_MAX}, found {parameters['exit_code']}"
        )
    command = [str(word) for word in parameters["command"] or ()] or _sleep(parameters)
    pod_spec = {"containers": [container(parameters, command)]}
    return {"job": await run_to_end(context, parameters["name"], parameters, pod_spec)}


def _sleep(parameters: Mapping[str, Any]) -> list[str]:
    duration = f"{parameters['duration_s']:g}"
    if parameters["exit_code"]:
        return ["sh", "-c", f"sleep {duration}; exit {parameters['exit_code']}"]
    return ["sleep", duration]


SPEC = ActionSpec(
    name="run_job",
    run=run_job,
    parameters={
        "namespace": RESOURCES["namespace"],
        "name": Parameter("string", required=True, summary="how the Job's name begins"),
        "duration_s": Parameter("number", required=True, summary="how long its pod works, in seconds"),
        "cpu": RESOURCES["cpu"],
        "memory": RESOURCES["memory"],
        "image": Parameter("string", default="busybox:1.36", summary="the image; one that has sleep"),
        "command": Parameter("array", summary="what its pod runs; null: sleep for duration_s"),
        "exit_code": Parameter("integer", default=0, summary="how it ends; not 0: the Job fails"),
    },
    calls_min=1,
    summary="run a Job and wait for its end",
    rollback=remove,
    rbac=RBAC,
    precondition="the namespace exists, and a pod of this size finds a place",
    post_condition="the Job is complete",
)
