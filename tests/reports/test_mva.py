"""Closed networks: the textbook, exact values of the literature, two algorithms against each other."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.mva import solve
from reports.operational import Demand
from tests.reports.test_operational import SERVICE, TEXTBOOK


def test_the_textbook_s_network() -> None:
    """Lazowska et al., chapter 6: three stations, ten seconds of thinking."""
    solutions = solve(TEXTBOOK, 10, 20)
    assert (solutions[9].throughput, solutions[9].response_s) == pytest.approx((0.781333, 2.798636), abs=5e-7)
    assert (solutions[19].throughput, solutions[19].response_s) == pytest.approx(
        (1.197312, 6.704088), abs=5e-7
    )
    assert [solution.population for solution in solutions] == list(range(1, 21))


def test_little_s_law_holds_for_the_whole_and_for_each_part() -> None:
    for solution in solve(TEXTBOOK, 10, 20):
        assert solution.queue_lengths is not None
        assert sum(solution.queue_lengths) + solution.throughput * 10 == pytest.approx(solution.population)


def test_exact_values_of_the_literature(reference_data: Path) -> None:
    with (reference_data / "queueing_exact.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["metric"] in ("X", "R", "throughput")]
    compared = 0
    for row in rows:
        given, model = json.loads(row["params"]), row["model"]
        if model.startswith("closed: think"):
            engine = Demand("engine", float(given["engine_demand"]))
            pool = Demand("workers", float(given["worker_demand"]), given["workers"])
            found = solve([engine, pool], float(given["think"]), given["N"])[-1]
        elif model.startswith("closed"):
            demands = [Demand(str(number), float(text)) for number, text in enumerate(given["demands"])]
            found = solve(demands, float(given["think"]), given["N"])[-1]
        elif "repairman" in model:
            pool = Demand("repair", 1 / float(given["mu"]), given["c"])
            found = solve([pool], 1 / float(given["think_rate"]), given["N"])[-1]
        else:
            continue
        value = found.response_s if row["metric"] == "R" else found.throughput
        assert value == pytest.approx(float(row["value"]), rel=1e-6), (model, row["params"])
        compared += 1
    assert compared >= 60


@given(st.lists(SERVICE, min_size=1, max_size=4), st.floats(0, 50))
def test_both_algorithms_agree(services: list[float], delay: float) -> None:
    demands = [Demand(str(number), service) for number, service in enumerate(services)]
    nobody = Demand("idle", 0.0, seats=2)  # a station of two seats, if only in name: convolution
    first, second = solve(demands, delay, 30), solve([*demands, nobody], delay, 30)
    assert second[0].queue_lengths is None
    for one, other in zip(first, second, strict=True):
        assert one.throughput == pytest.approx(other.throughput, rel=1e-9)
        assert one.response_s == pytest.approx(other.response_s, rel=1e-6, abs=1e-9)


@given(SERVICE, st.integers(2, 8), st.floats(0, 20))
def test_a_pool_lies_between_one_fast_server_and_none(service: float, seats: int, delay: float) -> None:
    """As many slow servers are never better than one that is so many times as fast (when all is busy)."""
    pool = solve([Demand("pool", service, seats)], delay, 20)
    free = solve([], delay + service, 20)
    assert all(one.throughput <= other.throughput * (1 + 1e-9) for one, other in zip(pool, free, strict=True))
    assert pool[seats - 1].throughput == pytest.approx(free[seats - 1].throughput)  # nobody waits yet
    assert pool[-1].throughput <= seats / service * (1 + 1e-9)


def test_constants_beyond_any_float_are_no_matter() -> None:
    found = solve([Demand("pool", 0.01, 3)], 1000.0, 1500)[-1]
    assert found.throughput == pytest.approx(1.49998, rel=1e-4)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="population 0"):
        solve(TEXTBOOK, 10, 0)
    with pytest.raises(ValueError, match="no negative time"):
        solve(TEXTBOOK, -1, 3)
    with pytest.raises(ValueError, match="no time passes"):
        solve([], 0, 3)
