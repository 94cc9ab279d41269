"""`resource`: what a Kubernetes object says, for conditions and waits."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter, Rule
from engine.core.effects import Get, Ref, Resource
from engine.core.errors import ActionError, NotFound

OBJECT_BYTES_MAX: Final = 65_536
_VALUES: Final = ("data", "stringData")  # of a Secret
_NOISE: Final = ("managedFields", "selfLink")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_PART: Final = re.compile(
    r"(?P<key>[^.\[\]]+)|\.(?P<next>[^.\[\]]+)|\[(?P<index>\d+)\]|\[(?P<field>\w+)=(?P<value>[^\]]+)\]"
)


class ObjectTooLarge(ActionError):
    """The whole object would not fit into the history."""

    reason = "ObjectTooLarge"
    retryable = False


async def resource(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read one object: the field at `path`, the `fields` by name, or all of it without what nobody reads.

    The value is a mapping in any case: {exists: false} if there is no such object, else exists: true with
    `field` (null where the object has none), with the names of `fields`, or with `object`. A path is dots
    and brackets: ``status.conditions[type=Ready].status``, ``spec.template.spec.containers[0].image``.
    What is read is recorded, so of a Secret there is everything but its values.
    """
    del context
    paths = _paths(parameters)
    try:
        found = await Get(Ref(parameters["kind"], parameters["name"], parameters["namespace"]))
    except NotFound:
        return {"exists": False}
    if parameters["kind"] == "Secret":
        found = {name: value for name, value in trim(found).items() if name not in _VALUES}
    if paths:
        return {**{name: at(found, path) for name, path in paths.items()}, "exists": True}
    return {"exists": True, "object": _whole(found)}


def _paths(parameters: Mapping[str, Any]) -> Mapping[str, str]:
    path, fields = parameters["path"], parameters["fields"]
    if path and fields:
        raise InvalidParameters("resource: give 'path' or 'fields', not both")
    paths = {"field": path} if path else dict(fields or {})
    for name, one in paths.items():
        if name == "exists" or not isinstance(one, str):
            raise InvalidParameters(f"resource: 'fields'.{name} must be a path under another name: {one!r}")
        parts(one)
    return paths


def parts(path: str) -> list[str | int | tuple[str, str]]:
    """Take a path apart: a key, an index, or (field, value) of the list's item to take."""
    found: list[str | int | tuple[str, str]] = []
    position = 0
    while position < len(path):
        match = _PART.match(path, position)
        if match is None or (match["key"] and position) or (match["next"] and not position):
            raise InvalidParameters(
                f"resource: path {path!r} cannot be read from {path[position:]!r} on; write it as in "
                "status.conditions[type=Ready].status or containers[0].image"
            )
        if match["index"]:
            found.append(int(match["index"]))
        elif match["field"]:
            found.append((match["field"], match["value"]))
        else:
            found.append(match["key"] or match["next"])
        position = match.end()
    return found


def at(value: Any, path: str) -> Any:
    """Return what `path` leads to, or None."""
    for part in parts(path):
        if isinstance(part, str):
            value = value.get(part) if isinstance(value, Mapping) else None
        elif not isinstance(value, list | tuple):
            return None
        elif isinstance(part, int):
            value = value[part] if part < len(value) else None
        else:
            name, wanted = part
            items = (item for item in value if isinstance(item, Mapping) and str(item.get(name)) == wanted)
            value = next(items, None)
    return value


def _whole(found: Resource) -> Resource:
    trimmed = trim(found)
    size = len(json.dumps(trimmed, ensure_ascii=True))
    if size > OBJECT_BYTES_MAX:
        raise ObjectTooLarge(
            f"the object has {size} bytes, more than {OBJECT_BYTES_MAX}: ask for a 'path' or 'fields'"
        )
    return trimmed


def trim(found: Resource) -> Resource:
    """Return an object without what the API server keeps for itself."""
    metadata = {name: value for name, value in found["metadata"].items() if name not in _NOISE}
    if metadata.get("annotations"):
        metadata["annotations"] = {
            name: value for name, value in metadata["annotations"].items() if name != _LAST_APPLIED
        }
    return {**found, "metadata": metadata}


def _target(parameters: Mapping[str, Any]) -> Ref | None:
    kind, name = parameters.get("kind"), parameters.get("name")
    return Ref(kind, name, parameters.get("namespace") or "") if kind and name else None


SPEC = ActionSpec(
    name="resource",
    run=resource,
    target=_target,
    parameters={
        "kind": Parameter("string", required=True, summary="such as Deployment"),
        "name": Parameter("string", required=True, summary="the object's name"),
        "namespace": Parameter("string", default="", summary="where it lives; empty for what has none"),
        "path": Parameter("string", default="", summary="one field"),
        "fields": Parameter("object", default=None, summary="several fields: name to path"),
    },
    calls_min=1,
    summary="what a Kubernetes object says",
    rbac=(
        Rule("", ("nodes",), ("get",), cluster_scoped=True),
        Rule("", ("pods", "configmaps", "persistentvolumeclaims", "services"), ("get",)),
        Rule("apps", ("deployments", "replicasets", "statefulsets", "daemonsets"), ("get",)),
        Rule("batch", ("jobs", "cronjobs"), ("get",)),
        Rule("autoscaling", ("horizontalpodautoscalers",), ("get",)),
        Rule("policy", ("poddisruptionbudgets",), ("get",)),
    ),
)
