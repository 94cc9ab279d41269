"""What the metrics server knows of pods: their use of CPU and memory, averaged between two of its readings.

It reads every `resolution`, and knows nothing of a pod that had not begun one reading earlier. Of a workload
whose use nobody declares, the model takes it to be a part of its requests at its replicas at time 0, which
its ready pods share: as a constant load does.
"""

from collections.abc import Mapping, Sequence

from engine.core.effects import Resource
from scenarios.quantities import resource_amount
from simulator.cluster.behaviour import Behaviours
from simulator.cluster.instants import SECOND_NS, seconds_of
from simulator.cluster.objects import is_ready

_SAMPLES = 5  # of one window


class PodMetrics:
    """The metrics API's answers about the pods of one workload at a time."""

    def __init__(self, behaviours: Behaviours, resolution_ns: int, use_of_requests: float) -> None:
        """Read what is declared; else take `use_of_requests` of what `rest` pods request."""
        self._behaviours = behaviours
        self.resolution_ns = resolution_ns
        self.use_of_requests = use_of_requests

    def is_declared(self, pod: Resource, resource: str) -> bool:
        """Say whether the use of a workload, of which this is a pod, is declared."""
        return self._use(pod, resource, 0, 1) is not None

    def read_at(self, now_ns: int) -> int:
        """Return the instant of the last reading."""
        return now_ns - now_ns % self.resolution_ns

    def of(
        self, pods: Sequence[Resource], resource: str, rest: int, timestamp: str, now_ns: int
    ) -> Mapping[str, int]:
        """Return the use of each pod that anything is known of: millicores, or bytes."""
        read = self.read_at(now_ns)
        epoch_s = seconds_of(timestamp) - now_ns // SECOND_NS
        sharing = sum(map(is_ready, pods))
        found = {}
        for pod in pods:
            status = pod.get("status") or {}
            began = status.get("startTime")
            if status.get("phase") != "Running" or not began:
                continue
            began_ns = (seconds_of(began) - epoch_s) * SECOND_NS
            if began_ns > max(0, read - self.resolution_ns):
                continue
            use = self._average(pod, resource, read, sharing)
            if use is None:
                shared = rest / sharing if sharing else 0.0
                use = int(requested(pod, resource) * self.use_of_requests * shared) if is_ready(pod) else 0
            found[pod["metadata"]["name"]] = use
        return found

    def _average(self, pod: Resource, resource: str, read: int, sharing: int) -> int | None:
        total = 0
        for number in range(_SAMPLES):
            at = max(0, read - self.resolution_ns * number // _SAMPLES)
            use = self._use(pod, resource, at, sharing)
            if use is None:
                return None
            total += use
        return total // _SAMPLES

    def _use(self, pod: Resource, resource: str, at: int, sharing: int) -> int | None:
        if resource == "cpu":
            return self._behaviours.cpu_use(pod, at, sharing)
        return self._behaviours.memory_use(pod, at)


def requested(pod: Resource, resource: str) -> int:
    """Return what the pod's containers request of a resource together."""
    return sum(
        resource_amount(resource, amount)
        for one in pod["spec"]["containers"]
        if (amount := ((one.get("resources") or {}).get("requests") or {}).get(resource)) is not None
    )
