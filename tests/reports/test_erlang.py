"""Erlang's formulas: exact values of the literature, and the sizing question that they answer."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.erlang import Waiting, blocking, servers_needed, waiting

METRICS: dict[str, Callable[[Waiting], float]] = {
    "ErlangC_P_wait": lambda state: state.probability,
    "Wq": lambda state: state.mean_wait_s,
    "W": lambda state: state.response_s,
    "Lq": lambda state: state.mean_wait_s * state.rate,
    "Wq_p50": lambda state: state.wait_quantile_s(0.5),
    "Wq_p90": lambda state: state.wait_quantile_s(0.9),
    "Wq_p95": lambda state: state.wait_quantile_s(0.95),
    "Wq_p99": lambda state: state.wait_quantile_s(0.99),
}


def test_exact_values_of_the_literature(reference_data: Path) -> None:
    with (reference_data / "queueing_exact.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["model"] == "M/M/c" and row["metric"] in METRICS]
    compared = 0
    for row in rows:
        given = json.loads(row["params"])
        state = waiting(int(given["c"]), float(given["lambda"]), 1 / float(given["mu"]))
        assert state is not None
        assert METRICS[row["metric"]](state) == pytest.approx(float(row["value"]), rel=1e-8, abs=1e-12), row
        compared += 1
    assert compared >= 100


def test_the_textbook_s_two_servers() -> None:
    state = waiting(2, 1.0, 1.0)
    assert state is not None
    assert state.probability == pytest.approx(1 / 3)
    assert state.mean_wait_s == pytest.approx(1 / 3)


def test_26_servers_hold_95_percent_of_the_waits_to_a_quarter_of_a_second() -> None:
    """Arrivals 20/s, mean service 1 s: 25 do not, 26 do."""
    assert servers_needed(20, 1, 0.25, 0.95) == 26
    for servers, holds in ((25, False), (26, True)):
        state = waiting(servers, 20, 1)
        assert state is not None
        assert (state.within(0.25) >= 0.95) is holds


def test_more_than_the_servers_can_do_has_no_steady_state() -> None:
    assert waiting(5, 5.0, 1.0) is None
    assert waiting(5, 4.99, 1.0) is not None


@given(st.integers(1, 60), st.floats(0.05, 0.99), st.floats(0.01, 100))
def test_a_quantile_is_where_that_share_has_waited_no_longer(
    servers: int, use: float, service: float
) -> None:
    state = waiting(servers, servers * use / service, service)
    assert state is not None
    for level in (0.5, 0.9, 0.99):
        wait = state.wait_quantile_s(level)
        assert state.within(wait) >= level - 1e-9
        assert wait == 0 or state.within(wait * 0.999) < level
    area = state.probability * service / (servers - state.offered)  # of the tail of the wait
    assert state.mean_wait_s == pytest.approx(area)


def test_one_server_is_the_simple_queue() -> None:
    state = waiting(1, 0.8, 1.0)
    assert state is not None
    assert (state.probability, state.mean_wait_s) == pytest.approx((0.8, 4.0))


def test_blocking_is_the_truncated_poisson_s_last_term() -> None:
    terms = [3.5**count / math.factorial(count) for count in range(8)]
    assert blocking(7, 3.5) == pytest.approx(terms[-1] / sum(terms))


def test_what_is_no_queue_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        waiting(0, 1, 1)
    with pytest.raises(ValueError, match="level 1"):
        servers_needed(1, 1, 1, 1)
