"""Tasks end where they should, and those that are cancelled come to nothing."""

from typing import Any

from engine.core.causes import Cause
from engine.core.errors import NotFound
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.apiserver import Call, Client, Level
from simulator.cluster.service import ServiceTimes
from simulator.stations import TokenBucket
from simulator.streams import Streams, sampler
from simulator.tasks import Gather, Story, Task


def client(agenda: Agenda, seats: int = 10) -> Client:
    """A client without a bucket; a read takes 3 ns, a write 5."""
    three, five = ({"dist": "constant", "value_s": value / 1e9} for value in (3, 5))
    times = ServiceTimes(Streams(0, 0).stream("s"), sampler(three), sampler(five), 0)
    return Client(Level(agenda, "l", seats), times, TokenBucket("b", None, 1), Cause.CLIENT_THROTTLE)


def test_a_task_waits_for_durations_and_calls_in_turn() -> None:
    agenda = Agenda()
    api = client(agenda)
    seen: list[tuple[int, Any]] = []

    def story() -> Story:
        yield 10
        call = api.read(lambda _link: "value", 1, root(10))
        answer = yield call
        seen.append((agenda.now, answer.value))

    task = Task(agenda, story())
    assert task.alive
    agenda.run()
    assert seen == [(13, "value")]
    assert not task.alive


def test_a_task_without_a_wait_ends_at_once() -> None:
    def story(waits: int) -> Story:
        for _ in range(waits):
            yield 0

    task = Task(Agenda(), story(0))
    assert not task.alive


def test_a_cancelled_task_goes_no_further() -> None:
    agenda = Agenda()
    seen: list[str] = []

    def story() -> Story:
        try:
            yield 10
            seen.append("went on")
        finally:
            seen.append("closed")

    task = Task(agenda, story())
    agenda.after(5, lambda _entry: task.cancel())
    agenda.run()
    assert seen == ["closed"]
    assert not task.alive


def test_a_call_of_a_cancelled_task_is_still_carried_out() -> None:
    """The server does what it was asked, whoever hears of it."""
    agenda = Agenda()
    api = client(agenda)
    done: list[int] = []

    def story() -> Story:
        yield api.write(lambda _link: done.append(agenda.now), 1, root(0))
        done.append(-1)

    task = Task(agenda, story())
    agenda.after(2, lambda _entry: task.cancel())
    agenda.run()
    assert done == [5]


def test_gathered_calls_end_with_the_last_of_them() -> None:
    agenda = Agenda()
    api = client(agenda, seats=1)
    ends: list[tuple[int, Link]] = []

    def story() -> Story:
        calls = [api.write(lambda _link: None, key, root(0)) for key in range(3)]
        gathered = yield Gather(calls)
        ends.append((agenda.now, gathered.link))

    Task(agenda, story())
    agenda.run()
    assert [(now, link[2]) for now, link in ends] == [(15, 15)]
    assert ends[0][1][1] is Cause.API_SERVICE
    assert ends[0][1][0] is not None
    assert ends[0][1][0][1:3] == (Cause.API_QUEUE, 10)


def test_a_refused_call_brings_its_error() -> None:
    agenda = Agenda()
    calls: list[Call] = []

    def refuse(_link: Link) -> None:
        message = "gone"
        raise NotFound(message)

    def story() -> Story:
        calls.append((yield client(agenda).read(refuse, 1, root(0))))

    Task(agenda, story())
    agenda.run()
    assert isinstance(calls[0].error, NotFound)
    assert calls[0].value is None
