"""`update_hpa`: change what a HorizontalPodAutoscaler keeps to: fewest, most, CPU target."""

from collections.abc import Mapping
from typing import Any, Final

from engine.actions.patching import difference, patch_guarded
from engine.actions.targets import NAMESPACE, get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Ref, Remember, Resource

_CHANGE: Final = "change"
_FIELDS: Final = ("minReplicas", "maxReplicas", "metrics")


async def update_hpa(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Set those of `min_replicas`, `max_replicas` and `cpu_percent` that are given.

    Target missing: `TargetMissing`; fewest above most, once written: InvalidParameters. Already as wanted:
    nothing is written. Changed by somebody else between reading and writing: read again, at most 20 times.
    What the autoscaler then does with its target is not waited for.
    """
    _check(parameters)
    ref = Ref("HorizontalPodAutoscaler", parameters["hpa"], parameters["namespace"])
    autoscaler = await get_target(ref)
    if _CHANGE not in context.memory:
        await Remember(_CHANGE, {"before": _spec(autoscaler), "after": _wanted(autoscaler, parameters)})
    written = await patch_guarded(
        context, ref, lambda found: _changes(found, _wanted(found, parameters)), autoscaler
    )
    spec = written["spec"]
    return {"hpa": ref.name, "min_replicas": spec.get("minReplicas", 1), "max_replicas": spec["maxReplicas"]}


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Set what there was before; what somebody else has set since is left alone."""
    change = context.memory.get(_CHANGE)
    if change is None:
        return {"undone": False}
    before = change["before"]
    ref = Ref("HorizontalPodAutoscaler", parameters["hpa"], parameters["namespace"])
    found = await get_target(ref)
    if _spec(found) not in (before, change["after"]):
        return {"undone": False}
    await patch_guarded(context, ref, lambda current: _changes(current, before), found)
    return {"undone": True}


def _spec(autoscaler: Resource) -> dict[str, Any]:
    return {name: autoscaler["spec"][name] for name in _FIELDS if name in autoscaler["spec"]}


def _changes(autoscaler: Resource, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = difference(_spec(autoscaler), wanted)
    return {"spec": changes} if changes else {}


def _wanted(autoscaler: Resource, parameters: Mapping[str, Any]) -> dict[str, Any]:
    spec = _spec(autoscaler)
    for name, parameter in (("minReplicas", "min_replicas"), ("maxReplicas", "max_replicas")):
        if parameters[parameter] is not None:
            spec[name] = parameters[parameter]
    if spec.get("minReplicas", 1) > spec["maxReplicas"]:
        raise InvalidParameters(
            f"update_hpa: min_replicas {spec.get('minReplicas', 1)} would be above max_replicas "
            f"{spec['maxReplicas']}"
        )
    if parameters["cpu_percent"] is not None:
        target = {"type": "Utilization", "averageUtilization": parameters["cpu_percent"]}
        cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        metrics = list(spec.get("metrics") or ())
        at = [index for index, metric in enumerate(metrics) if _is_cpu(metric)]
        spec["metrics"] = [*metrics[: at[0]], cpu, *metrics[at[0] + 1 :]] if at else [*metrics, cpu]
    return spec


def _is_cpu(metric: Mapping[str, Any]) -> bool:
    return metric.get("type") == "Resource" and metric["resource"]["name"] == "cpu"


def _check(parameters: Mapping[str, Any]) -> None:
    given = {name: parameters[name] for name in ("min_replicas", "max_replicas", "cpu_percent")}
    if all(value is None for value in given.values()):
        raise InvalidParameters(f"update_hpa: give at least one of {', '.join(given)}")
    for name, value in given.items():
        if value is not None and value < 1:
            raise InvalidParameters(f"update_hpa: {name!r} must be at least 1, found {value}")


SPEC = ActionSpec(
    name="update_hpa",
    run=update_hpa,
    parameters={
        "namespace": NAMESPACE,
        "hpa": Parameter("string", required=True, summary="the HorizontalPodAutoscaler"),
        "min_replicas": Parameter("integer", summary="fewest replicas; null: as it is"),
        "max_replicas": Parameter("integer", summary="most replicas; null: as it is"),
        "cpu_percent": Parameter("integer", summary="CPU utilisation aimed at, in percent; null: as it is"),
    },
    calls_min=2,
    summary="change the fewest and most replicas and the CPU target of an autoscaler",
    rollback=undo,
    target=named("HorizontalPodAutoscaler", "hpa"),
    rbac=(rule("horizontalpodautoscalers", "get", "patch"),),
    precondition="the autoscaler exists, and fewest would not be above most",
    post_condition="its spec says what was asked for",
)
