"""`acknowledge_alert`: tell that somebody is at work on a firing alert."""

from collections.abc import Mapping
from typing import Any, Final

from engine.actions.alerts import (
    alert_target,
    equal_to,
    expire_own,
    firing,
    labels_of,
    lasts_ns,
    silence_once,
)
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Remember

MARK: Final = "ACK! "  # by which dashboards of Alertmanager tell an acknowledgement from another silence
_COUNT: Final = "alerts_count"


async def acknowledge_alert(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Acknowledge the firing alerts of this name and labels for `duration_s`.

    Alertmanager knows no acknowledgement: as its dashboards do, this makes a silence whose comment begins
    with ACK!, for exactly these labels. No such alert fires: `TargetMissing`. A second start finds the
    silence of the first. Undone by expiring it.
    """
    matchers = equal_to(labels_of("acknowledge_alert", parameters))
    duration_ns = lasts_ns("acknowledge_alert", parameters, "duration_s")
    if not parameters["name"]:
        raise InvalidParameters("acknowledge_alert: 'name' must not be empty")
    if _COUNT not in context.memory:
        await Remember(_COUNT, len(await firing(matchers)))
    silence = await silence_once(context, matchers, duration_ns, MARK + parameters["comment"])
    return {"silence_id": silence, "alerts_count": context.memory.get(_COUNT, 0)}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the acknowledgement back."""
    del parameters
    return await expire_own(context)


SPEC = ActionSpec(
    name="acknowledge_alert",
    run=acknowledge_alert,
    rollback=undo,
    target=alert_target,
    parameters={
        "name": Parameter("string", required=True, summary="the alert's name"),
        "labels": Parameter("object", default=None, summary="more labels that it carries"),
        "duration_s": Parameter("number", default=900, summary="for how long, in seconds"),
        "comment": Parameter("string", default="a workflow is at work on it", summary="who does what"),
    },
    calls_min=0,
    summary="tell that somebody is at work on a firing alert",
    precondition="an alert of this name and labels fires",
    post_condition="a silence marked as acknowledgement covers it",
)
