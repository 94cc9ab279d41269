"""The modelled cluster: a RunSpec's cluster put together from its components."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from scenarios.runspec import ClusterSpec, EngineSpec
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.apiserver import Client, Level, ServiceTimes
from simulator.cluster.behaviour import Behaviours
from simulator.cluster.bootstrap import settle, settled_at
from simulator.cluster.changes import GOING, GONE, NEW, SPEC
from simulator.cluster.claiming import Claiming
from simulator.cluster.daemonset import DaemonSetController
from simulator.cluster.demands import Demands
from simulator.cluster.deployment import DeploymentController
from simulator.cluster.disruption import DisruptionController
from simulator.cluster.endpoints import Endpoints
from simulator.cluster.events import EventRecorder
from simulator.cluster.garbage import GarbageCollector
from simulator.cluster.heartbeats import Heartbeats
from simulator.cluster.images import Images
from simulator.cluster.job import JobController
from simulator.cluster.kubelet import Kubelet, KubeletSettings
from simulator.cluster.objects import condition_of, has_ended, is_terminating
from simulator.cluster.quota import Quotas
from simulator.cluster.quotastatus import QuotaStatus
from simulator.cluster.replicaset import ReplicaSetController
from simulator.cluster.resize import Resizes
from simulator.cluster.scheduler import Scheduler
from simulator.cluster.statefulset import StatefulSetController
from simulator.cluster.store import Store
from simulator.cluster.upkeep import Upkeep
from simulator.cluster.volumes import StorageController
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import Sync, WorkQueue
from simulator.cluster.writing import patch
from simulator.stations import Station, TokenBucket
from simulator.streams import Streams, sampler

SECOND_NS = 1_000_000_000


class VirtualTimestamps:
    """Renders the virtual clock in the API's format, to the second."""

    def __init__(self, agenda: Agenda, epoch: str) -> None:
        """Read the time from `agenda`, whose time 0 is `epoch`."""
        self._agenda = agenda
        self._epoch = datetime.fromisoformat(epoch)
        self._minute = self._second = -1
        self._text = self._prefix = ""

    def __call__(self) -> str:
        """Return the present, such as ``2026-01-01T00:00:07Z``."""
        second = self._agenda.now // SECOND_NS
        if second != self._second:
            self._second = second
            minute, rest = divmod(second + self._epoch.second, 60)
            if minute != self._minute:
                self._minute = minute
                present = self._epoch.replace(second=0) + timedelta(minutes=minute)
                self._prefix = present.strftime("%Y-%m-%dT%H:%M:")
            self._text = f"{self._prefix}{rest:02d}Z"
        return self._text


