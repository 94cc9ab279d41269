"""`escalate_alert`: raise a firing alert anew with a higher severity, and tell somebody."""

from collections.abc import Mapping
from typing import Any, Final

from engine.actions.alerts import SEVERITY, alert_target, equal_to, firing, labels_of, lasts_ns
from engine.actions.create_alert import raise_once, resolve_own
from engine.actions.identity import writer_of
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Notify, Remember

_ALERT: Final = "alert"
_TOLD: Final = "told"


async def escalate_alert(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raise the first firing alert of this name and labels again, with `severity`, and tell `channel`.

    The first is the one whose labels come first in order. None fires: `TargetMissing`. It has that severity
    already: nothing is raised, the channel is told all the same. Undone by resolving what was raised; a
    message cannot be taken back.
    """
    severity, channel = parameters["severity"], parameters["channel"]
    labels = labels_of("escalate_alert", parameters)
    duration_ns = lasts_ns("escalate_alert", parameters, "lasts_s")
    if not severity or not parameters["name"]:
        raise InvalidParameters("escalate_alert: 'name' and 'severity' must not be empty")
    alert = context.memory.get(_ALERT)
    if alert is None:
        found = min(await firing(equal_to(labels)), key=lambda one: sorted(one["labels"].items()))
        alert = {"labels": dict(found["labels"]), "annotations": dict(found.get("annotations") or {})}
        await Remember(_ALERT, alert)
    before = alert["labels"].get(SEVERITY, "")
    if before != severity:
        annotations = {**alert["annotations"], "escalated_from": before or "no severity"}
        await raise_once(context, {**alert["labels"], SEVERITY: severity}, annotations, duration_ns)
    if channel and not context.memory.get(_TOLD):
        message = parameters["message"] or f"{parameters['name']} escalated to {severity}"
        await Notify(channel, message, writer_of(context), {"labels": alert["labels"], "severity": severity})
        await Remember(_TOLD, True)  # noqa: FBT003 - the value that is kept
    return {"labels": alert["labels"], "severity": severity, "severity_before": before}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resolve the alert that was raised."""
    alert = context.memory.get(_ALERT)
    if alert is None or alert["labels"].get(SEVERITY, "") == parameters["severity"]:
        return {"resolved": False}
    return await resolve_own(context, {**alert["labels"], SEVERITY: parameters["severity"]})


SPEC = ActionSpec(
    name="escalate_alert",
    run=escalate_alert,
    rollback=undo,
    target=alert_target,
    parameters={
        "name": Parameter("string", required=True, summary="the alert's name"),
        "labels": Parameter("object", default=None, summary="more labels that it carries"),
        "severity": Parameter("string", default="critical", summary="its severity from now on"),
        "channel": Parameter(
            "string", default="", summary="a channel to tell, of the engine's configuration"
        ),
        "message": Parameter("string", default="", summary="what to say there"),
        "lasts_s": Parameter("number", default=3600, summary="when it ends by itself, in seconds"),
    },
    calls_min=0,
    summary="raise a firing alert anew with a higher severity, and tell somebody",
    precondition="an alert of this name and labels fires",
    post_condition="the alert fires with the new severity",
)
