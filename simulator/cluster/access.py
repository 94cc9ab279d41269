"""Access to the modelled API server: parameters, priority levels, clients, and the stations of them all."""

from collections.abc import Mapping
from typing import Any, Final

from engine.core.causes import Cause
from simulator.agenda import Agenda
from simulator.cluster.apiserver import ApiServer, Client, Level
from simulator.cluster.background import Background
from simulator.cluster.events import EventRecorder
from simulator.cluster.fairqueue import Queuing
from simulator.cluster.fairseats import FairSeats
from simulator.cluster.flow import LEVELS, identity, schema_of
from simulator.cluster.hosted import HostedClient, host_of
from simulator.cluster.injection import Dice
from simulator.cluster.lending import Borrower, Lending
from simulator.cluster.service import ServiceTimes
from simulator.cluster.timestamps import SECOND_NS
from simulator.cluster.upkeep import Upkeep
from simulator.cluster.workqueue import Sync, WorkQueue
from simulator.stations import Station, TokenBucket
from simulator.streams import Streams, sampler

LIST_PERCENT: Final = 15


class Access:
    """What every component needs to be built: numbers by name, clients, recorders, queues."""

    def __init__(self, agenda: Agenda, parameters: Mapping[str, Any], streams: Streams) -> None:
        """Start without clients; a priority level comes into being with its first."""
        self.agenda = agenda
        self.parameters = parameters
        self.streams = streams
        self.clients: list[Client] = []
        self.stations: list[Station] = []
        self.server = ApiServer(Dice(streams.stream("apiserver.injection")))
        self.host = host_of(agenda, parameters, streams)
        if self.host is not None:
            self.stations.append(self.host.cpu.meter)
        self._times = self._service_times()
        self._levels: dict[str, Level] = {}
        self._lending = Lending(agenda, self.constant_ns("apiserver.flow.adjustment_period"))

    def number(self, name: str) -> float:
        """Return a parameter that is a number."""
        value: float = self.parameters[name]
        return value

    def sampler(self, name: str, scale: float = 1.0) -> Any:
        """Return a parameter that is a distribution, ready to be drawn from."""
        return sampler(self.parameters[name], scale)

    def constant_ns(self, name: str) -> int:
        """Return a duration parameter: seconds, or a distribution of one value."""
        value = self.parameters[name]
        return int(sampler(value)(0.5) if isinstance(value, Mapping) else round(value * SECOND_NS))

    def _service_times(self) -> ServiceTimes:
        scale = self.number("assumptions.api_scale")
        return ServiceTimes(
            self.streams.stream("apiserver.service"),
            self.sampler("apiserver.service.read", scale),
            self.sampler("apiserver.service.write", scale),
            round(self.constant_ns("apiserver.service.list_per_object") * scale),
        )

    def client(self, name: str, level: str, qps: float | None, burst: int, throttle: Cause) -> Client:
        """Add a user of the API with its own token bucket."""
        if level not in self._levels:
            self._levels[level] = self._level(level)
            self.stations.append(self._levels[level].seats)
        bucket = TokenBucket(f"client.{name}", qps, burst)
        user, what = identity(name)
        flow = schema_of(user, what).flow(user)
        served = self._levels[level], self._times, bucket, throttle, self.server, flow
        client = Client(*served) if self.host is None else HostedClient(self.host, *served)
        self.clients.append(client)
        self.stations.append(bucket)
        return client

    def start(self) -> None:
        """Begin to share out the seats of the priority levels, and the requests of other users."""
        if self.parameters["apiserver.flow.borrowing"]:
            for name in LEVELS:
                if name not in self._levels:
                    self._levels[name] = self._level(name)  # nobody asks here: it lends what it has
            self._lending.start()
        rate_per_s, users = self.number("background.rate"), int(self.number("background.users"))
        asks = int(self.number("background.requests")), int(self.number("background.objects"))
        if rate_per_s and users:
            self._background(rate_per_s, users, asks).start()

    def _background(self, rate_per_s: float, users: int, asks: tuple[int, int]) -> Background:
        clients = [
            self.client(f"account.tenants/user-{number}", "workload-low", None, 1, Cause.CLIENT_THROTTLE)
            for number in range(users)
        ]
        return Background(self.agenda, clients, rate_per_s, asks, self.streams.stream("background"))

    def _level(self, name: str) -> Level:
        if name not in LEVELS:
            return Level(self.agenda, name, 0)
        nominal = int(self.number(f"apiserver.seats.{name}"))
        queuing = Queuing(
            int(self.number(f"apiserver.queues.{name}")),
            int(self.number(f"apiserver.hand_size.{name}")),
            int(self.number(f"apiserver.queue_length.{name}")),
            self.constant_ns("apiserver.flow.wait_limit"),
            self.constant_ns("apiserver.flow.estimated_service"),
        )
        # No list takes more than a part of its level (apf_controller.go priorityLevelMaxSeatsPercent).
        most = min(int(self.number("apiserver.flow.list_seats_max")), -(-nominal * LIST_PERCENT // 100))
        width = int(self.number("apiserver.flow.objects_per_seat")), most
        level = Level(
            self.agenda, name, nominal, queuing, self.constant_ns("apiserver.flow.retry_after"), width
        )
        assert isinstance(level.seats, FairSeats)
        lendable = int(self.number(f"apiserver.lendable.{name}"))
        self._lending.add(Borrower(level.seats, nominal, lendable))
        return level

    def controller_client(self, name: str) -> Client:
        """Add a client with the controller manager's limits, which each of its clients has for itself."""
        return self.client(
            name, "workload-high", self.number("controller_manager.qps"),
            int(self.number("controller_manager.burst")), Cause.CONTROLLER_THROTTLE,
        )  # fmt: skip

    def upkeep(self, name: str) -> Upkeep:
        """Add a controller that is modelled as load only, with a client of its own (clientbuilder.go)."""
        return Upkeep(name, self.agenda, self.controller_client(name))

    def recorder(self, client: Client, *, filtered: bool = True) -> EventRecorder:
        """Return a broadcaster of cluster events; the newer one (events.k8s.io) filters nothing."""
        burst, refill_ns = int(self.number("events.burst")), self.constant_ns("events.refill")
        return EventRecorder(self.agenda, client, burst, refill_ns if filtered else 0)

    def queue(self, name: str, sync: Sync) -> WorkQueue:
        """Add the work queue of one of the controller manager's controllers."""
        workers = int(self.number(f"controller_manager.workers.{name}"))
        queue = WorkQueue(self.agenda, name, workers, self.constant_ns("controller_manager.sync"), sync)
        self.stations.append(queue.meter)
        return queue
