"""As much of the API's OpenAPI document as kubectl asks for before it applies: what can be patched, and how.

kubectl looks whether a resource's PATCH takes `fieldValidation` (cli-runtime query_param_verifier_v3.go) and
leaves the validation to the server then.
"""

from typing import Any, Final

from engine.live.resources import GROUP_VERSIONS, RESOURCES, Resource

_FIELD_VALIDATION: Final = {
    "name": "fieldValidation",
    "in": "query",
    "description": "Ignore, Warn or Strict: what to do with fields that the type has not.",
    "schema": {"type": "string", "uniqueItems": True},
}
_DRY_RUN: Final = {
    "name": "dryRun",
    "in": "query",
    "description": "All: everything but storing is done.",
    "schema": {"type": "string", "uniqueItems": True},
}


def index() -> dict[str, Any]:
    """Return `/openapi/v3`."""
    return {
        "paths": {
            path_of(group, version): {"serverRelativeURL": f"/openapi/v3/{path_of(group, version)}"}
            for group, version in GROUP_VERSIONS
        }
    }


def path_of(group: str, version: str) -> str:
    """Return where a group and version live, such as `apis/apps/v1`."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def document(path: str) -> dict[str, Any] | None:
    """Return `/openapi/v3/<path>`; None if nothing lives there."""
    found = [one for one in GROUP_VERSIONS if path_of(*one) == path]
    if not found:
        return None
    mine = [it for it in RESOURCES if (it.group, it.version) == found[0]]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "modelled"},
        "paths": {_object_path(it): {"patch": _patch(it)} for it in mine},
        "components": {"schemas": {}},
    }


def _object_path(resource: Resource) -> str:
    base = f"/{path_of(resource.group, resource.version)}"
    place = "/namespaces/{namespace}" if resource.namespaced else ""
    return f"{base}{place}/{resource.plural}/{{name}}"


def _patch(resource: Resource) -> dict[str, Any]:
    return {
        "operationId": f"patch{resource.kind}",
        "parameters": [_DRY_RUN, _FIELD_VALIDATION],
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "kind": resource.kind,
            "version": resource.version,
        },
    }
