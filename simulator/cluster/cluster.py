"""The modelled cluster: a RunSpec's cluster put together from its components."""

from collections.abc import Mapping
from typing import Any

from engine.core.causes import Cause
from engine.core.effects import Ref, Resource
from scenarios.runspec import ClusterSpec, EngineSpec
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.access import Access
from simulator.cluster.behaviour import Behaviours
from simulator.cluster.bootstrap import settled_at
from simulator.cluster.consistent import PROGRESS_NS, ConsistentReads
from simulator.cluster.control_plane import ControlPlane
from simulator.cluster.demands import Demands
from simulator.cluster.eviction import Evictions
from simulator.cluster.heartbeats import Heartbeats
from simulator.cluster.hosted import HostedWatch
from simulator.cluster.leaders import Leaders
from simulator.cluster.limitranges import LimitRanges
from simulator.cluster.nodes import Nodes
from simulator.cluster.podmetrics import PodMetrics
from simulator.cluster.quota import Quotas
from simulator.cluster.relist import Relists
from simulator.cluster.resize import Resizes
from simulator.cluster.scaling.pools import Pools
from simulator.cluster.settled import settled
from simulator.cluster.store import Store
from simulator.cluster.timestamps import VirtualTimestamps
from simulator.cluster.tolerations import tolerant
from simulator.cluster.watch import Watch
from simulator.cluster.writing import patch
from simulator.streams import Streams


class Cluster:
    """Everything between a client's request and a ready pod."""

    def __init__(self, agenda: Agenda, spec: ClusterSpec, engine: EngineSpec, streams: Streams) -> None:
        """Build the control plane and the nodes, settled at time 0."""
        self._agenda = agenda
        self.timestamp = VirtualTimestamps(agenda, settled_at(spec.objects))
        self.store = Store(self.timestamp)
        self.demands = Demands()
        self.access = access = Access(agenda, spec.parameters, streams)
        self.server = access.server
        self.clients = access.clients
        self.stations = access.stations
        self.watch = Watch(agenda, access.sampler("watch.delay"), streams.stream("watch.delay"))
        LimitRanges(self.store)
        self.store.default["Pod"].append(tolerant)
        self.quotas = Quotas(self.store, self.demands)
        self._heartbeats = self._build_heartbeats()
        self.engine_client = access.client(
            "engine", "workload-low", engine.client_qps, engine.client_burst, Cause.CLIENT_THROTTLE
        )
        self.engine_client.retries_max = 0  # its performer is told of a refusal, and backs off if it is to
        self.control_plane = ControlPlane(access, self.store, self.watch, self.demands, self.timestamp)
        self.scheduler = self.control_plane.scheduler
        behaviours = Behaviours(
            spec.behaviours,
            streams,
            access.number("assumptions.startup_scale"),
            access.number("assumptions.exit_scale"),
        )
        self.control_plane.controllers.autoscalers.metrics = PodMetrics(
            behaviours, access.constant_ns("hpa.metrics_resolution"), access.number("hpa.use_of_requests")
        )
        storage = self.control_plane.storage
        self.nodes = Nodes(
            access, self.store, self.watch, behaviours, storage, self.timestamp, self._heartbeats
        )
        self.kubelets = self.nodes.kubelets
        reads = ConsistentReads(
            agenda, self.store, access.constant_ns("apiserver.progress_period"), PROGRESS_NS
        )
        jitter = streams.stream("eviction.backoff")
        self.evictions = Evictions(agenda, self.store, reads, access.host, jitter, self.timestamp)
        Resizes(self.store, self.watch, self.kubelets)
        self.pools = Pools(access, self.store, self.watch, self.demands, spec.pools)
        backoff_ns = access.constant_ns("watch.relist_backoff")
        self.relists = Relists(
            agenda, self.store, self.watch, access.clients, (backoff_ns, streams.stream("watch.relist"))
        )
        self.leaders = Leaders(
            agenda,
            access.constant_ns("leader_election.lease_duration"),
            access.constant_ns("leader_election.retry_period"),
            int(access.number("leader_election.replicas")),
            streams.stream("leader-election"),
        )
        self._load(spec)
        host = access.host
        self.store.published.append(
            self.watch.published if host is None else HostedWatch(host, self.watch).published
        )

    def patch(
        self, ref: Ref, changes: Mapping[str, Any], link: Link, version: str | None, subresource: str
    ) -> Resource:
        """Carry out a client's patch, with what the API server checks of it."""
        return patch(self.store, self.quotas, ref, changes, link, version, subresource)

    def start(self) -> None:
        """Begin what goes on for ever: leases, the status of nodes, the lending of seats."""
        self.access.start()
        self._heartbeats.start()
        self.pools.start()
        self.control_plane.controllers.autoscalers.start(self.access.streams.stream("heartbeat"))

    def _build_heartbeats(self) -> Heartbeats:
        access = self.access
        heartbeats = Heartbeats(self._agenda, access.streams.stream("heartbeat"))
        client = access.client("leader-election", "leader-election", None, 1, Cause.CONTROLLER_THROTTLE)
        for name in ("kube-controller-manager", "kube-scheduler"):
            heartbeats.every(access.constant_ns("leader_election.retry_period"), client, name)
        return heartbeats

    def _load(self, spec: ClusterSpec) -> None:
        self.store.load(settled(spec.objects, self.timestamp()))
        self.quotas.load()
        self.watch.load(self.store.objects)
        beginning = root(self._agenda.now)
        self.nodes.load(beginning)
        self.control_plane.load(beginning)
