"""Operational bounds: the textbook's figures, and that exact solutions never leave them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.mva import solve
from reports.operational import Demand, asymptotes

# Lazowska, Zahorjan, Graham, Sevcik, Quantitative System Performance (1984), chapter 5.
TEXTBOOK = (Demand("cpu", 0.5), Demand("disk", 0.8), Demand("tape", 0.3))


def test_the_textbook_s_bounds() -> None:
    found = asymptotes(TEXTBOOK, think_s=10)
    assert found.ceiling == 1.25
    assert found.knee == pytest.approx(14.5)
    assert found.binding is TEXTBOOK[1]
    assert found.throughput_at_most(10) == pytest.approx(10 / 11.6)
    assert found.throughput_at_most(20) == 1.25
    assert found.response_at_least(20) == pytest.approx(20 * 0.8 - 10)
    assert found.response_at_least(1) == pytest.approx(1.6)


def test_seats_raise_the_ceiling_and_nothing_else() -> None:
    one, four = asymptotes([Demand("pool", 2.0)], 1.0), asymptotes([Demand("pool", 2.0, 4)], 1.0)
    assert (one.ceiling, four.ceiling) == (0.5, 2.0)
    assert one.alone_s == four.alone_s == 2.0


def test_without_a_shared_station_nothing_bounds_the_throughput() -> None:
    found = asymptotes([], delay_s=3.0)
    assert found.ceiling == math.inf
    assert found.knee == math.inf
    assert found.throughput_at_most(1000) == pytest.approx(1000 / 3)
    assert found.binding is None


def test_what_is_no_system_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        asymptotes([Demand("a", -1.0)], 10)
    with pytest.raises(ValueError, match="no time passes"):
        asymptotes([Demand("a", 0.0)])


SERVICE = st.floats(0.01, 10)


@given(st.lists(st.tuples(SERVICE, st.integers(1, 4)), min_size=1, max_size=4), st.floats(0, 20))
def test_exact_throughputs_lie_within_the_bounds(stations: list[tuple[float, int]], think: float) -> None:
    demands = [Demand(str(number), *given) for number, given in enumerate(stations)]
    bounds = asymptotes(demands, think)
    for solution in solve(demands, think, 25):
        assert solution.throughput <= bounds.throughput_at_most(solution.population) * (1 + 1e-9)
        assert solution.throughput >= bounds.throughput_at_least(solution.population) * (1 - 1e-9)
        assert solution.response_s >= bounds.response_at_least(solution.population) * (1 - 1e-6) - 1e-9
