"""The documents by which a client finds out what the server has."""

from typing import Any, Final

from engine.live.resources import ALL_VERBS, GROUP_VERSIONS, RESOURCES, Resource

_SUBRESOURCE_VERBS: Final = {
    "status": ("get", "patch", "update"),
    "scale": ("get", "patch", "update"),
    "resize": ("get", "patch", "update"),
    "eviction": ("create",),
}
# A subresource that takes objects of another kind than its resource.
_OTHER_KINDS: Final = {
    "scale": ("autoscaling", "v1", "Scale"),
    "eviction": ("policy", "v1", "Eviction"),
}


def version(kubernetes: str) -> dict[str, Any]:
    """Return `/version` of a server of a Kubernetes version such as 1.34."""
    major, _, rest = kubernetes.removeprefix("v").partition(".")
    minor, _, patch = rest.partition(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{major}.{minor}.{patch or '0'}+headroom",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "modelled",
    }


def core_versions(address: str) -> dict[str, Any]:
    """Return `/api`."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def groups() -> dict[str, Any]:
    """Return `/apis`."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [group(name) for name in dict.fromkeys(name for name, _ in GROUP_VERSIONS if name)],
    }


def group(name: str) -> dict[str, Any]:
    """Return one group, as `/apis/<group>` does too."""
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for other, version in GROUP_VERSIONS
        if other == name
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resources(group_name: str, version_name: str) -> dict[str, Any] | None:
    """Return `/api/v1` or `/apis/<group>/<version>`; None if there is nothing of the kind."""
    if (group_name, version_name) not in GROUP_VERSIONS:
        return None
    rows = []
    for resource in RESOURCES:
        if (resource.group, resource.version) == (group_name, version_name):
            rows.append(_row(resource))
            rows += [_subrow(resource, name) for name in sorted(resource.subresources)]
    document: dict[str, Any] = {"kind": "APIResourceList"}
    if group_name:
        document["apiVersion"] = "v1"
    group_version = f"{group_name}/{version_name}" if group_name else version_name
    return document | {"groupVersion": group_version, "resources": rows}


def _row(resource: Resource) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular or resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(ALL_VERBS),
    }
    if resource.short:
        row["shortNames"] = list(resource.short)
    if resource.categories:
        row["categories"] = list(resource.categories)
    return row


def _subrow(resource: Resource, name: str) -> dict[str, Any]:
    other = _OTHER_KINDS.get(name)
    row: dict[str, Any] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind if other is None else other[2],
        "verbs": list(_SUBRESOURCE_VERBS[name]),
    }
    if other is not None:
        row |= {"group": other[0], "version": other[1]}
    return row
