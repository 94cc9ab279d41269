"""The endpoint controllers, as load: what a Service's pods do is written to its slices and its Endpoints.

Nothing in the model routes traffic, so the objects are not kept.
"""

from typing import Any, NamedTuple

from engine.core.effects import Labels, Resource
from simulator.attribution import Link
from simulator.cluster.changes import ENDED, GOING, GONE, OWNED, READY, STARTED
from simulator.cluster.objects import has_ended, is_ready, is_terminating, key_of
from simulator.cluster.store import Key
from simulator.cluster.upkeep import Upkeep
from simulator.cluster.watch import Watch


class _Pod(NamedTuple):
    """What is known of a pod: its labels, the Services that select them, and what slices say of it."""

    labels: Labels | None
    services: list[Key]
    endpoint: "_Endpoint | None"


class Endpoints:
    """Follows Services and their pods for both controllers."""

    def __init__(self, watch: Watch, slices: Upkeep, addresses: Upkeep) -> None:
        """`slices` writes EndpointSlices, `addresses` the older Endpoints."""
        self._watch = watch
        self._slices = slices
        self._addresses = addresses
        self._known: dict[Key, _Pod] = {}
        self._selected: dict[tuple[Any, ...], list[Key]] = {}  # by namespace and labels
        watch.subscribe(("Service",), self._service_changed)
        watch.subscribe(("Pod",), self._pod_changed, STARTED + READY + GOING + ENDED + GONE + OWNED)

    def _service_changed(self, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        self._known.clear()
        self._selected.clear()
        if after is not None:
            self._slices.changed(key_of(after))
            self._addresses.changed(key_of(after))

    def _pod_changed(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        key = key_of(after or before or {})
        was = self._known.get(key)
        if was is None:
            was = _Pod(_labels(before or {}), self._selecting(key, _labels(before or {})), _endpoint(before))
        if after is None:
            now = _Pod(was.labels, was.services, None)
            self._known.pop(key, None)
        else:
            labels = _labels(after)
            services = was.services if labels is was.labels else self._selecting(key, labels)
            now = self._known[key] = _Pod(labels, services, _endpoint(after))
        if was.services != now.services:
            for service in (*was.services, *now.services):
                if (service in was.services) != (service in now.services):
                    self._slices.changed(service)
                    self._addresses.changed(service)
        elif was.endpoint != now.endpoint:
            for service in now.services:
                self._slices.changed(service)
                if _address(was.endpoint) != _address(now.endpoint):
                    self._addresses.changed(service)

    def _selecting(self, pod: Key, labels: Labels | None) -> list[Key]:
        """Return the Services that select a pod with these labels; all pods of an owner have the same."""
        asked = (pod[0], *(labels or {}).items())
        found = self._selected.get(asked)
        if found is None:
            found = self._selected[asked] = [
                service
                for service, resource in self._watch.cache.get("Service", {}).items()
                if service[0] == pod[0] and _selects(resource["spec"].get("selector"), labels)
            ]
        return found


_Endpoint = tuple[bool, bool]
"""(serving, terminating)"""


def _endpoint(pod: Resource | None) -> _Endpoint | None:
    """Return what slices say of a pod: nothing before it has an address and after its containers' end."""
    if pod is None or has_ended(pod) or (pod.get("status") or {}).get("phase", "Pending") == "Pending":
        return None
    return is_ready(pod), is_terminating(pod)


def _address(endpoint: _Endpoint | None) -> bool | None:
    """Return what Endpoints say: whether the address is a ready one; nothing of a pod that goes."""
    return None if endpoint is None or endpoint[1] else endpoint[0]


def _labels(pod: Resource) -> Labels | None:
    labels: Labels | None = pod["metadata"].get("labels")
    return labels


def _selects(selector: Labels | None, labels: Labels | None) -> bool:
    """Say whether a Service's selector selects; without one it selects nothing."""
    carried = labels or {}
    return bool(selector) and all(carried.get(name) == value for name, value in (selector or {}).items())
