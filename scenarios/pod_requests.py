"""What a pod asks of a node, summed over its containers as Kubernetes does."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from scenarios.quantities import resource_amount

Json = Mapping[str, Any]
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


def pod_requests(pod_spec: Json, unstated: Mapping[str, int] = _NONE) -> dict[str, int]:
    """Sum as `resourcehelper.PodRequests`: sidecars run beside everything that starts after them.

    `unstated` is what a container counts for that does not say what it asks.
    """
    totals: dict[str, int] = {}
    for container in pod_spec.get("containers") or ():
        _add_to(totals, _container_requests(container, unstated))
    sidecars: dict[str, int] = {}
    largest: dict[str, int] = {}
    for container in pod_spec.get("initContainers") or ():
        wanted = _container_requests(container, unstated)
        if container.get("restartPolicy") == "Always":
            _add_to(sidecars, wanted)
            _add_to(totals, wanted)
            wanted = dict(sidecars)
        else:
            _add_to(wanted, sidecars)
        for name, size in wanted.items():
            largest[name] = max(largest.get(name, 0), size)
    result = {name: max(totals.get(name, 0), largest.get(name, 0)) for name in {**totals, **largest}}
    overhead = pod_spec.get("overhead") or {}
    _add_to(result, {name: resource_amount(name, value) for name, value in overhead.items()})
    return result


def _container_requests(container: Json, unstated: Mapping[str, int]) -> dict[str, int]:
    """Return a container's requests; a limit without a request is one (the API server's defaulting)."""
    resources = container.get("resources") or {}
    stated = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    wanted = {name: resource_amount(name, value) for name, value in stated.items()}
    for name, size in unstated.items():
        wanted.setdefault(name, size)
    return wanted


def _add_to(totals: dict[str, int], more: Mapping[str, int]) -> None:
    for name, size in more.items():
        totals[name] = totals.get(name, 0) + size
