"""`run_job`: run a Job and wait for its end."""

from collections.abc import Mapping
from typing import Any

from engine.actions import drawn_outcomes
from engine.actions.jobs import (
    RBAC,
    RESOURCES,
    WRITER_LABEL,
    check_duration,
    check_name,
    container,
    remove,
    run_to_end,
)
from engine.actions.targets import rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter

EXIT_CODE_MAX = 255


async def run_job(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create a Job of one pod and wait until it is complete.

    Without a `command`, its pod sleeps `duration_s`, leaves one of `outputs` and exits with `exit_code`, or
    with one of `exit_codes`. With a command, the pod runs that, and the others say what a modelled cluster
    makes of it. The Job's name is `name` with the writer's identity:
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
    drawn_outcomes.check(parameters)
    codes = drawn_outcomes.exit_codes_of(parameters, context.attempt)
    outputs = parameters["outputs"] or ()
    command = [str(word) for word in parameters["command"] or ()]
    command = command or drawn_outcomes.shell(f"{parameters['duration_s']:g}", codes, outputs)
    pod_spec: dict[str, Any] = {"containers": [container(parameters, command)]}
    if parameters["node_selector"]:
        pod_spec["nodeSelector"] = dict(parameters["node_selector"])
    annotations = drawn_outcomes.declared(codes, outputs)
    given = {**parameters, "exit_code": codes[0]}
    name = await run_to_end(context, parameters["name"], given, pod_spec, annotations)
    if not outputs:
        return {"job": name}
    label = (WRITER_LABEL, name.rpartition("-")[2])
    return {**await drawn_outcomes.read_outputs(parameters["namespace"], label), "job": name}


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
        **drawn_outcomes.PARAMETERS,
        "node_selector": Parameter("object", summary="labels that the pod's node must have"),
    },
    calls_min=1,
    summary="run a Job and wait for its end",
    rollback=remove,
    rbac=(*RBAC, rule("pods", "list")),
    precondition="the namespace exists, and a pod of this size finds a place",
    post_condition="the Job is complete",
)
