"""Stations against simulations that know nothing of their shortcuts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.stations import Meter, Seats, TokenBucket

gaps_and_services = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30)), max_size=40)


def arrivals_of(visits: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(gap, service) pairs to (instant, service)."""
    now = 0
    arrivals = []
    for gap, service in visits:
        now += gap
        arrivals.append((now, service))
    return arrivals


def brute_force(seats: int, arrivals: list[tuple[int, int]], until: int) -> list[int]:
    """Serve tick by tick, first come first served; return when each service begins."""
    waiting: list[int] = []
    busy: list[int] = []  # ends
    begins = [-1] * len(arrivals)
    for tick in range(until + 1):
        busy = [end for end in busy if end > tick]
        waiting += [number for number, (at, _) in enumerate(arrivals) if at == tick]
        while waiting and len(busy) < seats:
            number = waiting.pop(0)
            begins[number] = tick
            if arrivals[number][1]:
                busy.append(tick + arrivals[number][1])
    return begins


@given(st.integers(1, 4), gaps_and_services)
def test_seats_serve_as_a_queue_simulated_tick_by_tick(seats: int, visits: list[tuple[int, int]]) -> None:
    arrivals = arrivals_of(visits)
    until = sum(gap + service for gap, service in visits) + 1
    station = Seats("s", seats)
    assert [station.reserve(at, service) for at, service in arrivals] == brute_force(seats, arrivals, until)


@given(st.integers(1, 4), gaps_and_services, st.integers(0, 50))
def test_seats_account_for_all_time_up_to_any_instant(
    seats: int, visits: list[tuple[int, int]], later: int
) -> None:
    """What is read at an instant counts the past only: the integral over ticks says the same."""
    arrivals = arrivals_of(visits)
    station = Seats("s", seats)
    begins = [station.reserve(at, service) for at, service in arrivals]
    now = (arrivals[-1][0] if arrivals else 0) + later
    jobs = [(at, begin, begin + service) for (at, service), begin in zip(arrivals, begins, strict=True)]
    assert station.busy_until(now) == sum(min(end, now) - min(begin, now) for _, begin, end in jobs)
    assert station.waited_until(now) == sum(min(begin, now) - at for at, begin, _ in jobs)
    assert station.queue_until(now) == station.waited_until(now)
    assert station.busy_until(now) <= seats * now
    assert station.arrivals_count == len(visits)


@given(st.integers(1, 3), gaps_and_services)
def test_littles_law_holds_exactly_once_drained(seats: int, visits: list[tuple[int, int]]) -> None:
    """The integral of the number waiting equals the sum of the waits."""
    arrivals = arrivals_of(visits)
    station = Seats("s", seats)
    begins = [station.reserve(at, service) for at, service in arrivals]
    end = max([begin + service for begin, (_, service) in zip(begins, arrivals, strict=True)], default=0)
    lengths = [
        sum(at <= tick < begin for (at, _), begin in zip(arrivals, begins, strict=True))
        for tick in range(end)
    ]
    assert sum(lengths) == station.waited_until(end) == station.queue_until(end)
    assert station.queue_length_max >= max(lengths, default=0)


def test_seats_without_number_let_everybody_in() -> None:
    station = Seats("s", 0)
    assert [station.reserve(5, 1_000) for _ in range(100)] == [5] * 100
    assert station.waited_until(5) == 0


@given(
    qps=st.sampled_from([1, 2, 5, 20, 50]),
    burst=st.integers(1, 12),
    gaps=st.lists(st.integers(0, 700), max_size=60),
)
def test_the_bucket_gives_tokens_as_one_that_counts_them(qps: int, burst: int, gaps: list[int]) -> None:
    """The naive limiter: `burst` tokens, refilled at `qps`, one taken each, callers may run into debt."""
    interval = 1_000_000_000 // qps
    bucket = TokenBucket("b", qps, burst)
    tokens, last, now = burst * interval, 0, 0  # tokens in units of 1 ns of refilling
    for gap in gaps:
        now += gap * 1_000_000
        tokens = min(burst * interval, tokens + now - last) - interval
        last = now
        assert bucket.reserve(now) == now + max(0, -tokens)


def test_the_bucket_of_client_go_at_5_and_10() -> None:
    bucket = TokenBucket("b", 5, 10)
    had = [bucket.reserve(0) / 1e9 for _ in range(15)]
    assert had == [0.0] * 10 + [0.2, 0.4, 0.6, 0.8, 1.0]
    assert bucket.queue_length_max == 5
    # Up to 0.5 s: two have waited out their 0.2 and 0.4 s, three wait still.
    assert bucket.waited_until(500_000_000) == 200_000_000 + 400_000_000 + 3 * 500_000_000
    assert bucket.queue_until(500_000_000) == bucket.waited_until(500_000_000)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=40))
def test_a_bucket_never_gives_more_than_burst_and_rate_allow(gaps: list[int]) -> None:
    bucket = TokenBucket("b", 10, 3)
    now, had = 0, []
    for gap in gaps:
        now += gap * 1_000_000
        had.append(bucket.reserve(now))
    assert all(first <= second for first, second in pairwise(had))
    for first, start in enumerate(had):
        for count, end in enumerate(had[first:], 1):
            assert count <= 3 + (end - start) * 10 // 1_000_000_000


def test_no_bucket_never_waits() -> None:
    bucket = TokenBucket("b", None, 1)
    assert [bucket.reserve(7) for _ in range(50)] == [7] * 50
    assert bucket.arrivals_count == 50
    assert bucket.busy_until(7) == bucket.waited_until(7) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["arrive", "begin", "end"])), max_size=60))
def test_a_meter_integrates_what_it_is_told(moves: list[tuple[int, str]]) -> None:
    meter = Meter("m", 2)
    now = waiting = serving = busy = waited = longest = 0
    for gap, move in moves:
        busy += serving * gap
        waited += waiting * gap
        now += gap
        if move == "arrive":
            waiting += 1
        elif move == "begin" and waiting:
            waiting, serving = waiting - 1, serving + 1
        elif move == "end" and serving:
            serving -= 1
        else:
            continue
        longest = max(longest, waiting)
        getattr(meter, move)(now)
    assert meter.busy_until(now + 3) == busy + 3 * serving
    assert meter.waited_until(now + 3) == waited + 3 * waiting
    assert meter.queue_until(now + 3) == waited + 3 * waiting
    assert meter.queue_length_max == longest


@pytest.mark.parametrize(("qps", "burst", "count"), [(5, 10, 100), (20, 30, 630), (50, 100, 1_000)])
def test_the_last_of_many_calls_at_once_has_its_token_after_n_minus_burst_over_qps(
    qps: int, burst: int, count: int
) -> None:
    bucket = TokenBucket("b", qps, burst)
    last = [bucket.reserve(0) for _ in range(count)][-1]
    assert last == (count - burst) * 1_000_000_000 // qps


@given(st.integers(1, 3), gaps_and_services, st.integers(0, 40))
def test_a_queue_that_is_sent_away_keeps_its_integral(
    seats: int, visits: list[tuple[int, int]], later: int
) -> None:
    """Little's law outlives the machine's going down: waits end then, and so does the queue."""
    station = Seats("s", seats)
    arrivals = arrivals_of(visits)
    for at, service in arrivals:
        station.reserve(at, service)
    now = (arrivals[-1][0] if arrivals else 0) + later
    station.vacate(now)
    for at, service in arrivals:
        station.reserve(now + at, service)
    end = 2 * now + 100
    assert station.queue_until(end) == station.waited_until(end)
