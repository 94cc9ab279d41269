from collections.abc import Generator
from typing import Any

from engine.core.causes import Cause
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.cluster.store import Key
from simulator.cluster.workqueue import WorkQueue
from simulator.tasks import Waitable
from tests.simulator.cluster.rig import MS


class Worked:
    """A queue whose syncs take what the test says, and what it did."""

    def __init__(
        self, workers: int, sync_ns: int = 1 * MS, work_ns: int = 10 * MS, failures: int = 0
    ) -> None:
        self.agenda = Agenda()
        self.queue = WorkQueue(self.agenda, "test", workers, sync_ns, self._sync)
        self.begun: list[tuple[int, str]] = []
        self.links: list[Link] = []
        self._work_ns = work_ns
        self._failures = failures

    def _sync(self, key: Key, link: Link) -> Generator[int | Waitable, Any, bool]:
        self.begun.append((self.agenda.now, key[1]))
        self.links.append(link)
        if self._work_ns:
            yield self._work_ns
        self._failures -= 1
        return self._failures >= 0

    def add(self, at_ns: int, name: str) -> None:
        self.agenda.after(at_ns, lambda _event: self.queue.add(("", name), root(self.agenda.now)))


def test_a_key_that_waits_is_not_queued_twice() -> None:
    worked = Worked(workers=1)
    for at, name in ((0, "a"), (2 * MS, "b"), (3 * MS, "b"), (4 * MS, "c"), (5 * MS, "b")):
        worked.add(at, name)
    worked.agenda.run()
    assert [name for _, name in worked.begun] == ["a", "b", "c"]
    assert worked.queue.meter.arrivals_count == 3


def test_a_key_that_is_worked_on_is_worked_on_again_afterwards() -> None:
    worked = Worked(workers=2)
    for at in (0, 5 * MS, 6 * MS):
        worked.add(at, "a")
    worked.agenda.run()
    assert worked.begun == [(1 * MS, "a"), (12 * MS, "a")]  # never by two workers at once


def test_what_arrives_while_its_worker_starts_is_seen_by_that_worker() -> None:
    worked = Worked(workers=1, sync_ns=10 * MS)
    worked.add(0, "a")
    worked.add(5 * MS, "a")
    worked.agenda.run()
    assert len(worked.begun) == 1
    link = worked.links[0]
    assert link[0] is not None
    assert (link[0][2], link[1], link[2]) == (5 * MS, Cause.CONTROLLER_QUEUE, 10 * MS)


def test_workers_work_side_by_side_in_order() -> None:
    worked = Worked(workers=2)
    for name in "abcd":
        worked.add(0, name)
    worked.agenda.run()
    assert worked.begun == [(1 * MS, "a"), (1 * MS, "b"), (12 * MS, "c"), (12 * MS, "d")]
    assert worked.queue.meter.busy_until(worked.agenda.now) == 4 * 11 * MS


def test_failures_back_off_from_5_ms_and_are_forgotten_on_success() -> None:
    worked = Worked(workers=1, sync_ns=0, work_ns=0, failures=4)
    worked.add(0, "a")
    worked.agenda.run()
    assert [at // MS for at, _ in worked.begun] == [0, 5, 15, 35, 75]
    worked.begun.clear()
    worked._failures = 1  # noqa: SLF001 - the test's own class
    begun = worked.agenda.now
    worked.add(0, "a")
    worked.agenda.run()
    assert [(at - begun) // MS for at, _ in worked.begun] == [0, 5]


def test_the_back_off_ends_at_a_thousand_seconds() -> None:
    worked = Worked(workers=1, sync_ns=0, work_ns=0, failures=25)
    worked.add(0, "a")
    worked.agenda.run()
    times = [at for at, _ in worked.begun]
    assert times[-1] - times[-2] == times[-2] - times[-3] == 1_000_000 * MS


def test_a_long_queue_of_syncs_that_take_no_time_is_worked_off() -> None:
    worked = Worked(workers=1, sync_ns=0, work_ns=0)
    for number in range(5_000):
        worked.add(0, str(number))
    worked.agenda.run()
    assert len(worked.begun) == 5_000
    assert worked.agenda.now == 0


def test_a_halted_queue_takes_nothing_and_works_it_off_afterwards() -> None:
    worked = Worked(workers=2)
    for at, name in ((0, "a"), (20 * MS, "b"), (21 * MS, "c"), (22 * MS, "b"), (23 * MS, "d")):
        worked.add(at, name)
    worked.agenda.after(5 * MS, lambda _event: worked.queue.halt())  # in the midst of a
    worked.agenda.after(6 * MS, lambda _event: worked.queue.halt())  # which changes nothing
    worked.agenda.after(100 * MS, lambda _event: worked.queue.resume())
    worked.agenda.after(101 * MS, lambda _event: worked.queue.resume())
    worked.agenda.run()
    assert worked.begun == [(1 * MS, "a"), (101 * MS, "b"), (101 * MS, "c"), (112 * MS, "d")]
    last = worked.links[-1]
    assert last[1] is Cause.CONTROLLER_QUEUE  # what waited for the halted queue is charged to it
    assert last[0] is not None
    assert last[0][2] == 23 * MS


def test_a_key_that_fails_while_halted_waits_for_the_end_of_it() -> None:
    worked = Worked(workers=1, failures=1)
    worked.add(0, "a")
    worked.agenda.after(2 * MS, lambda _event: worked.queue.halt())
    worked.agenda.after(100 * MS, lambda _event: worked.queue.resume())
    worked.agenda.run()
    assert [at for at, _ in worked.begun] == [1 * MS, 101 * MS]
