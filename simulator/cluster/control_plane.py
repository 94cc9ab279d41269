"""The control plane put together: controllers, scheduler, storage, and what is written for its own sake."""

from engine.core.causes import Cause
from simulator.attribution import Link
from simulator.cluster.access import Access
from simulator.cluster.controllers import Controllers
from simulator.cluster.demands import Demands
from simulator.cluster.endpoints import Endpoints
from simulator.cluster.quotastatus import QuotaStatus
from simulator.cluster.scheduler import Scheduler, SchedulerSettings
from simulator.cluster.store import Store
from simulator.cluster.timestamps import VirtualTimestamps
from simulator.cluster.volumes import StorageController
from simulator.cluster.watch import Watch
from simulator.cluster.workqueue import WorkQueue


class ControlPlane:
    """Everything that watches the API server and writes to it, kubelets apart."""

    def __init__(
        self,
        access: Access,
        store: Store,
        watch: Watch,
        demands: Demands,
        timestamp: VirtualTimestamps,
    ) -> None:
        """Build it; the order is that in which a delivery is told to them."""
        self._access = access
        self._store = store
        self._watch = watch
        self._demands = demands
        self._timestamp = timestamp
        self.controllers = Controllers(access, store, watch, timestamp)
        Endpoints(watch, access.upkeep("endpointslice-controller"), access.upkeep("endpoint-controller"))
        admission = access.client("apiserver", "exempt", None, 1, Cause.API_SERVICE)
        QuotaStatus(watch, admission, access.upkeep("resourcequota-controller"))
        self.storage = self._build_storage()
        self.scheduler = self._build_scheduler()

    def load(self, beginning: Link) -> None:
        """Look once at all that exists before time 0."""
        self.scheduler.load(beginning)
        self.controllers.load(beginning)
        self.storage.load(beginning)

    def _build_storage(self) -> StorageController:
        access = self._access
        qps, burst = access.number("storage.qps"), int(access.number("storage.burst"))
        client = access.client("storage", "workload-low", qps, burst, Cause.CONTROLLER_THROTTLE)
        times = {what: access.sampler(f"storage.{what}") for what in ("provision", "expand", "filesystem")}
        stream = access.streams.stream("storage")
        storage = StorageController(
            access.agenda, self._store, self._watch, client, times, stream, self._timestamp
        )
        workers = int(access.number("storage.workers"))
        storage.queue = WorkQueue(access.agenda, "storage", workers, 0, storage.sync)
        access.stations.append(storage.queue.meter)
        return storage

    def _build_scheduler(self) -> Scheduler:
        access = self._access
        client = access.client(
            "scheduler", "workload-high", access.number("scheduler.qps"),
            int(access.number("scheduler.burst")), Cause.SCHEDULING,
        )  # fmt: skip
        scheduler = Scheduler(
            access.agenda,
            self._store,
            self._watch,
            client,
            self._demands,
            self._scheduler_settings(),
            self._timestamp,
        )
        scheduler.events = access.recorder(client, filtered=False)
        access.stations.append(scheduler.meter)
        return scheduler

    def _scheduler_settings(self) -> SchedulerSettings:
        access = self._access
        return SchedulerSettings(
            access.sampler("scheduler.cycle"),
            access.streams.stream("scheduler.cycle"),
            access.constant_ns("scheduler.cycle_per_node"),
            (access.constant_ns("scheduler.backoff.initial"), access.constant_ns("scheduler.backoff.max")),
            bool(access.parameters["scheduler.pop_from_backoff"]),
            access.parameters["scheduler.scoring_strategy"] == "MostAllocated",
            int(access.number("scheduler.percentage_of_nodes_to_score")),
        )
