"""What is checked of an object before it reaches the model: its fields and their types, and how they agree.

Unknown fields are told by the types of the API itself (lightkube's models are made from its OpenAPI
document); what the model reads must be sound, or its controllers would stumble over it.
"""

import importlib
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from engine.live.resources import Resource
from headroom.serving.problems import Refusal, invalid
from scenarios.object_checks import findings as findings_of
from scenarios.object_rules import contradictions

_TEXT_MAPS: Final = ("labels", "annotations", "matchLabels", "nodeSelector")
UNKNOWN_MAX: Final = 32  # unknown fields that are listed


def check_envelope(body: Any, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
    """Return the body as an object of the resource, or refuse it as the API does."""
    if not isinstance(body, dict):
        raise Refusal(400, f"the object provided is unrecognized (must be of type {resource.kind})")
    kind, version = body.get("kind", resource.kind), body.get("apiVersion", resource.group_version)
    if (kind, version) != (resource.kind, resource.group_version):
        message = (
            f"{kind} in version {version!r} cannot be handled as a {resource.kind}: "
            f"expected {resource.kind} in {resource.group_version}"
        )
        raise Refusal(400, message)
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict):
        raise Refusal(400, "metadata is no object")
    _check_identity(metadata, resource, namespace, name)
    placed = {**metadata, "namespace": namespace} if resource.namespaced else {**metadata}
    return {**body, "kind": kind, "apiVersion": version, "metadata": placed}


def _check_identity(metadata: Mapping[str, Any], resource: Resource, namespace: str, name: str) -> None:
    for key in ("name", "generateName", "namespace"):
        if not isinstance(metadata.get(key, ""), str):
            raise Refusal(400, f"metadata.{key} is no text")
    if resource.namespaced and metadata.get("namespace", namespace) != namespace:
        raise Refusal(
            400, "the namespace of the provided object does not match the namespace sent on the request"
        )
    if name and metadata.get("name", name) != name:
        message = (
            f"the name of the object ({metadata.get('name')}) does not match the name on the URL ({name})"
        )
        raise Refusal(400, message)
    if not name and not metadata.get("name") and not metadata.get("generateName"):
        raise invalid(
            resource.kind, resource.group, "",
            [("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")],
        )  # fmt: skip


def check_known(body: Mapping[str, Any], resource: Resource) -> list[str]:
    """Return the fields of an object that its type has not, as paths."""
    model = _model(resource)
    return [] if model is None else list(_unknown(body, model, ""))[:UNKNOWN_MAX]


def refuse_unknown(body: Mapping[str, Any], resource: Resource) -> None:
    """400 for fields that the type has not, as `fieldValidation=Strict` asks."""
    unknown = check_known(body, resource)
    if unknown:
        named = ", ".join(f'unknown field "{path}"' for path in unknown)
        message = (
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
            f"strict decoding error: {named}"
        )
        raise Refusal(400, message)


def check_types(body: Mapping[str, Any], resource: Resource) -> None:
    """400 for values that are not of their fields' types."""
    model = _model(resource)
    wrong = next(_mistyped(body, model, ""), None) if model is not None else None
    wrong = wrong or next(_no_texts(body, ""), None)
    if wrong is not None:
        path, what = wrong
        message = (
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
            f"json: {path}: {what}"
        )
        raise Refusal(400, message)


def check_sound(body: Mapping[str, Any], resource: Resource) -> None:
    """400 or 422 for what the model, or the API server, could not take."""
    check_types(body, resource)
    _check_required(body, resource)
    name = body["metadata"].get("name") or body["metadata"].get("generateName", "")
    findings = list(findings_of(body)) or list(contradictions(body))
    causes = [
        ("FieldValueRequired", "Required value", f"{field}.resources[storage]") for field in _unsized(body)
    ]
    if not findings and not causes:
        return
    for path, found, expected in findings[:UNKNOWN_MAX]:
        field = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")
        causes.append(("FieldValueInvalid", f"Invalid value: {found}; expected {expected}", field))
    raise invalid(resource.kind, resource.group, str(name), causes)


