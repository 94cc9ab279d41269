"""How many arrive, and when: a burst, users, and a Poisson stream keyed by arrival number."""

import math

import numpy as np
import pytest
from scipy import stats

from engine.core.definition import Step, StepKind, Workflow
from engine.core.facts import ExecutionFacts
from engine.core.plan import build
from scenarios.runspec import LoadSpec
from simulator.agenda import Agenda
from simulator.arrivals import Arrivals
from simulator.streams import Streams

SECOND_NS = 1_000_000_000
PLAN = build(Workflow("w", (Step("s", StepKind.WAIT, wait_ns=1),)))


class Office:
    """Takes executions in and ends each after `service_ns`."""

    def __init__(self, load: LoadSpec, service_ns: int = SECOND_NS, replication: int = 0) -> None:
        self.agenda = Agenda()
        self.service_ns = service_ns
        self.submitted: list[tuple[int, int]] = []
        self.present = self.present_max = 0
        stream = Streams(1, replication).stream("arrivals")
        self.arrivals = Arrivals(self.agenda, load, stream, self.submit)
        self.arrivals.start()
        self.agenda.run()

    def submit(self, index: int) -> None:
        self.submitted.append((self.agenda.now, index))
        self.present += 1
        self.present_max = max(self.present_max, self.present)
        facts = ExecutionFacts(f"x-{index}", index, "w", {}, 0, self.agenda.now, plan=PLAN)
        self.agenda.after(self.service_ns, lambda _entry: self.end(facts))

    def end(self, facts: ExecutionFacts) -> None:
        self.present -= 1
        self.arrivals.ended(facts)


def test_a_burst_arrives_at_once_and_is_over() -> None:
    office = Office(LoadSpec("burst", count=7))
    assert office.submitted == [(0, index) for index in range(7)]
    assert office.arrivals.over


def test_users_without_thinking_are_never_more_than_there_are_and_never_fewer() -> None:
    office = Office(LoadSpec("closed", users=3, for_ns=10 * SECOND_NS))
    assert office.present_max == 3
    assert len(office.submitted) == 3 * 10  # one a second each; nothing is submitted at the very end
    assert [index for _, index in office.submitted] == list(range(30))
    assert office.arrivals.over


def test_users_think_for_an_exponential_time() -> None:
    think_ns = 2 * SECOND_NS
    office = Office(LoadSpec("closed", users=40, think_ns=think_ns, for_ns=1_000 * SECOND_NS))
    assert office.present_max <= 40
    # Each user cycles in 1 s + 2 s on average, so that 40 of them submit 40/3 a second.
    assert len(office.submitted) == pytest.approx(40 / 3 * 1_000, rel=0.02)
    assert office.arrivals.over


def test_a_poisson_stream_has_exponential_gaps_of_its_rate() -> None:
    office = Office(LoadSpec("open", rate_per_s=5, for_ns=2_000 * SECOND_NS))
    instants = np.array([at for at, _ in office.submitted]) / SECOND_NS
    assert len(instants) == pytest.approx(10_000, abs=4 * math.sqrt(10_000))
    assert stats.kstest(np.diff(instants), "expon", args=(0, 0.2)).pvalue > 1e-3
    assert instants.max() < 2_000
    assert office.arrivals.over


def test_when_the_nth_arrives_depends_on_nothing_but_the_seed() -> None:
    load = LoadSpec("open", rate_per_s=5, for_ns=50 * SECOND_NS)
    quick, slow = Office(load, service_ns=1), Office(load, service_ns=20 * SECOND_NS)
    assert quick.submitted == slow.submitted
    assert quick.submitted != Office(load, replication=1).submitted


def test_twice_the_rate_brings_the_same_arrivals_twice_as_fast() -> None:
    """Common random numbers: a change of the rate stretches the stream, and does not draw it anew."""
    slow = Office(LoadSpec("open", rate_per_s=1, for_ns=100 * SECOND_NS)).submitted
    fast = Office(LoadSpec("open", rate_per_s=2, for_ns=50 * SECOND_NS)).submitted
    assert len(slow) == len(fast)
    for (at, index), (sooner, same) in zip(slow, fast, strict=True):
        assert index == same
        assert sooner == pytest.approx(at / 2, abs=len(slow))


def test_a_recording_is_played_to_the_nanosecond_and_whatever_the_dice() -> None:
    load = LoadSpec("trace", for_ns=10**10, gaps="0 0 7 1000000000")
    played = [Office(load, replication=number).submitted for number in range(2)]
    assert played[0] == played[1] == [(0, 0), (0, 1), (7, 2), (1_000_000_007, 3)]


def test_a_recording_may_begin_late_and_ends_with_its_last_arrival() -> None:
    office = Office(LoadSpec("trace", for_ns=10, gaps="5"))
    assert office.submitted == [(5, 0)]
    assert office.arrivals.over
