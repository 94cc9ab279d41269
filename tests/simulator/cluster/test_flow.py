"""Flow schemas, the lending of seats, and what becomes of requests that flow control refuses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.causes import Cause
from engine.core.errors import TooManyRequests
from simulator.agenda import Agenda
from simulator.attribution import root
from simulator.cluster.apiserver import Call, Client, Level
from simulator.cluster.fairqueue import Queuing
from simulator.cluster.fairseats import FairSeats
from simulator.cluster.flow import Flow, User, deal, identity, schema_of
from simulator.cluster.injection import What
from simulator.cluster.lending import Borrower, Lending, allocate
from simulator.cluster.service import ServiceTimes
from simulator.stations import TokenBucket
from simulator.streams import Constant, Streams
from tests.simulator.cluster.objects import deployment, node
from tests.simulator.cluster.rig import MS, Rig, S

JOBS = User.account("kube-system", "job-controller")
ENDPOINTS = User.account("kube-system", "endpoint-controller")
ENGINE = User.account("workflows", "engine")


@pytest.mark.parametrize(
    ("user", "what", "schema", "level"),
    [
        (ENGINE, ("patch", "Pod"), "service-accounts", "workload-low"),
        (ENGINE, ("update", "Lease"), "service-accounts", "workload-low"),
        (JOBS, ("create", "Pod"), "kube-system-service-accounts", "workload-high"),
        (User.account("kube-system", "a"), ("update", "Lease"), "system-leader-election", "leader-election"),
        (ENDPOINTS, ("update", "Endpoints"), "endpoint-controller", "workload-high"),
        (User("system:kube-scheduler"), ("create", "Binding"), "kube-scheduler", "workload-high"),
        (User("system:kube-scheduler"), ("update", "Lease"), "system-leader-election", "leader-election"),
        (User.node("n1"), ("patch", "Pod"), "system-nodes", "system"),
        (User.node("n1"), ("patch", "Node"), "system-node-high", "node-high"),
        (User.node("n1"), ("update", "Lease"), "system-node-high", "node-high"),
        (User("alice", ("system:authenticated",)), ("get", "Pod"), "global-default", "global-default"),
        (User("root", ("system:masters",)), ("delete", "Pod"), "exempt", "exempt"),
    ],
)  # fmt: skip
def test_a_request_goes_to_the_schema_of_least_precedence(
    user: User, what: What, schema: str, level: str
) -> None:
    found = schema_of(user, what)
    assert (found.name, found.level) == (schema, level)


def test_probes_are_exempt_whoever_asks() -> None:
    assert schema_of(User("anybody"), ("get", ""), "/readyz").level == "exempt"


def test_the_models_own_clients_ask_at_the_level_of_their_schema() -> None:
    rig = Rig(node("n1"), deployment("web", 1))
    for client in rig.cluster.clients:
        user, what = identity(client.name)
        assert client.level.seats.name == f"api.{schema_of(user, what).level}", client.name


@given(st.integers(0, 2**64 - 1), st.integers(1, 128), st.integers(1, 6))
def test_a_hand_is_dealt_without_repetition(value: int, deck: int, size: int) -> None:
    hand = deal(value, deck, min(size, deck))
    assert len({*hand}) == len(hand) == min(size, deck)
    assert all(0 <= card < deck for card in hand)


def test_every_hand_is_dealt_equally_often() -> None:
    hands = [deal(value, 4, 2) for value in range(4 * 3 * 5)]
    assert {hand: hands.count(hand) for hand in hands} == dict.fromkeys(hands, 5)
    assert len(dict.fromkeys(hands)) == 12


def test_lent_seats_sum_to_all_there_are_and_respect_what_is_kept() -> None:
    assert allocate(100, [10, 10, 10], [10.0, 10.0, 10.0]) == pytest.approx([100 / 3] * 3)
    assert allocate(100, [10, 60, 10], [10.0, 60.0, 10.0]) == pytest.approx([12.5, 75, 12.5])
    assert allocate(100, [40, 10, 10], [40.0, 200.0, 10.0]) == pytest.approx([40, 50, 10])


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 500)), min_size=1, max_size=7))
def test_no_level_gets_less_than_it_keeps(levels: list[tuple[int, float]]) -> None:
    lower = [low for low, _ in levels]
    targets = [max(float(low), wanted) for low, wanted in levels]
    shares = allocate(400, lower, targets)
    assert sum(shares) == pytest.approx(400)
    proportion = max(share / target for share, target in zip(shares, targets, strict=True))
    for share, low, target in zip(shares, lower, targets, strict=True):
        assert share >= low - 1e-9
        assert share == pytest.approx(max(low, min(share, proportion * target)))


QUEUING = Queuing(8, 2, 50, 15 * S, 3 * MS)


class Levels:
    """Two levels of twenty seats, each with a client whose requests take a second."""

    def __init__(self, queuing: Queuing = QUEUING) -> None:
        self.agenda = Agenda()
        self.levels = [Level(self.agenda, name, 20, queuing, retry_after_ns=S) for name in ("busy", "idle")]
        times = ServiceTimes(Streams(1, 0).stream("s"), Constant(S), Constant(S), 0)
        self.clients = [
            Client(
                level,
                times,
                TokenBucket("client.x", None, 1),
                Cause.CLIENT_THROTTLE,
                flow=Flow("service-accounts", "x"),
            )
            for level in self.levels
        ]
        self.lending = Lending(self.agenda, 10 * S)
        for level in self.levels:
            assert isinstance(level.seats, FairSeats)
            self.lending.add(Borrower(level.seats, 20, 50))

    @property
    def limits(self) -> list[int]:
        return [level.seats.limit for level in self.levels if isinstance(level.seats, FairSeats)]

    def ask(self, client: int, count: int) -> list[Call]:
        link = root(self.agenda.now)
        return [self.clients[client].write(lambda _link: 1, key, link) for key in range(count)]


def test_a_full_level_borrows_what_an_idle_one_does_not_need() -> None:
    levels = Levels()
    levels.lending.start()
    assert levels.limits == [20, 20]
    levels.ask(0, 300)
    levels.agenda.run(until=10 * S)
    assert levels.limits == [20, 20]
    levels.agenda.run(until=10 * S + 1)
    busy, idle = (level.seats for level in levels.levels)
    assert isinstance(busy, FairSeats)
    assert levels.limits == [30, 10]
    assert (busy.seats, idle.seats) == (21, 20), "on average, rounded up"
    assert busy.in_use(levels.agenda.now) == 30
    levels.agenda.run(until=60 * S)
    assert busy.waiting_count == 0


def test_what_is_needed_again_is_had_again() -> None:
    levels = Levels()
    levels.lending.start()
    levels.ask(0, 300)
    levels.agenda.run(until=11 * S)
    levels.ask(1, 200)
    idle = levels.levels[1].seats
    assert isinstance(idle, FairSeats)
    assert (idle.in_use(levels.agenda.now), idle.waiting_count) == (10, 100)  # two queues of fifty
    levels.agenda.run(until=20 * S + 1)
    assert levels.limits[1] >= 20


def test_a_refused_call_is_made_again_after_a_second_and_its_wait_is_charged() -> None:
    levels = Levels(Queuing(1, 1, 2, 15 * S, 3 * MS))
    calls = levels.ask(0, 23)
    levels.agenda.run(until=10 * S)
    assert all(call.error is None for call in calls)
    assert calls[22].link[2] == 2 * S  # a second after the refusal there are seats
    spans: dict[Any, int] = {}
    link = calls[22].link
    while link[0] is not None:
        spans[link[1]] = spans.get(link[1], 0) + link[2] - link[0][2]
        link = link[0]
    assert spans == {Cause.API_QUEUE: S, Cause.API_SERVICE: S}


def test_after_ten_tries_the_caller_is_told() -> None:
    levels = Levels(Queuing(0, 0, 0, 15 * S, 3 * MS))
    client = levels.clients[0]
    link = root(0)
    long = Level(levels.agenda, "long", 1, Queuing(0, 0, 0, 15 * S, 3 * MS), retry_after_ns=S)
    client.level = long
    assert isinstance(long.seats, FairSeats)
    long.seats.reserve(0, 100 * S, client.flow)
    call = client.write(lambda _link: 1, 1, link)
    served: list[int] = []
    client.unattended(1, served.append)
    levels.agenda.run()
    assert isinstance(call.error, TooManyRequests)
    assert str(call.error) == "Too many requests, please try again later."
    assert call.error.retry_after_ns == S
    assert call.link[2] == 10 * S
    assert served == [10 * S]  # given up
    assert long.seats.refused_count == 22