def _unsized(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the claims of an object, by their fields, that ask for no storage."""
    spec = body.get("spec") or {}
    claims = {"spec": spec} if body.get("kind") == "PersistentVolumeClaim" else {}
    for index, one in enumerate(spec.get("volumeClaimTemplates") or ()):
        claims[f"spec.volumeClaimTemplates[{index}].spec"] = one.get("spec") or {}
    for field, claim in claims.items():
        if "storage" not in ((claim.get("resources") or {}).get("requests") or {}):
            yield field


def _check_required(body: Mapping[str, Any], resource: Resource) -> None:
    """422 for an object without a field that its type requires; its status is the server's own affair."""
    model = _model(resource)
    if model is None:
        return
    try:
        msgspec.convert({key: item for key, item in body.items() if key != "status"}, model)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        field = where.strip("`").removeprefix("$").removeprefix(".") or "."
        name = body["metadata"].get("name", "")
        message = f"Required value: {what}"
        raise invalid(
            resource.kind, resource.group, name, [("FieldValueRequired", message, field)]
        ) from error


def _no_texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield maps of texts that are none: labels and selectors, wherever they stand."""
    inner = value.items() if isinstance(value, Mapping) else ()
    for key, item in inner:
        here = f"{path}.{key}" if path else str(key)
        if key in _TEXT_MAPS and not _is_text_map(item):
            yield here, "an object with texts as values is expected"
        yield from _no_texts(item, here)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from _no_texts(item, f"{path}[{index}]")


def _is_text_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for pair in value.items() for one in pair)


@cache
def _model(resource: Resource) -> Any:
    group = resource.group.split(".")[0] or "core"
    try:
        module = importlib.import_module(f"lightkube.models.{group}_{resource.version}")
    except ImportError:
        return None
    return getattr(module, resource.kind, None)


def _unknown(value: Any, model: Any, path: str) -> Iterator[str]:
    """Yield the paths of fields that a model class has not; what has no model may hold anything."""
    if not isinstance(value, Mapping):
        return
    known = _fields(model)
    for key, item in value.items():
        here = f"{path}.{key}" if path else str(key)
        if key not in known:
            yield here
            continue
        inner, is_list, _ = known[key]
        if inner is None:
            continue
        if is_list:
            for index, one in enumerate(item if isinstance(item, list) else ()):
                yield from _unknown(one, inner, f"{here}[{index}]")
        else:
            yield from _unknown(item, inner, here)


def _mistyped(value: Any, model: type[msgspec.Struct], path: str) -> Iterator[tuple[str, str]]:
    """Yield the paths of fields whose values are not of the field's type, each with what is wrong."""
    if not isinstance(value, Mapping):
        yield path, f"an object is expected, not {type(value).__name__}"
        return
    known = _fields(model)
    for key, item in value.items():
        here = f"{path}.{key}" if path else str(key)
        if key not in known:
            continue
        inner, is_list, hint = known[key]
        if inner is None:
            try:
                msgspec.convert(item, hint)
            except msgspec.ValidationError as error:
                yield here, str(error)
        elif not is_list:
            yield from _mistyped(item, inner, here)
        elif isinstance(item, list):
            for index, one in enumerate(item):
                yield from _mistyped(one, inner, f"{here}[{index}]")
        else:
            yield here, f"a list is expected, not {type(item).__name__}"


@cache
def _fields(model: type[msgspec.Struct]) -> Mapping[str, tuple[type[msgspec.Struct] | None, bool, Any]]:
    """Return the fields of a model as the API writes them: (class of what is in it, in a list?, its type)."""
    return {field.encode_name: (*_inner(field.type), field.type) for field in msgspec.structs.fields(model)}


def _inner(hint: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    for part in (hint, *typing.get_args(hint)):
        if _is_model(part):
            return part, False
        if typing.get_origin(part) is list:
            [item] = typing.get_args(part)
            return (item, True) if _is_model(item) else (None, False)
    return None, False


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)
