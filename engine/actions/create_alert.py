"""`create_alert`: raise an alert of one's own."""

from collections.abc import Mapping
from typing import Any, Final

from engine.actions.alerts import ALERTNAME, SEVERITY, alert_target, equal_to, labels_of, lasts_ns
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import ListAlerts, PostAlert, Remember

_FIRED_BEFORE: Final = "fired_before"


async def create_alert(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raise the alert `name` with `labels`, for `lasts_s` unless it is raised again.

    Alerts of the same labels are one alert: raising it twice keeps it up. Undone by resolving it, unless it
    fired already before this step.
    """
    labels = alert_labels("create_alert", parameters)
    annotations = labels_of("create_alert", parameters, "annotations")
    duration_ns = lasts_ns("create_alert", parameters, "lasts_s")
    await raise_once(context, labels, annotations, duration_ns)
    return {"labels": labels}


def alert_labels(action: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return all labels of an alert that parameters describe: name, severity and the rest."""
    labels = labels_of(action, parameters)
    if not labels.get(ALERTNAME) or not parameters["severity"]:
        raise InvalidParameters(f"{action}: 'name' and 'severity' must not be empty")
    return {**labels, SEVERITY: parameters["severity"]}


async def raise_once(
    context: ActionContext, labels: Mapping[str, str], annotations: Mapping[str, str], duration_ns: int
) -> None:
    """Raise an alert, and remember whether it fired already."""
    if _FIRED_BEFORE not in context.memory:
        same = [
            alert for alert in await ListAlerts(equal_to(labels)) if dict(alert["labels"]) == dict(labels)
        ]
        await Remember(_FIRED_BEFORE, bool(same))
    await PostAlert(labels, annotations, duration_ns)


async def resolve_own(context: ActionContext, labels: Mapping[str, str]) -> Mapping[str, Any]:
    """Resolve an alert that this step raised; one that fired before is left alone."""
    if context.memory.get(_FIRED_BEFORE, True):
        return {"resolved": False}
    await PostAlert(labels, {}, 0)
    return {"resolved": True}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resolve the alert."""
    return await resolve_own(context, alert_labels("create_alert", parameters))


SPEC = ActionSpec(
    name="create_alert",
    run=create_alert,
    rollback=undo,
    target=alert_target,
    parameters={
        "name": Parameter("string", required=True, summary="the alert's name"),
        "severity": Parameter("string", default="warning", summary="its label severity"),
        "labels": Parameter("object", default=None, summary="more labels, name to value"),
        "annotations": Parameter("object", default=None, summary="what people read, name to text"),
        "lasts_s": Parameter("number", default=3600, summary="when it ends by itself, in seconds"),
    },
    calls_min=0,
    summary="raise an alert of one's own",
    precondition="nothing",
    post_condition="the alert fires",
)
