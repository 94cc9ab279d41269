"""How long nobody leads: until the lease has lapsed and somebody asks for it."""

from collections.abc import Callable

import pytest

from simulator.agenda import Agenda
from simulator.cluster.leaders import JITTER, Leaders
from simulator.streams import Streams
from tests.simulator.cluster.rig import S

LEASE, RETRY = 15 * S, 2 * S


class Election:
    """A component that is stopped at 100 s."""

    def __init__(self, replicas: int, seed: int = 1) -> None:
        self.agenda = Agenda()
        self.leaders = Leaders(self.agenda, LEASE, RETRY, replicas, Streams(seed, 0).stream("leaders"))
        self.led: list[int] = []
        self.halted: list[int] = []
        self.agenda.run(until=100 * S)

    def stop(self) -> Callable[[], None]:
        return self.leaders.stop(
            "scheduler",
            lambda: self.halted.append(self.agenda.now),
            lambda: self.led.append(self.agenda.now - 100 * S),
        )


@pytest.mark.parametrize("seed", range(20))
def test_a_standby_leads_once_the_lease_has_lapsed(seed: int) -> None:
    election = Election(2, seed)
    again = election.stop()
    assert election.halted == [100 * S]
    election.agenda.run(until=103 * S)
    again()  # the process is there again, and stands by
    election.agenda.run()
    (after,) = election.led
    assert LEASE - RETRY <= after <= LEASE + RETRY * (1 + JITTER)


def test_a_process_that_is_started_again_at_once_waits_for_its_own_old_lease() -> None:
    election = Election(1)
    again = election.stop()
    election.agenda.run(until=101 * S)
    again()
    assert not election.led
    election.agenda.run()
    (after,) = election.led
    assert LEASE - RETRY <= after <= LEASE + RETRY * (1 + JITTER)


def test_one_that_was_away_for_long_leads_at_once() -> None:
    election = Election(1)
    again = election.stop()
    election.agenda.run(until=160 * S)
    assert not election.led
    again()
    assert election.led == [60 * S]
