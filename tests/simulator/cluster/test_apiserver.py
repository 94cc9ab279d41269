from itertools import pairwise

from engine.core.causes import Cause
from engine.core.errors import NotFound, TooManyRequests
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.apiserver import Call, Client, Level
from simulator.cluster.service import ServiceTimes
from simulator.stations import TokenBucket
from simulator.streams import Streams
from tests.simulator.cluster.rig import MS, S

READ, WRITE, PER_OBJECT = 10 * MS, 40 * MS, 1 * MS


class Server:
    """One priority level and its clients."""

    def __init__(self, seats: int) -> None:
        self.agenda = Agenda()
        self.level = Level(self.agenda, "test", seats)
        stream = Streams(1, 0).stream("service")
        self.times = ServiceTimes(stream, lambda _u: READ, lambda _u: WRITE, PER_OBJECT)
        self.answers: list[tuple[str, int]] = []
        self.committed: list[str] = []

    def client(self, qps: float | None = None, burst: int = 1) -> Client:
        bucket = TokenBucket("client", qps, burst)
        return Client(self.level, self.times, bucket, Cause.CLIENT_THROTTLE)

    def write(self, client: Client, name: str) -> Call:
        call = client.write(lambda _link: self.committed.append(name), 0, root(self.agenda.now))
        call.done = lambda _call: self.answers.append((name, self.agenda.now))
        return call


def chain(link: Link) -> list[tuple[Cause, int]]:
    """The (cause, length) of each link after the root, in order of time."""
    links = [link]
    while links[-1][0] is not None:
        links.append(links[-1][0])
    return [(child[1], child[2] - parent[2]) for parent, child in pairwise(reversed(links))]


def test_a_call_waits_for_a_seat_and_is_served() -> None:
    server = Server(seats=2)
    client = server.client()
    calls = [server.write(client, name) for name in "abcde"]
    server.agenda.run()
    assert server.answers == [
        ("a", WRITE), ("b", WRITE), ("c", 2 * WRITE), ("d", 2 * WRITE), ("e", 3 * WRITE)
    ]  # fmt: skip
    assert chain(calls[0].link) == [(Cause.API_SERVICE, WRITE)]
    assert chain(calls[4].link) == [(Cause.API_QUEUE, 2 * WRITE), (Cause.API_SERVICE, WRITE)]


def test_the_operation_happens_at_the_end_of_the_service() -> None:
    server = Server(seats=1)
    server.write(server.client(), "a")
    server.agenda.run(until=WRITE)
    assert not server.committed
    server.agenda.run()
    assert server.committed == ["a"]


def test_reads_take_longer_the_more_they_list() -> None:
    server = Server(seats=1)
    call = server.client().read(lambda _link: "found", 0, root(0), objects=7)
    server.agenda.run()
    assert call.value == "found"
    assert call.link[2] == READ + 7 * PER_OBJECT


def test_a_throttled_call_waits_for_its_token_then_a_seat_then_service() -> None:
    """Two tokens at once, then one each 20 ms; one seat, which two calls of 40 ms hold until 80 ms."""
    server = Server(seats=1)
    client = server.client(qps=50, burst=2)
    calls = [server.write(client, name) for name in "abc"]
    server.agenda.run()
    assert [name for name, _ in server.answers] == ["a", "b", "c"]
    assert chain(calls[2].link) == [
        (Cause.CLIENT_THROTTLE, 20 * MS),
        (Cause.API_QUEUE, 60 * MS),
        (Cause.API_SERVICE, WRITE),
    ]


def test_a_clients_calls_leave_in_order_at_its_rate() -> None:
    server = Server(seats=0)
    client = server.client(qps=5, burst=10)
    for number in range(20):
        server.write(client, str(number))
    server.agenda.run()
    assert [name for name, _ in server.answers] == [str(number) for number in range(20)]
    tokens = [0] * 10 + [(number + 1) * S // 5 for number in range(10)]
    assert [at for _, at in server.answers] == [token + WRITE for token in tokens]
    assert client.requests_count == 20


def test_clients_have_buckets_of_their_own_and_share_seats() -> None:
    server = Server(seats=1)
    slow, quick = server.client(qps=10, burst=1), server.client()
    server.write(slow, "slow 1")
    server.write(slow, "slow 2")  # leaves at 100 ms
    for number in range(4):
        server.write(quick, f"quick {number}")
    server.agenda.run()
    assert [name for name, _ in server.answers] == [
        "slow 1", "quick 0", "quick 1", "quick 2", "quick 3", "slow 2"
    ]  # fmt: skip
    assert server.answers[-1][1] == 6 * WRITE


def test_a_refusal_is_a_value_with_its_time() -> None:
    server = Server(seats=1)

    def refuse(_link: Link) -> None:
        raise TooManyRequests("not now")

    call = server.client().write(refuse, 0, root(0))
    answered: list[Call] = []
    call.done = answered.append
    server.agenda.run()
    assert answered == [call]
    assert isinstance(call.error, TooManyRequests)
    assert not isinstance(call.error, NotFound)
    assert call.value is None
    assert call.link[2] == WRITE
