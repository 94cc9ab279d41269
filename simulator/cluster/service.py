"""How long the API server works on a request, where nothing else is known of the machine it runs on."""

from simulator.streams import Sampler, Stream


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
