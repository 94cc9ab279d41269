"""What the jobs on volumes share: mounting a claim, and paths that stay inside it."""

from collections.abc import Mapping
from typing import Any, Final

from engine.actions.jobs import RESOURCES, check_duration
from engine.core.action import InvalidParameters, Parameter

DATA: Final = "/data"
PATH: Final = Parameter("string", default=".", summary="where in the volume, relative to its root")
SHARED: Final[Mapping[str, Parameter]] = {
    "namespace": RESOURCES["namespace"],
    "pvc": Parameter("string", required=True, summary="the PersistentVolumeClaim"),
}
WORK: Final[Mapping[str, Parameter]] = {
    "duration_s": Parameter("number", default=10, summary="how long a modelled cluster takes, in seconds"),
    "cpu": RESOURCES["cpu"],
    "memory": RESOURCES["memory"],
    "image": Parameter("string", default="busybox:1.36", summary="an image that has tar, find and gzip"),
}


def check(action: str, parameters: Mapping[str, Any]) -> str:
    """Return the path below the mount; raises `InvalidParameters` for one that leaves the volume."""
    check_duration(action, parameters["duration_s"])
    path = parameters["path"]
    if path.startswith(("/", "-")) or ".." in path.split("/"):
        raise InvalidParameters(f"{action}: 'path' must stay inside the volume, found {path!r}")
    return f"{DATA}/{path}"


def check_days(action: str, parameters: Mapping[str, Any]) -> str:
    """Return find's word for files older than so many days; raises `InvalidParameters`."""
    days = parameters["older_than_days"]
    if days < 0:
        raise InvalidParameters(f"{action}: 'older_than_days' must not be negative, found {days}")
    return f"+{days}"


def mounted(container: Mapping[str, Any], claims: Mapping[str, str]) -> dict[str, Any]:
    """Return the pod spec of a container with claims mounted, by path."""
    names = {path: path.strip("/") for path in claims}
    return {
        "containers": [
            {**container, "volumeMounts": [{"name": names[path], "mountPath": path} for path in claims]}
        ],
        "volumes": [
            {"name": names[path], "persistentVolumeClaim": {"claimName": claim}}
            for path, claim in claims.items()
        ],
    }
