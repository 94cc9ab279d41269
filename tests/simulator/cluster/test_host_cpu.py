"""Cores shared by components, and a log that commits in groups."""

from functools import partial
from typing import Any

import pytest

from simulator.agenda import Agenda
from simulator.cluster.etcd import Etcd
from simulator.cluster.host_cpu import HostCpu
from simulator.streams import Streams

MS = 1_000_000


class Bench:
    def __init__(self, cores: int = 2, waking_ns: int = 0, **threads: int) -> None:
        self.agenda = Agenda()
        self.cpu = HostCpu(self.agenda, cores, threads, waking_ns)
        self.ends: dict[str, float] = {}

    def job(self, component: str, name: str, work_ms: float, at_ms: float = 0.0) -> None:
        done = partial(self._over, name)
        start = partial(self._start, component, round(work_ms * MS), done)
        self.agenda.after(round(at_ms * MS), start)

    def _start(self, component: str, work_ns: int, done: Any, _entry: Any) -> None:
        self.cpu.run(component, work_ns, done)

    def _over(self, name: str, _event: Any) -> None:
        self.ends[name] = self.agenda.now / MS

    def run(self) -> dict[str, float]:
        self.agenda.run()
        return {name: round(end, 3) for name, end in self.ends.items()}


def test_a_job_alone_takes_its_work() -> None:
    bench = Bench()
    bench.job("a", "only", 10)
    assert bench.run() == {"only": 10}


def test_jobs_of_one_component_share_its_threads_evenly() -> None:
    bench = Bench(cores=2)
    for name, work in (("x", 10), ("y", 10), ("z", 20), ("w", 20)):
        bench.job("a", name, work)
    assert bench.run() == {"x": 20, "y": 20, "z": 30, "w": 30}


def test_one_thread_uses_one_core() -> None:
    """As an interpreter with a global lock: the other core stays idle."""
    bench = Bench(cores=2, a=1)
    bench.job("a", "x", 10)
    bench.job("a", "y", 10)
    assert bench.run() == {"x": 20, "y": 20}
    assert bench.cpu.meter.busy_until(bench.agenda.now) == 20 * MS


def test_a_small_component_is_not_starved_by_the_queue_of_a_busy_one() -> None:
    bench = Bench(cores=2)
    for number in range(20):
        bench.job("busy", f"b{number}", 10)
    bench.job("small", "s", 10)
    # Three threads run on two cores: two of the busy component's, one of the small one's.
    ends = bench.run()
    assert ends["s"] == 15
    assert ends["b0"] == pytest.approx(105)


def test_no_work_is_lost_whatever_comes_and_goes() -> None:
    stream = Streams(1, 0).stream("jobs")
    bench = Bench(cores=2, c=1)
    total = 0.0
    for number in range(200):
        work = 1 + 9 * stream.uniform(number)
        total += round(work * MS)
        bench.job("abc"[number % 3], f"{number}", work, 300 * stream.uniform(number, 1))
    ends = bench.run()
    assert len(ends) == 200
    assert bench.cpu.meter.busy_until(bench.agenda.now) == pytest.approx(total, rel=1e-5)


def test_an_idle_component_wakes_up_first() -> None:
    bench = Bench(cores=2, waking_ns=2 * MS)
    bench.job("a", "x", 10)
    bench.job("a", "y", 10, at_ms=1)
    bench.job("a", "z", 10, at_ms=50)
    assert bench.run() == {"x": 12, "y": 11, "z": 62}


def test_commits_under_way_together_share_a_sync() -> None:
    agenda = Agenda()
    etcd = Etcd(agenda, lambda _uniform: 4 * MS, Streams(1, 0).stream("fsync"))
    ends: list[float] = []

    def commit(_entry: Any) -> None:
        etcd.commit(lambda _event: ends.append(agenda.now / MS))

    for at in (0, 1, 2, 3, 9):
        agenda.after(at * MS, commit)
    agenda.run()
    assert ends == [4, 8, 8, 8, 13]
    assert (etcd.commits_count, etcd.syncs_count) == (5, 3)


def test_a_slow_disk_is_slower_by_its_factor() -> None:
    agenda = Agenda()
    etcd = Etcd(agenda, lambda _uniform: 4 * MS, Streams(1, 0).stream("fsync"))
    etcd.slowness = 5.0
    etcd.commit(lambda _event: None)
    agenda.run()
    assert agenda.now == 20 * MS
