"""The seats of a priority level against a plain re-implementation of the API server's queue set."""

from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.agenda import Agenda
from simulator.cluster.fairqueue import Queuing
from simulator.cluster.fairseats import FairSeats
from simulator.cluster.flow import Flow
from tests.oracles.plain_queueset import Job, PlainQueueSet

FLOWS = [Flow("service-accounts", f"user-{number}") for number in range(6)]


class Model:
    """Sends jobs to the model's seats."""

    def __init__(self, queuing: Queuing, seats: int) -> None:
        self.agenda = Agenda()
        self.queuing = queuing
        self.seats = FairSeats(self.agenda, "api.test", seats, queuing)
        self.begins: dict[int, int] = {}
        self.refused_at: dict[int, int] = {}
        self.in_use_max = 0

    def sent(self, number: int, flow: Flow, service: int, width: int, _entry: Any = None) -> None:
        now = self.agenda.now
        begin = self.seats.reserve(now, service, flow, width)
        if begin >= 0:
            self._begun(number, begin)
        else:
            self.seats.enter(
                now, service, flow, width, lambda at: self._begun(number, at), lambda: self._refused(number)
            )

    def _begun(self, number: int, at: int) -> None:
        self.begins[number] = at
        self.in_use_max = max(self.in_use_max, self.seats.in_use(self.agenda.now))

    def _refused(self, number: int) -> None:
        self.refused_at[number] = self.agenda.now


Arrival = tuple[int, int, int, int]
"""(gap to the one before, flow, service, width)."""


def run(arrivals: list[Arrival], queuing: Queuing, seats: int) -> tuple[Model, list[Job]]:
    model, jobs, at = Model(queuing, seats), [], 0
    for number, (gap, flow, service, width) in enumerate(arrivals):
        at += gap
        hand = FLOWS[flow].hand(queuing.queues, queuing.hand_size)
        jobs.append(Job(number, at, hand, service, width))
        model.agenda.after(at, partial(model.sent, number, FLOWS[flow], service, width))
    model.agenda.run()
    return model, jobs


@settings(max_examples=300, deadline=None)
@given(
    burst=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), min_size=5, max_size=12),
    later=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(1, 40), st.integers(1, 3)), max_size=40
    ),
    seats=st.integers(1, 4),
    length=st.integers(1, 4),
    wait_limit=st.sampled_from([30, 10_000]),
    estimate=st.integers(1, 30),
)
def test_a_busy_period_is_served_as_the_plain_queue_set_serves_it(
    burst: list[tuple[int, int]],
    later: list[Arrival],
    seats: int,
    length: int,
    wait_limit: int,
    estimate: int,
) -> None:
    """All at once at first, more than there are seats: from then on both know the same of the past."""
    queuing = Queuing(8, 3, length, wait_limit, estimate)
    arrivals = [(0, flow, service, 1) for flow, service in burst] + later
    model, jobs = run(arrivals, queuing, seats)
    whole = _first_busy_period(jobs, queuing, seats)
    for job in whole:
        assert model.begins.get(job.number) == job.begins, job
        assert model.refused_at.get(job.number) == job.refused_at, job


def _first_busy_period(jobs: list[Job], queuing: Queuing, seats: int) -> list[Job]:
    """Serve the jobs plainly; return those that came before the level was idle for the first time."""
    plain = PlainQueueSet(
        queuing.queues, queuing.queue_length, seats, queuing.estimate_ns, queuing.wait_limit_ns
    )
    plain.serve(jobs)
    busy_until = 0
    whole: list[Job] = []
    for job in sorted(jobs, key=lambda one: one.number):
        if whole and job.arrives >= busy_until:
            break
        whole.append(job)
        if job.begins is not None:
            busy_until = max(busy_until, job.begins + job.service)
    return whole


@settings(max_examples=200, deadline=None)
@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(1, 60), st.integers(1, 3)),
        min_size=1,
        max_size=80,
    ),
    seats=st.integers(3, 6),
    length=st.integers(1, 3),
)
def test_seats_are_never_exceeded_and_nothing_is_lost(
    arrivals: list[Arrival], seats: int, length: int
) -> None:
    queuing = Queuing(8, 3, length, 50, 3)
    model, jobs = run(arrivals, queuing, seats)
    assert model.in_use_max <= seats
    assert sorted([*model.begins, *model.refused_at]) == list(range(len(jobs)))
    assert model.seats.refused_count == len(model.refused_at)
    assert model.seats.waiting_count == 0
    waited = sum(model.begins[job.number] - job.arrives for job in jobs if job.number in model.begins)
    expired = sum(at - jobs[number].arrives for number, at in model.refused_at.items())
    assert model.seats.wait_ns == waited + expired
    served = [job for job in jobs if job.number in model.begins]
    assert model.seats.busy_ns == sum(job.service * job.width for job in served)
    assert all(model.begins[job.number] - job.arrives <= queuing.wait_limit_ns for job in served)


