"""The nodes put together: a kubelet, its image store and its clients for every node that there is."""

from engine.core.causes import Cause
from engine.core.effects import Resource
from simulator.attribution import Link
from simulator.cluster.access import Access
from simulator.cluster.apiserver import Client
from simulator.cluster.behaviour import Behaviours
from simulator.cluster.changes import GOING, GONE, NEW, SPEC
from simulator.cluster.heartbeats import Heartbeats
from simulator.cluster.images import Images, ImageSettings
from simulator.cluster.kubelet import Kubelet, KubeletSettings
from simulator.cluster.kwok import SimulatedKubelet, stages_of
from simulator.cluster.memory import EvictionSettings
from simulator.cluster.nodehealth import NodeHealth
from simulator.cluster.objects import condition_of, has_ended, is_terminating
from simulator.cluster.registry import Registry
from simulator.cluster.store import Store
from simulator.cluster.timestamps import VirtualTimestamps
from simulator.cluster.volumes import StorageController
from simulator.cluster.watch import Watch
from simulator.stations import TokenBucket
from simulator.streams import Constant


class Nodes:
    """The kubelets by the name of their node."""

    def __init__(
        self,
        access: Access,
        store: Store,
        watch: Watch,
        behaviours: Behaviours,
        storage: StorageController,
        timestamp: VirtualTimestamps,
        heartbeats: Heartbeats,
    ) -> None:
        """Follow nodes and pods; a node that is new gets its kubelet."""
        self.kubelets: dict[str, Kubelet] = {}
        self._access = access
        self._registry = Registry(access.agenda, access.number("image.registry_mb_per_s"))
        self._store = store
        self._watch = watch
        self.behaviours = behaviours
        self._storage = storage
        self._timestamp = timestamp
        self.health = NodeHealth(access, store, watch, self.kubelets, heartbeats, timestamp)
        self._stages = stages_of(access)
        watch.subscribe(("Node",), self._node_changed)
        watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + SPEC + GOING)

    def load(self, beginning: Link) -> None:
        """Give the nodes that exist before time 0 their kubelets, and these their pods."""
        cache = self._watch.cache
        self.health.leases.expect(len(cache.get("Node", {})))
        for node in cache.get("Node", {}).values():
            self._node_changed(None, node, beginning)
        for key in sorted(cache.get("Pod", {})):
            self._adopt(cache["Pod"][key], beginning)
        self.health.load(beginning)

    def _adopt(self, pod: Resource, link: Link) -> None:
        """Hand a pod that exists before time 0 to its kubelet: ready, or still to be started or stopped."""
        kubelet = self.kubelets.get(pod["spec"].get("nodeName", ""))
        if kubelet is None:
            return
        kubelet.images.add(pod)
        running = (pod.get("status") or {}).get("phase") == "Running"
        starting = not running or (condition_of(pod, "Ready") == "False" and not is_terminating(pod))
        if not starting or has_ended(pod):
            kubelet.adopt(pod)
        if starting or is_terminating(pod):
            kubelet.pod_changed(None, pod, link)

    def _node_changed(self, before: Resource | None, after: Resource | None, _link: Link) -> None:
        if after is None and before is not None and before["metadata"]["name"] in self.kubelets:
            self.health.remove(before["metadata"]["name"])
        if after is None or before is not None:
            return
        access = self._access
        name = after["metadata"]["name"]
        client = access.client(
            f"kubelet.{name}", "system", access.number("kubelet.qps"), int(access.number("kubelet.burst")),
            Cause.CONTAINER_START,
        )  # fmt: skip
        kubelet = (SimulatedKubelet if self._stages else Kubelet)(
            access.agenda,
            name,
            self._store,
            client,
            self._settings(),
            self.behaviours,
            self._images(name),
            self._timestamp,
        )
        if isinstance(kubelet, SimulatedKubelet):
            assert self._stages is not None
            kubelet.stages = self._stages
        kubelet.measure(after, self._eviction())
        kubelet.mount = self._storage.mount
        kubelet.events = access.recorder(self._event_client(name))
        access.stations.append(kubelet.starts)
        self.kubelets[name] = kubelet
        self.health.add(name, kubelet)

    def _settings(self) -> KubeletSettings:
        access = self._access
        teardown = access.sampler("kubelet.pod_teardown")
        return KubeletSettings(
            access.constant_ns("kubelet.pleg_period"),
            access.sampler("kubelet.volume_setup"),
            access.sampler("kubelet.container_start"),
            access.streams.stream("kubelet"),
            int(access.number("kubelet.start_concurrency")),
            access.sampler("kubelet.container_extra"),
            None if isinstance(teardown, Constant) and not teardown.ns else teardown,
            access.constant_ns("kubelet.sync_latency"),
            access.number("kubelet.start_slower_per_pod"),
        )

    def _eviction(self) -> EvictionSettings:
        access = self._access
        return EvictionSettings(
            access.constant_ns("kubelet.eviction_monitor"),
            round(access.number("kubelet.eviction_memory_mib") * (1 << 20)),
            access.constant_ns("kubelet.eviction_transition"),
        )

    def _event_client(self, node: str) -> Client:
        access = self._access
        qps, burst = access.number("kubelet.event_qps"), int(access.number("kubelet.event_burst"))
        return access.client(f"kubelet-events.{node}", "system", qps, burst, Cause.CONTAINER_START)

    def _images(self, node: str) -> Images:
        access = self._access
        qps, burst = access.number("kubelet.registry_qps"), int(access.number("kubelet.registry_burst"))
        bucket = TokenBucket(f"registry.{node}", qps, burst)
        images = Images(access.agenda, node, self._image_settings(), bucket, self._registry)
        access.stations.append(images.pulls)
        return images

    def _image_settings(self) -> ImageSettings:
        access = self._access
        serial = bool(access.parameters["kubelet.serialize_image_pulls"])
        parallel = int(access.number("kubelet.max_parallel_image_pulls"))
        return ImageSettings(
            access.sampler("image.pull_latency"),
            access.streams.stream("image.pull"),
            access.number("image.pull_mb_per_s"),
            bool(access.parameters["image.cached"]),
            1 if serial else parallel,
            access.number("image.disk_mb"),
            access.number("image.gc_high"),
            access.number("image.gc_low"),
            access.constant_ns("image.gc_period"),
            access.constant_ns("image.gc_age"),
        )

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        node = (after or before or {})["spec"].get("nodeName")
        if node in self.kubelets:
            self.kubelets[node].pod_changed(before, after, link)
