"""What is answered without a look at the cluster: discovery, the version, the OpenAPI document."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.live.resources import GROUP_VERSIONS
from headroom.serving import discovery, openapi

_FIXED: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "/apis": discovery.groups,
    "/openapi/v3": openapi.index,
}
_GROUPS: Final = tuple(dict.fromkeys(group for group, _ in GROUP_VERSIONS if group))


def at(path: str, kubernetes: str, address: str) -> dict[str, Any] | None:
    """Return the document at a path; None if the path asks for something else, or there is none."""
    if path in _FIXED:
        return _FIXED[path]()
    if path == "/version":
        return discovery.version(kubernetes)
    if path == "/api":
        return discovery.core_versions(address)
    parts = path.strip("/").split("/")
    if parts[:2] == ["openapi", "v3"]:
        return openapi.document("/".join(parts[2:]))
    return _of_group(parts)


def _of_group(parts: list[str]) -> dict[str, Any] | None:
    match parts:
        case ["api", version]:
            return discovery.resources("", version)
        case ["apis", group, version]:
            return discovery.resources(group, version)
        case ["apis", group] if group in _GROUPS:
            return {"kind": "APIGroup", "apiVersion": "v1", **discovery.group(group)}
    return None