def test_an_elephant_does_not_starve_a_mouse() -> None:
    """One flow keeps thousands of requests in the queues, another asks now and then: it hardly waits."""
    queuing = Queuing(128, 6, 50, 15_000_000, 3)
    elephant = [(2, 0, 100, 1) for _ in range(5000)]  # fifty times what two seats serve
    mouse = [(1000, 1, 100, 1) for _ in range(9)]
    assert set(FLOWS[0].hand(128, 6)) & set(FLOWS[1].hand(128, 6)), "two of six queues are shared even"
    model = Model(queuing, 2)
    came: dict[int, int] = {}

    def send(number: int, flow: int, _entry: Any) -> None:
        came[number] = model.agenda.now
        model.sent(number, FLOWS[flow], 100, 1)

    for index in range(len(elephant)):
        model.agenda.after(2 * index, partial(send, index, 0))
    for index in range(1, len(mouse) + 1):
        model.agenda.after(1000 * index, partial(send, 10_000 + index, 1))
    model.agenda.run()
    mice = [model.begins[number] - came[number] for number in came if number >= 10_000]
    elephants = [model.begins[number] - came[number] for number in model.begins if number < 10_000]
    assert len(mice) == len(mouse)
    assert max(mice) <= 400  # a few services: one of seven queues that two seats serve
    assert max(elephants) > 10_000
    assert len(model.refused_at) > 4000
    assert max(model.refused_at) < 10_000


def test_a_flow_fills_its_hand_and_then_is_refused() -> None:
    """Six queues of fifty: 300 wait, as the sheet of defaults says, and the next is refused at once."""
    model = Model(Queuing(128, 6, 50, 15_000, 3), 2)
    for number in range(310):
        model.sent(number, FLOWS[0], 10_000, 1)
    assert model.seats.waiting_count == 300
    assert sorted(model.refused_at) == list(range(302, 310))
    model.sent(310, FLOWS[1], 10_000, 1)
    assert 310 not in model.refused_at


def test_who_waited_too_long_is_refused() -> None:
    model = Model(Queuing(8, 2, 50, 15, 3), 1)
    for number in range(4):
        model.sent(number, FLOWS[0], 10, 1)
    model.agenda.run()
    assert model.begins == {0: 0, 1: 10}
    assert model.refused_at == {2: 15, 3: 15}
    assert model.seats.expired_count == 2


def test_without_queues_what_finds_no_seat_is_refused() -> None:
    model = Model(Queuing(0, 0, 0, 15, 3), 2)
    for number in range(3):
        model.sent(number, FLOWS[0], 10, 1)
    model.agenda.after(10, lambda _e: model.sent(3, FLOWS[0], 10, 1))
    model.agenda.run()
    assert model.begins == {0: 0, 1: 0, 3: 10}
    assert model.refused_at == {2: 0}


def test_a_wide_request_takes_its_seats_and_one_that_is_too_wide_waits_for_all() -> None:
    model = Model(Queuing(8, 2, 50, 1_000, 3), 4)
    model.sent(0, FLOWS[0], 10, 3)
    model.sent(1, FLOWS[1], 10, 2)
    model.sent(2, FLOWS[2], 10, 9)
    model.agenda.run()
    assert model.begins == {0: 0, 1: 10, 2: 20}


def test_more_seats_are_used_at_once_and_fewer_as_they_are_free() -> None:
    model = Model(Queuing(8, 2, 50, 1_000, 3), 1)
    for number in range(6):
        model.sent(number, FLOWS[0], 10, 1)
    model.agenda.run(until=5)
    model.seats.resize(3)
    assert model.begins == {0: 0, 1: 5, 2: 5}
    model.seats.resize(1)
    model.agenda.run()
    assert model.begins == {0: 0, 1: 5, 2: 5, 3: 15, 4: 25, 5: 35}
