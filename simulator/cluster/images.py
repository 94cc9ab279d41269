"""A node's images: which it has, how the others are pulled, and which are thrown away when the disk fills."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.agenda import Agenda
from simulator.attribution import Link, extend
from simulator.cluster.objects import key_of
from simulator.cluster.registry import Registry
from simulator.stations import Seats, TokenBucket
from simulator.streams import Sampler, Stream, entity


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How a node pulls images and keeps them."""

    latency: Sampler
    stream: Stream
    mb_per_s: float  # of the node's link
    cached: bool  # every image that a pod names is there already
    parallel: int  # pulls at once; 0: no limit
    disk_mb: float = 0.0  # for images; 0: never full
    high: float = 0.85  # share of the disk above which images are thrown away,
    low: float = 0.8  # until no more than this is used
    collect_ns: int = 300_000_000_000
    age_ns_min: int = 120_000_000_000  # of an image that may be thrown away


class Pulled:
    """The images of one pod on their way; `done` is called once all of them are there."""

    __slots__ = ("_left", "done", "link")

    def __init__(self, count: int, link: Link) -> None:
        """Wait for `count` images."""
        self._left = count
        self.done: Callable[[Any], None] = _nobody
        self.link = link

    def one(self, now: int) -> None:
        """Count one image in."""
        self._left -= 1
        if not self._left:
            self.link = extend(self.link, Cause.IMAGE_PULL, now)
            self.done(self)


def _nobody(_pulled: Pulled) -> None:
    """Nobody waits yet."""


