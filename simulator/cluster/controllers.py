"""The controller manager put together: its controllers, with their queues, clients and recorders."""

from simulator.attribution import Link
from simulator.cluster.access import Access
from simulator.cluster.claiming import Claiming
from simulator.cluster.daemonset import DaemonSetController
from simulator.cluster.deployment import DeploymentController
from simulator.cluster.disruption import DisruptionController
from simulator.cluster.garbage import GarbageCollector
from simulator.cluster.hpa import Autoscalers
from simulator.cluster.hpareplicas import Settings
from simulator.cluster.instants import SECOND_NS
from simulator.cluster.job import JobController
from simulator.cluster.namespaces import NamespaceController
from simulator.cluster.replicaset import ReplicaSetController
from simulator.cluster.statefulset import StatefulSetController
from simulator.cluster.store import Store
from simulator.cluster.timestamps import VirtualTimestamps
from simulator.cluster.ttl import TtlController
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import Sync, WorkQueue


class Controllers:
    """What the controller manager runs and the model reads; the rest of it is load (`Upkeep`)."""

    def __init__(self, access: Access, store: Store, watch: Watch, timestamp: VirtualTimestamps) -> None:
        """Build them; the order is that in which a delivery is told to them."""
        self._access = access
        self._store = store
        self._watch = watch
        self._timestamp = timestamp
        self.queues: list[WorkQueue] = []
        """Of all its controllers: who halts them has stopped the controller manager."""
        self._build_workloads()
        self._build_sets()
        self._build_cleaners()
        self.autoscalers = self._build_autoscalers()

    def halt(self) -> None:
        """Stop all controllers: what they have begun is finished, what changes meanwhile waits."""
        for queue in self.queues:
            queue.halt()
        self.autoscalers.halt()

    def resume(self) -> None:
        """Let them go on."""
        for queue in self.queues:
            queue.resume()
        self.autoscalers.resume()

    def load(self, beginning: Link) -> None:
        """Look once at all that exists before time 0."""
        self.replicasets.load(beginning)
        self.deployments.load()
        self.jobs.load(beginning)
        self.disruption.load(beginning)
        self.statefulsets.load(beginning)
        self.daemonsets.load(beginning)
        self.ttl.load(beginning)

    def _queue(self, name: str, sync: Sync) -> WorkQueue:
        queue = self._access.queue(name, sync)
        self.queues.append(queue)
        return queue

    def _build_workloads(self) -> None:
        """Give each controller a client of its own, as its limits are a client's (pkg/clientbuilder)."""
        store, watch, access = self._store, self._watch, self._access
        slow_start = int(access.number("controller_manager.slow_start_batch"))
        replicasets, deployments, jobs, disruption = (
            access.controller_client(f"{name}-controller")
            for name in ("replicaset", "deployment", "job", "disruption")
        )
        self.replicasets = ReplicaSetController(store, watch, replicasets, slow_start, self._timestamp)
        self.deployments = DeploymentController(store, watch, deployments, self._timestamp)
        self._claims = replicasets
        batch_ns = access.constant_ns("controller_manager.job_batch_period")
        self.jobs = JobController(store, watch, jobs, slow_start, self._timestamp, batch_ns)
        self.disruption = DisruptionController(store, watch, disruption)
        self.replicasets.events = access.recorder(replicasets)
        self.deployments.events = access.recorder(deployments)
        self.jobs.events = access.recorder(jobs)
        self.replicasets.queue = self._queue("replicaset", self.replicasets.sync)
        self.deployments.queue = self._queue("deployment", self.deployments.sync)
        self.jobs.queue = self._queue("job", self.jobs.sync)
        self.disruption.queue = self._queue("disruption", self.disruption.sync)

    def _build_sets(self) -> None:
        store, watch, access = self._store, self._watch, self._access
        slow_start = int(access.number("controller_manager.slow_start_batch"))
        statefulsets, daemonsets = (
            access.controller_client(f"{name}-controller") for name in ("statefulset", "daemon-set")
        )
        self.statefulsets = StatefulSetController(store, watch, statefulsets, self._timestamp)
        self.daemonsets = DaemonSetController(store, watch, daemonsets, slow_start, self._timestamp)
        self.statefulsets.events = access.recorder(statefulsets)
        self.daemonsets.events = access.recorder(daemonsets)
        self.statefulsets.queue = self._queue("statefulset", self.statefulsets.sync)
        self.daemonsets.queue = self._queue("daemonset", self.daemonsets.sync)

    def _build_cleaners(self) -> None:
        """Build those that adopt, let go and remove."""
        store, watch, access = self._store, self._watch, self._access
        garbage, ttl, namespaces = (
            access.controller_client(name)
            for name in ("generic-garbage-collector", "ttl-after-finished-controller", "namespace-controller")
        )
        self.garbage = GarbageCollector(store, watch, garbage)
        Claiming(access.agenda, store, watch, self._claims)
        self.ttl = TtlController(store, watch, ttl, self._timestamp)
        self.namespaces = NamespaceController(store, watch, namespaces)
        self.garbage.queue = self._queue("garbage-collector", self.garbage.sync)
        self.ttl.queue = self._queue("ttl-after-finished", self.ttl.sync)
        self.namespaces.queue = self._queue("namespace", self.namespaces.sync)

    def _build_autoscalers(self) -> Autoscalers:
        access = self._access
        client = access.controller_client("horizontal-pod-autoscaler")
        settings = Settings(
            access.number("hpa.tolerance"),
            access.constant_ns("hpa.cpu_initialization_period") // SECOND_NS,
            access.constant_ns("hpa.initial_readiness_delay") // SECOND_NS,
            access.constant_ns("hpa.metrics_resolution") // SECOND_NS,
        )
        period_ns = access.constant_ns("autoscaler.sync_period")
        autoscalers = Autoscalers(
            access.agenda,
            self._store,
            self._watch,
            client,
            self._timestamp,
            (period_ns, access.constant_ns("hpa.downscale_stabilization")),
            settings,
        )
        autoscalers.events = access.recorder(client)
        return autoscalers
