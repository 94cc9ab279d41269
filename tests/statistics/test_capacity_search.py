"""The capacity search on a queue whose capacity is known: 26 servers.

M/M/c, 20 arrivals a second, a mean service time of 1 s, 95 % of the waits at most 0.25 s. By Erlang's
formula 25 servers attain 94.0 % and 26 attain 96.8 %. One run a probe finds 26 in 7 of 30 tries; the
sequential test has to in at least 29. Everything that judges is the product's; only the queue is not.
"""

from collections.abc import Iterator

import pytest

from headroom.capacity_probe import met_by
from headroom.capacity_search import Direction, Met, Probe, Prober, Search, search
from reports.judge import judge_targets
from reports.looks import planned_looks
from reports.questions import Questions, Target
from tests.statistics.mmc import Customers, Queue, as_run

TRUTH = 26
LOW, HIGH, START = 1, 320, 20
TARGET = Target("waits", "execution_start_delay", None, 0.95, None, 0.25, {}, "error", "")


def questions(confidence: float) -> Questions:
    return Questions("queue", "", "", confidence, 10, 640, (TARGET,), (), ((0, {}),))


def searched(seed: int, start: int = START) -> Search:
    customers = Customers(seed, rate=20.0, jobs=1000, warmup=200)
    asked = questions(0.95)
    looks = planned_looks(asked.replications_min, asked.replications_max)

    def probe(servers: int) -> Probe:
        queue = Queue(customers, servers)
        count, found = 0, Met.UNDECIDED
        for count in looks:
            [result] = judge_targets(asked, as_run(queue.waits(count)))
            found = met_by(result.judgements)
            if found is not Met.UNDECIDED:
                break
        return Probe(servers, found, detail=count)

    return search(Prober(probe), start, LOW, HIGH, Direction.SMALLEST)


def tries(count: int, first: int = 0) -> Iterator[Search]:
    return (searched(seed) for seed in range(first, first + count))


def test_the_capacity_is_found_whatever_the_start() -> None:
    for seed, start in ((101, 20), (102, 64)):
        found = searched(seed, start)
        assert found.answer is not None
        assert found.answer.at == TRUTH
        assert found.missed is not None
        assert found.missed.at == TRUTH - 1
        assert found.monotone


@pytest.mark.slow
def test_twenty_nine_of_thirty_tries_find_it() -> None:
    found = [search.answer.at if search.answer else None for search in tries(30)]
    assert found.count(TRUTH) >= 29, found