class Cluster:
    """Everything between a client's request and a ready pod."""

    def __init__(self, agenda: Agenda, spec: ClusterSpec, engine: EngineSpec, streams: Streams) -> None:
        """Build the control plane and the nodes, settled at time 0."""
        self._agenda = agenda
        self._parameters = spec.parameters
        self._streams = streams
        self.timestamp = VirtualTimestamps(agenda, settled_at(spec.objects))
        self.store = Store(self.timestamp)
        self.demands = Demands()
        self.watch = Watch(agenda, self._sampler("watch.delay"), streams.stream("watch.delay"))
        self.clients: list[Client] = []
        self.stations: list[Station] = []
        self._times = self._service_times()
        self._levels: dict[str, Level] = {}
        self.quotas = Quotas(self.store, self.demands)
        self._heartbeats = self._build_heartbeats()
        self.engine_client = self._client(
            "engine", "workload-low", engine.client_qps, engine.client_burst, Cause.CLIENT_THROTTLE
        )
        manager = self._client(
            "controller-manager", "workload-high", self._number("controller_manager.qps"),
            int(self._number("controller_manager.burst")), Cause.CONTROLLER_THROTTLE,
        )  # fmt: skip
        self._build_controllers(manager)
        self._build_set_controllers(manager)
        Endpoints(self.watch, self._upkeep("endpointslice-controller"), self._upkeep("endpoint-controller"))
        admission = self._client("apiserver", "exempt", None, 1, Cause.API_SERVICE)
        QuotaStatus(self.watch, admission, self._upkeep("resourcequota-controller"))
        self.storage = self._build_storage()
        self.scheduler = self._build_scheduler()
        self._behaviours = Behaviours(
            spec.behaviours,
            streams,
            self._number("assumptions.startup_scale"),
            self._number("assumptions.exit_scale"),
        )
        self.kubelets: dict[str, Kubelet] = {}
        self.watch.subscribe(("Node",), self._node_changed)
        self.watch.subscribe(("Pod",), self._pod_changed, NEW + GONE + SPEC + GOING)
        Resizes(self.store, self.watch, self.kubelets)
        self._load(spec)
        self.store.published.append(self.watch.published)

    def patch(
        self, ref: Ref, changes: Mapping[str, Any], link: Link, version: str | None, subresource: str
    ) -> Resource:
        """Carry out a client's patch, with what the API server checks of it."""
        return patch(self.store, self.quotas, ref, changes, link, version, subresource)

    def start(self) -> None:
        """Begin what goes on for ever: leases, and the status of nodes."""
        self._heartbeats.start()

    def _build_heartbeats(self) -> Heartbeats:
        heartbeats = Heartbeats(self._agenda, self._streams.stream("heartbeat"))
        client = self._client("leader-election", "leader-election", None, 1, Cause.CONTROLLER_THROTTLE)
        for name in ("kube-controller-manager", "kube-scheduler"):
            heartbeats.every(self._constant_ns("leader_election.retry_period"), client, name)
        return heartbeats

    def _recorder(self, client: Client, *, filtered: bool = True) -> EventRecorder:
        """Return a broadcaster of cluster events; the newer one (events.k8s.io) filters nothing."""
        burst, refill_ns = int(self._number("events.burst")), self._constant_ns("events.refill")
        return EventRecorder(self._agenda, client, burst, refill_ns if filtered else 0)

    def _number(self, name: str) -> float:
        value: float = self._parameters[name]
        return value

    def _sampler(self, name: str, scale: float = 1.0) -> Any:
        return sampler(self._parameters[name], scale)

    def _constant_ns(self, name: str) -> int:
        """Return a duration parameter: seconds, or a distribution of one value."""
        value = self._parameters[name]
        return int(sampler(value)(0.5) if isinstance(value, Mapping) else round(value * SECOND_NS))

    def _service_times(self) -> ServiceTimes:
        scale = self._number("assumptions.api_scale")
        return ServiceTimes(
            self._streams.stream("apiserver.service"),
            self._sampler("apiserver.service.read", scale),
            self._sampler("apiserver.service.write", scale),
            round(self._constant_ns("apiserver.service.list_per_object") * scale),
        )

    def _client(self, name: str, level: str, qps: float | None, burst: int, throttle: Cause) -> Client:
        if level not in self._levels:
            seats = 0 if level == "exempt" else int(self._number(f"apiserver.seats.{level}"))
            self._levels[level] = Level(self._agenda, level, seats)
            self.stations.append(self._levels[level].seats)
        bucket = TokenBucket(f"client.{name}", qps, burst)
        client = Client(self._levels[level], self._times, bucket, throttle)
        self.clients.append(client)
        self.stations.append(bucket)
        return client

    def _build_controllers(self, client: Client) -> None:
        store, watch = self.store, self.watch
        slow_start = int(self._number("controller_manager.slow_start_batch"))
        self.replicasets = ReplicaSetController(store, watch, client, slow_start)
        self.deployments = DeploymentController(store, watch, client, self.timestamp)
        self.jobs = JobController(store, watch, client)
        self.disruption = DisruptionController(store, watch, client)
        for controller in (self.replicasets, self.deployments, self.jobs):
            controller.events = self._recorder(client)
        self.replicasets.queue = self._queue("replicaset", self.replicasets.sync)
        self.deployments.queue = self._queue("deployment", self.deployments.sync)
        self.jobs.queue = self._queue("job", self.jobs.sync)
        self.disruption.queue = self._queue("disruption", self.disruption.sync)

    def _build_set_controllers(self, client: Client) -> None:
        store, watch = self.store, self.watch
        slow_start = int(self._number("controller_manager.slow_start_batch"))
        self.statefulsets = StatefulSetController(store, watch, client)
        self.daemonsets = DaemonSetController(store, watch, client, slow_start)
        self.garbage = GarbageCollector(store, watch, client)
        Claiming(store, watch, client)
        self.statefulsets.queue = self._queue("statefulset", self.statefulsets.sync)
        self.daemonsets.queue = self._queue("daemonset", self.daemonsets.sync)
        self.garbage.queue = self._queue("garbage-collector", self.garbage.sync)

    def _upkeep(self, name: str) -> Upkeep:
        """Return a controller that is modelled as load only, with a client of its own (clientbuilder.go)."""
        return Upkeep(name, self._agenda, self._controller_client(name))

    def _controller_client(self, name: str) -> Client:
        return self._client(
            name, "workload-high", self._number("controller_manager.qps"),
            int(self._number("controller_manager.burst")), Cause.CONTROLLER_THROTTLE,
        )  # fmt: skip

    def _build_storage(self) -> StorageController:
        qps, burst = self._number("storage.qps"), int(self._number("storage.burst"))
        client = self._client("storage", "workload-low", qps, burst, Cause.CONTROLLER_THROTTLE)
        times = {what: self._sampler(f"storage.{what}") for what in ("provision", "expand", "filesystem")}
        stream = self._streams.stream("storage")
        storage = StorageController(
            self._agenda, self.store, self.watch, client, times, stream, self.timestamp
        )
        workers = int(self._number("storage.workers"))
        storage.queue = WorkQueue(self._agenda, "storage", workers, 0, storage.sync)
        self.stations.append(storage.queue.meter)
        return storage

    def _queue(self, name: str, sync: Sync) -> WorkQueue:
        workers = int(self._number(f"controller_manager.workers.{name}"))
        queue = WorkQueue(self._agenda, name, workers, self._constant_ns("controller_manager.sync"), sync)
        self.stations.append(queue.meter)
        return queue

    def _build_scheduler(self) -> Scheduler:
        client = self._client(
            "scheduler", "workload-high", self._number("scheduler.qps"), int(self._number("scheduler.burst")),
            Cause.SCHEDULING,
        )  # fmt: skip
        scheduler = Scheduler(
            self._agenda,
            self.store,
            self.watch,
            client,
            self.demands,
            (self._sampler("scheduler.cycle"), self._streams.stream("scheduler.cycle")),
            (self._constant_ns("scheduler.backoff.initial"), self._constant_ns("scheduler.backoff.max")),
            self.timestamp,
        )
        scheduler.events = self._recorder(client, filtered=False)
        self.stations.append(scheduler.meter)
        return scheduler

    def _load(self, spec: ClusterSpec) -> None:
        self.store.load(settle(spec.objects, self.timestamp()))
        self.quotas.load()
        self.watch.load(self.store.objects)
        beginning = root(self._agenda.now)
        for node in self.watch.cache.get("Node", {}).values():
            self._node_changed(None, node, beginning)
        for key in sorted(self.watch.cache.get("Pod", {})):
            self._adopt(self.watch.cache["Pod"][key], beginning)
        autoscaler = self._controller_client("horizontal-pod-autoscaler")
        period_ns = self._constant_ns("autoscaler.sync_period")
        for key in self.watch.cache.get("HorizontalPodAutoscaler", {}):
            # Its scale, two metrics, then its status (k/k pkg/controller/podautoscaler/horizontal.go).
            name = "/".join(key)
            self._heartbeats.every(period_ns, autoscaler, name, requests=4)
        self.scheduler.load(beginning)
        self.replicasets.load(beginning)
        self.deployments.load()
        self.jobs.load(beginning)
        self.disruption.load(beginning)
        self.statefulsets.load(beginning)
        self.daemonsets.load(beginning)
        self.storage.load(beginning)

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
        if after is None or before is not None:
            return
        name = after["metadata"]["name"]
        client = self._client(
            f"kubelet.{name}", "system", self._number("kubelet.qps"), int(self._number("kubelet.burst")),
            Cause.CONTAINER_START,
        )  # fmt: skip
        settings = KubeletSettings(
            self._constant_ns("kubelet.pleg_period"),
            self._sampler("kubelet.volume_setup"),
            self._sampler("kubelet.container_start"),
            self._streams.stream("kubelet"),
            int(self._number("kubelet.start_concurrency")),
        )
        kubelet = Kubelet(
            self._agenda,
            name,
            self.store,
            client,
            settings,
            self._behaviours,
            self._images(name),
            self.timestamp,
        )
        kubelet.mount = self.storage.mount
        kubelet.events = self._recorder(self._event_client(name))
        self.stations.append(kubelet.starts)
        self.kubelets[name] = kubelet
        # A client of its own, without a limit (cmd/kubelet/app/server.go heartbeatClientConfig).
        heart = self._client(f"heartbeat.{name}", "node-high", None, 1, Cause.CONTAINER_START)
        self._heartbeats.every(self._constant_ns("kubelet.lease_period"), heart, f"lease/{name}")
        self._heartbeats.every(self._constant_ns("kubelet.node_status_period"), heart, f"status/{name}")

    def _event_client(self, node: str) -> Client:
        qps, burst = self._number("kubelet.event_qps"), int(self._number("kubelet.event_burst"))
        return self._client(f"kubelet-events.{node}", "system", qps, burst, Cause.CONTAINER_START)

    def _images(self, node: str) -> Images:
        images = Images(
            self._agenda,
            node,
            (self._sampler("image.pull_latency"), self._streams.stream("image.pull")),
            self._number("image.pull_mb_per_s"),
            TokenBucket(
                f"registry.{node}",
                self._number("kubelet.registry_qps"),
                int(self._number("kubelet.registry_burst")),
            ),
            serial=bool(self._parameters["kubelet.serialize_image_pulls"]),
            cached=bool(self._parameters["image.cached"]),
        )
        self.stations.append(images.pulls)
        return images

    def _pod_changed(self, before: Resource | None, after: Resource | None, link: Link) -> None:
        node = (after or before or {})["spec"].get("nodeName")
        if node in self.kubelets:
            self.kubelets[node].pod_changed(before, after, link)
