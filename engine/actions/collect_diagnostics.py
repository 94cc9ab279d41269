"""`collect_diagnostics`: gather what somebody would look at first, in a bounded size."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions.conditions.resource import trim
from engine.actions.deployments import get_deployment, pods_of
from engine.actions.pods import is_ready
from engine.actions.targets import named
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter, Rule
from engine.core.effects import Get, List, ReadLogs, Ref, Resource, Selection
from engine.core.errors import Forbidden, Invalid, NotFound, TargetMissing

PODS_MAX: Final = 5
CONTAINERS_MAX: Final = 5
EVENTS_MAX: Final = 20
LINES_MAX: Final = 1_000
TEXT_LENGTH_MAX: Final = 500  # of one message of an event or a condition
LOGS_BYTES_MAX: Final = 65_536  # of all logs together


async def collect_diagnostics(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Describe a pod, or a Deployment with its pods: state, the latest events about them, the logs' tails.

    At most 5 pods are described, those that are not ready first, and at most 64 KiB of logs are kept,
    shared evenly. Logs that cannot be read (a container that has not started) are told as a note, and do
    not fail the step. Target missing: `TargetMissing`. Nothing is changed, so it can be repeated.
    """
    del context
    lines = parameters["tail_lines"]
    if bool(parameters["pod"]) == bool(parameters["deployment"]):
        raise InvalidParameters("collect_diagnostics: give either 'pod' or 'deployment'")
    if not 0 <= lines <= LINES_MAX:
        raise InvalidParameters(f"collect_diagnostics: 'tail_lines' must be 0 to {LINES_MAX}, found {lines}")
    target, pods = await _look(parameters)
    shown = sorted(pods, key=lambda pod: (is_ready(pod), pod["metadata"]["name"]))[:PODS_MAX]
    names = [target["metadata"]["name"], *(pod["metadata"]["name"] for pod in shown)]
    events = await _events(parameters["namespace"], names) if parameters["events"] else []
    logs, notes = await _logs(shown, lines) if lines else ({}, [])
    return {
        "target": _described(target),
        "pods_count": len(pods),
        "pods": [_described(pod) for pod in shown],
        "events": events,
        "logs": logs,
        "notes": notes,
    }


async def _look(parameters: Mapping[str, Any]) -> tuple[Resource, Sequence[Resource]]:
    if parameters["deployment"]:
        deployment = await get_deployment(parameters["namespace"], parameters["deployment"])
        return deployment, await List(pods_of(deployment))
    try:
        pod = await Get(Ref("Pod", parameters["pod"], parameters["namespace"]))
    except NotFound as error:
        raise TargetMissing(str(error)) from error
    return pod, [pod]


def _described(one: Resource) -> Mapping[str, Any]:
    """Return what of an object is worth reading, without its template."""
    metadata, spec, status = trim(one)["metadata"], one.get("spec") or {}, one.get("status") or {}
    described = {
        "kind": one["kind"],
        "name": metadata["name"],
        "created": metadata.get("creationTimestamp", ""),
        "deleted": metadata.get("deletionTimestamp", ""),
        "conditions": [_brief(condition) for condition in (status.get("conditions") or ())[:10]],
    }
    if one["kind"] == "Deployment":
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "observedGeneration")
        counts = {name: status[name] for name in names if name in status}
        return {**described, "replicas_wanted": spec.get("replicas", 1), "status": counts}
    containers = [
        {name: known[name] for name in ("name", "image", "ready", "restartCount", "state") if name in known}
        for known in (status.get("containerStatuses") or ())[:CONTAINERS_MAX]
    ]
    node = spec.get("nodeName", "")
    return {**described, "node": node, "phase": status.get("phase", ""), "containers": containers}


def _brief(condition: Mapping[str, Any]) -> Mapping[str, Any]:
    names = ("type", "status", "reason", "message", "lastTransitionTime")
    return {name: str(condition[name])[:TEXT_LENGTH_MAX] for name in names if name in condition}


async def _events(namespace: str, names: Sequence[str]) -> list[Mapping[str, Any]]:
    found = [
        event
        for event in await List(Selection("Event", namespace))
        if (event.get("involvedObject") or {}).get("name") in names
    ]
    found.sort(key=lambda event: event.get("lastTimestamp") or "")
    return [
        {
            "about": event["involvedObject"]["name"],
            "type": event.get("type", ""),
            "reason": event.get("reason", ""),
            "message": str(event.get("message", ""))[:TEXT_LENGTH_MAX],
            "count": event.get("count", 1),
            "last": event.get("lastTimestamp") or "",
        }
        for event in found[-EVENTS_MAX:]
    ]


async def _logs(pods: Sequence[Resource], lines: int) -> tuple[dict[str, str], list[str]]:
    logs: dict[str, str] = {}
    notes: list[str] = []
    wanted = [
        (pod["metadata"], container["name"])
        for pod in pods
        for container in pod["spec"]["containers"][:CONTAINERS_MAX]
    ]
    share = LOGS_BYTES_MAX // max(1, len(wanted))
    for metadata, container in wanted:
        where = f"{metadata['name']}/{container}"
        try:
            text = await ReadLogs(
                Ref("Pod", metadata["name"], metadata["namespace"]), container, lines, share
            )
        except (Forbidden, Invalid, NotFound) as error:
            notes.append(f"{where}: no logs: {str(error)[:TEXT_LENGTH_MAX]}")
        else:
            logs[where] = text.encode()[-share:].decode(errors="ignore")
    return logs, notes


def _target(parameters: Mapping[str, Any]) -> Ref | None:
    return named("Deployment", "deployment")(parameters) or named("Pod", "pod")(parameters)


SPEC = ActionSpec(
    name="collect_diagnostics",
    run=collect_diagnostics,
    target=_target,
    coalescible=True,
    parameters={
        "namespace": Parameter("string", required=True, summary="where the target lives"),
        "deployment": Parameter("string", default="", summary="a Deployment, with its pods"),
        "pod": Parameter("string", default="", summary="or one pod"),
        "tail_lines": Parameter("integer", default=100, summary="lines of each log; 0 for none"),
        "events": Parameter("boolean", default=True, summary="whether to list the latest events"),
    },
    calls_min=1,
    summary="describe a pod or a Deployment with its events and the tails of its logs",
    precondition="the pod or Deployment exists",
    post_condition="the outputs hold what was found; nothing is changed",
    irreversible="nothing is changed",
    rbac=(
        Rule("", ("pods",), ("get", "list")),
        Rule("", ("pods/log",), ("get",)),
        Rule("", ("events",), ("list",)),
        Rule("apps", ("deployments",), ("get",)),
    ),
)
