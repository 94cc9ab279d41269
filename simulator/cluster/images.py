"""A node's images: which it has, and how long the pull of another takes."""

from collections.abc import Callable

from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.cluster.objects import key_of
from simulator.stations import Seats, TokenBucket
from simulator.streams import Sampler, Stream, entity


class Images:
    """The image cache and puller of one node: pulls are serial, and limited by the registry bucket."""

    def __init__(
        self,
        agenda: Agenda,
        node: str,
        latency: tuple[Sampler, Stream],
        mb_per_s: float,
        registry: TokenBucket,
        *,
        serial: bool,
        cached: bool,
    ) -> None:
        """With `cached`, every image that a pod names is there already."""
        self.pulls = Seats(f"image-pull.{node}", 1 if serial else 0)
        self.registry = registry
        self.failing: Callable[[Resource], bool] | None = None  # a fault: which pods' images cannot be pulled
        self._agenda = agenda
        self._node = node
        self._latency, self._stream = latency
        self._ns_per_mb = 1e9 / mb_per_s
        self._cached = cached
        self._present: dict[str, int] = {}

    def add(self, pod: Resource) -> None:
        """The node ran this pod before time 0, so it has its images."""
        for container in pod["spec"]["containers"]:
            self._present[container.get("image", "")] = 0

    def pull(self, pod: Resource, image_mb: float) -> int:
        """Return how long the pod waits until all its images are on the node; pulls begin now."""
        if self._cached:
            return 0
        now = self._agenda.now
        ready = now
        for container in pod["spec"]["containers"]:
            image = container.get("image", "")
            always = container.get("imagePullPolicy") == "Always"
            present = self._present.get(image)
            if present is None:
                present = self._present[image] = self._fetch(now, image, image_mb)
            elif always:  # the layers are there, the registry is asked all the same
                present = max(present, self._fetch(now, image, 0.0))
            ready = max(ready, present)
        return ready - now

    def refuse(self, pod: Resource, tries: int) -> int:
        """Return how long a pull takes until the registry's refusal: the `tries`-th of this pod."""
        name = entity(f"{self._node}/{'/'.join(key_of(pod))}")
        service = self._latency(self._stream.uniform(name, tries))
        now = self._agenda.now
        return self.pulls.reserve(self.registry.reserve(now), service) + service - now

    def _fetch(self, now: int, image: str, image_mb: float) -> int:
        service = self._latency(self._stream.uniform(entity(f"{self._node}/{image}"))) + round(
            image_mb * self._ns_per_mb
        )
        return self.pulls.reserve(self.registry.reserve(now), service) + service