class Images:
    """The image cache and puller of one node."""

    def __init__(
        self, agenda: Agenda, node: str, settings: ImageSettings, bucket: TokenBucket, registry: Registry
    ) -> None:
        """Start with no images; pulls begin as `bucket` allows, and share the link and the registry."""
        self.pulls = Seats(f"image-pull.{node}", settings.parallel)
        self.registry = bucket
        self.failing: Callable[[Resource], bool] | None = None  # a fault: which pods' images cannot be pulled
        self.in_use: Callable[[], Iterable[Resource]] = tuple  # the pods whose images must stay
        self._agenda = agenda
        self._node = node
        self._settings = settings
        self._registry = registry
        # One pull at a time that nobody shares its way with is known at its beginning.
        self._reckoned = settings.parallel == 1 and not registry.is_limited
        self._present: dict[str, int] = {}  # image -> when it is there
        self._size_mb: dict[str, float] = {}
        self._used_at: dict[str, int] = {}
        self._coming: dict[str, list[Callable[[int], None]]] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._pulling = 0
        self._collects = False

    def add(self, pod: Resource) -> None:
        """The node ran this pod before time 0, so it has its images."""
        for image in _images_of(pod):
            self._present[image] = 0

    def pull(self, pod: Resource, image_mb: float, link: Link) -> Pulled | int:
        """Let a pod's images come: how long that takes, where it is known now, or what is waited for."""
        if self._settings.cached:
            return 0
        now = self._agenda.now
        wanted = self._wanted(pod, image_mb)
        for image in _images_of(pod):
            self._used_at[image] = now
        if self._reckoned:
            return max([self._reckon(now, *one) for one in wanted], default=now) - now
        if not wanted:
            return 0
        pulled = Pulled(len(wanted), link)
        for image, size_mb in wanted:
            if image in self._coming:
                self._coming[image].append(pulled.one)
            else:
                self._coming[image] = [pulled.one]
                self._queue.append(partial(self._begin, image, size_mb))
        self._next()
        return pulled

    def _wanted(self, pod: Resource, image_mb: float) -> list[tuple[str, float]]:
        """Return what a pod waits for: images that are not there; 0 MB of what is asked for always."""
        wanted: dict[str, float] = {}
        for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
            image = container.get("image", "")
            if self._present.get(image, 1 << 62) > self._agenda.now:
                wanted[image] = image_mb
            elif always(container):  # the layers are there, the registry is asked all the same
                wanted.setdefault(image, 0.0)
        return list(wanted.items())

    # -- one pull at a time

    def _reckon(self, now: int, image: str, size_mb: float) -> int:
        """Return when an image is there that is pulled from now on, or is on its way."""
        if size_mb and image in self._present:
            return self._present[image]
        service = self._latency_ns(image) + round(size_mb * 1e9 / self._settings.mb_per_s)
        there = self.pulls.reserve(self.registry.reserve(now), service) + service
        if size_mb or image not in self._present:
            self._keep(image, size_mb, there)
        return there

    # -- several at once

    def _next(self) -> None:
        limit = self._settings.parallel
        while self._queue and (not limit or self._pulling < limit):
            self._pulling += 1
            self._queue.popleft()()

    def _begin(self, image: str, size_mb: float) -> None:
        now = self._agenda.now
        answered = self.registry.reserve(now) + self._latency_ns(image)
        came = partial(self._came, image, size_mb, now)
        transfer = partial(self._registry.transfer, self._node, size_mb, self._settings.mb_per_s, came)
        self._agenda.after(answered - now, lambda _entry: transfer() if size_mb else came())

    def _came(self, image: str, size_mb: float, began: int) -> None:
        now = self._agenda.now
        self._pulling -= 1
        self.pulls.arrivals_count += 1
        self.pulls.busy_ns += now - began
        if size_mb or image not in self._present:
            self._keep(image, size_mb, now)
        for told in self._coming.pop(image):
            told(now)
        self._next()

    # -- keeping

    def _keep(self, image: str, size_mb: float, there: int) -> None:
        self._present[image] = there
        self._size_mb[image] = size_mb
        settings = self._settings
        if settings.disk_mb and not self._collects and self.used_mb > settings.high * settings.disk_mb:
            self._collects = True
            self._agenda.after(settings.collect_ns - self._agenda.now % settings.collect_ns, self._collect)

    @property
    def used_mb(self) -> float:
        """What the images take of the disk."""
        return sum(self._size_mb.values())

    def has(self, image: str) -> bool:
        """Say whether an image is on the node."""
        return self._settings.cached or self._present.get(image, 1 << 62) <= self._agenda.now

    def _collect(self, _entry: Any) -> None:
        """Throw away what was used longest ago and is not in use (k/k pkg/kubelet/images)."""
        settings, now = self._settings, self._agenda.now
        self._collects = False
        if self.used_mb <= settings.high * settings.disk_mb:
            return
        used = {image: None for pod in self.in_use() for image in _images_of(pod)}
        for image in sorted(self._size_mb, key=lambda image: (self._used_at.get(image, 0), image)):
            if self.used_mb <= settings.low * settings.disk_mb:
                return
            young = now - max(self._used_at.get(image, 0), self._present[image]) < settings.age_ns_min
            if image not in used and not young:
                del self._size_mb[image], self._present[image]
        if self.used_mb > settings.low * settings.disk_mb and len(used) < len(self._size_mb):
            self._collects = True
            self._agenda.after(settings.collect_ns, self._collect)

    def refuse(self, pod: Resource, tries: int) -> int:
        """Return how long a pull takes until the registry's refusal: the `tries`-th of this pod."""
        settings = self._settings
        name = entity(f"{self._node}/{'/'.join(key_of(pod))}")
        service = settings.latency(settings.stream.uniform(name, tries))
        now = self._agenda.now
        return self.pulls.reserve(self.registry.reserve(now), service) + service - now

    def _latency_ns(self, image: str) -> int:
        settings = self._settings
        return settings.latency(settings.stream.uniform(entity(f"{self._node}/{image}")))


def _images_of(pod: Resource) -> list[str]:
    spec = pod["spec"]
    return [one.get("image", "") for one in (*(spec.get("initContainers") or ()), *spec["containers"])]


def always(container: Resource) -> bool:
    """Say whether the registry is asked each time: as the policy says, by default for the tag latest."""
    policy = container.get("imagePullPolicy")
    if policy is None:
        image = container.get("image", "").rpartition("/")[2]
        return (":" not in image and "@" not in image) or image.endswith(":latest")
    return bool(policy == "Always")
