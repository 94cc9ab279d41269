"""When a pod that is ready counts as available: after `minReadySeconds` (pkg/api/v1/pod IsPodAvailable)."""

from collections.abc import Callable, Iterable

from engine.core.effects import Resource
from simulator.cluster.instants import seconds_of, until

_LONG_AGO = "1970-01-01T00:00:00Z"


def ready_since(pod: Resource) -> str:
    """Return when the pod became ready, or an empty text while it is not."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            since: str = condition.get("lastTransitionTime", _LONG_AGO)
            return since
    return ""


class Availability:
    """Tells which pods are available; one that was ready at time 0 has been for long."""

    def __init__(self, timestamp: Callable[[], str]) -> None:
        """`timestamp` renders the virtual clock."""
        self._timestamp = timestamp
        self._settled_s = seconds_of(timestamp())

    def of(
        self, pods: Iterable[Resource], ready_seconds_min: int, now_ns: int
    ) -> tuple[list[Resource], int | None]:
        """Return the pods that are available, and the ns until the next of those that are ready is."""
        available, soonest, now = [], None, self._timestamp()
        for pod in pods:
            since = ready_since(pod)
            if not since:
                continue
            since_s = seconds_of(since)
            left = until(since_s + ready_seconds_min, now, now_ns)
            if left <= 0 or since_s <= self._settled_s:
                available.append(pod)
            elif soonest is None or left < soonest:
                soonest = left
        return available, soonest
