"""The patch types of the API: JSON patch, merge patch, strategic merge patch, and apply.

Sources: RFC 6902, RFC 7386; apimachinery/pkg/util/strategicpatch/patch.go; the merge keys of lists are the
`patchMergeKey` tags of staging/src/k8s.io/api.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

import jsonpatch
import jsonpointer

from headroom.serving.problems import UNPROCESSABLE, Refusal
from simulator.cluster.store import merge

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
TYPES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)
OPERATIONS_MAX: Final = 10_000  # of one JSON patch (apiserver handlers/patch.go maxJSONPatchOperations)
_DIRECTIVE: Final = "$patch"
# The name of a list -> the key by which its entries are told apart.
MERGE_KEYS: Final[Mapping[str, str]] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "conditions": "type",
    "ownerReferences": "uid",
    "addresses": "type",
    "taints": "key",
    "secrets": "name",
}
# `ports` are told apart by what they stand in: a container's by containerPort, a service's by port.
_PORT_KEYS: Final = ("containerPort", "port")
_VALUE_LISTS: Final = ("finalizers",)  # lists of values that are united


def patched(current: Mapping[str, Any], kind: str, patch: Any) -> dict[str, Any]:
    """Return the object with a patch of a content type applied; `current` is left alone.

    Raises:
        Refusal: the patch is malformed, or a test in it fails.
    """
    if kind == JSON_PATCH:
        return _json_patched(current, patch)
    if not isinstance(patch, dict):
        raise Refusal(400, f"a patch of this type is an object, not {type(patch).__name__}")
    if kind == MERGE_PATCH:
        return merge(current, patch)
    return strategic(current, patch)


def _json_patched(current: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    if not isinstance(patch, list):
        raise Refusal(400, f"a JSON patch is a list of operations, not {type(patch).__name__}")
    if len(patch) > OPERATIONS_MAX:
        message = f"The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {len(patch)}"
        raise Refusal(413, message)
    try:
        changed: dict[str, Any] = jsonpatch.JsonPatch(patch).apply(copy.deepcopy(dict(current)))
    except jsonpatch.InvalidJsonPatch as error:
        raise Refusal(400, f"error decoding patch: {error}") from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
        message = "the server rejected our request due to an error in our request"
        raise Refusal(UNPROCESSABLE, message, details={}) from error
    if not isinstance(changed, dict):
        raise Refusal(UNPROCESSABLE, "the patch leaves no object", details={})
    return changed


def strategic(current: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with a strategic merge patch applied."""
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    result = dict(current)
    for key, value in patch.items():
        if key == _DIRECTIVE or key.startswith("$setElementOrder/"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [one for one in result.get(name) or [] if one not in value]
        elif key == "$retainKeys":
            continue
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            merged = strategic(before if isinstance(before, dict) else {}, value)
            retained = value.get("$retainKeys")
            if isinstance(retained, list):
                merged = {name: one for name, one in merged.items() if name in retained}
            if value.get(_DIRECTIVE) == "delete":
                result.pop(key, None)
            else:
                result[key] = merged
        elif isinstance(value, list):
            result[key] = _list(key, result.get(key), value)
        else:
            result[key] = value
    return result


def _list(name: str, before: Any, patch: list[Any]) -> list[Any]:
    """Return a list with a patch merged in: entry by entry where entries have a key, else replaced."""
    old = before if isinstance(before, list) else []
    if name in _VALUE_LISTS:
        return [*old, *(one for one in patch if one not in old)]
    if any(isinstance(one, dict) and one.get(_DIRECTIVE) == "replace" for one in patch):
        return [one for one in patch if not (isinstance(one, dict) and _DIRECTIVE in one)]
    key = _merge_key(name, [*old, *patch])
    if not key:
        return copy.deepcopy(patch)
    result = [one for one in old if isinstance(one, dict)]
    for one in patch:
        if not isinstance(one, dict) or key not in one:
            raise Refusal(400, f"an entry of {name} without {key!r}, by which the entries are merged")
        position = next((at for at, other in enumerate(result) if other.get(key) == one[key]), None)
        if one.get(_DIRECTIVE) == "delete":
            if position is not None:
                del result[position]
        elif position is None:
            result.append(strategic({}, one))
        else:
            result[position] = strategic(result[position], one)
    return result


def _merge_key(name: str, entries: list[Any]) -> str:
    if name == "ports":
        for key in _PORT_KEYS:
            if entries and all(isinstance(one, dict) and key in one for one in entries):
                return key
        return ""
    return MERGE_KEYS.get(name, "")
