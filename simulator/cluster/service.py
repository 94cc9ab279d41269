"""How long the API server works on a request, where nothing else is known of the machine it runs on."""

import math
from collections.abc import Mapping
from statistics import NormalDist

from simulator.streams import Sampler, Stream

_NORMAL = NormalDist()


class ServiceTimes:
    """How long the server works on a request, keyed by who asks for what."""

    __slots__ = ("_per_object_ns", "_read", "write")

    def __init__(self, stream: Stream, read: Sampler, write: Sampler, per_object_ns: int) -> None:
        """Use one distribution for reads, one for writes, and a constant per object listed."""
        self._read = stream.sampled(read)
        self._per_object_ns = per_object_ns
        self.write = stream.sampled(write)
        """Of a write, its etcd commit included, by its key."""

    def read(self, key: int, objects: int = 0) -> int:
        """Return the service time of a read that lists `objects` objects."""
        return self._read(key) + objects * self._per_object_ns


class Work:
    """What requests and deliveries are as work of the processes that share a machine."""

    def __init__(self, numbers: Mapping[str, int], sigma: float, stream: Stream) -> None:
        """`numbers` are nanoseconds by name; each draw is lognormal about them with `sigma`."""
        self._numbers = numbers
        self._stream = stream
        self._sigma = sigma
        self._told: dict[str, dict[str, int]] = {}

    def number(self, name: str) -> int:
        """Return the nanoseconds of a work that is not drawn."""
        return self._numbers[name]

    def _drawn(self, work_ns: int, key: int, ordinal: int) -> int:
        if not self._sigma:
            return work_ns
        factor = math.exp(
            self._sigma * _NORMAL.inv_cdf(self._stream.uniform(key, ordinal)) - self._sigma**2 / 2
        )
        return round(work_ns * factor)

    def asking(self, component: str, key: int) -> int:
        """Return the work of a component on one request before it is sent."""
        numbers = self._numbers
        name = "client.request" if component == "client" else "component.request"
        return self._drawn(numbers[name], key, 0)

    def serving(self, what: tuple[str, str], objects: int, key: int) -> int:
        """Return the work of the API server and of etcd on one request."""
        verb, kind = what
        numbers = self._numbers
        if verb == "get":
            work_ns = numbers["serve.read"]
        elif verb == "list":
            work_ns = numbers["serve.read"] + objects * numbers["serve.object"]
        elif kind == "Event":
            work_ns = numbers["serve.event"]
        elif kind == "Eviction":
            work_ns = numbers["serve.eviction"]
        elif verb == "patch":
            work_ns = numbers["serve.patch"]
        elif verb == "delete":
            work_ns = numbers["serve.delete"]
        else:
            work_ns = numbers["serve.write"]
        return self._drawn(work_ns, key, 1)

    def answering(self, component: str, objects: int, key: int) -> int:
        """Return the work of a component on the answer to one request."""
        if component != "client":
            return 0
        return self._drawn(self._numbers["client.answer"] + objects * self._numbers["client.object"], key, 2)

    def told(self, kind: str) -> dict[str, int]:
        """Return the work of telling the watchers of one write, by component."""
        found = self._told.get(kind)
        if found is None:
            each = self._numbers["watch.decode"]
            found = {"apiserver": self._numbers["watch.send"], "controller-manager": each}
            if kind == "Pod":
                found |= {"scheduler": each, "kubelets": each}
            self._told[kind] = found
        return found
