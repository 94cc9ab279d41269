import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.intervals import (
    holm,
    mean_bounds,
    minimum_sample,
    pooled_quantile,
    quantile,
    share_bounds,
    shares_bounds,
)

floats = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=40)


@given(floats)
def test_the_mean_has_students_interval(values: list[float]) -> None:
    array = np.array(values)
    found = mean_bounds(array, 0.025)
    error = stats.sem(array)
    if error > 0:
        low, high = stats.t.interval(0.95, len(array) - 1, loc=array.mean(), scale=error)
        assert (found.low, found.high) == pytest.approx((low, high))


def test_students_interval_by_hand() -> None:
    # mean 3, s = sqrt(2.5), t(0.975, 4) = 2.776445
    found = mean_bounds(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 0.025)
    assert found.value == 3
    assert found.high == pytest.approx(3 + 2.776445 * (2.5 / 5) ** 0.5, abs=1e-6)


def test_one_replication_has_no_interval() -> None:
    assert mean_bounds(np.array([4.0]), 0.025) == type(mean_bounds(np.array([4.0]), 0.5))(4.0, None, None)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 10), (7, 10), (10, 10), (57, 59), (59, 59)])
def test_a_share_has_clopper_and_pearsons_interval(hits: int, n: int) -> None:
    found = share_bounds(hits, n, 0.025)
    exact = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_59_of_59_show_95_percent_and_58_do_not() -> None:
    low = [share_bounds(n, n, 0.05).low for n in (58, 59)]
    assert low[0] is not None
    assert low[1] is not None
    assert low[0] < 0.95 <= low[1]


@given(st.integers(2, 60), st.floats(0, 1))
def test_a_fractional_hit_lies_between_its_neighbours(n: int, fraction: float) -> None:
    hits = fraction * (n - 1)
    below, found, above = (share_bounds(value, n, 0.05) for value in (int(hits), hits, int(hits) + 1))
    assert below.low is not None
    assert found.low is not None
    assert above.low is not None
    assert below.low <= found.low + 1e-9
    assert found.low <= above.low + 1e-9


def test_shares_that_are_all_alike_get_the_exact_bound() -> None:
    bounds, method = shares_bounds(np.ones(20), 0.05)
    assert method == "exact"
    assert bounds.low == pytest.approx(0.05 ** (1 / 20))
    bounds, method = shares_bounds(np.array([0.9] * 5 + [1.0] * 15), 0.05)
    assert method == "t"
    assert bounds.low == pytest.approx(mean_bounds(np.array([0.9] * 5 + [1.0] * 15), 0.05).low)
    assert shares_bounds(np.array([0.9] * 4 + [1.0] * 16), 0.05)[1] == "exact"


def test_a_quantile_is_an_observation_that_the_level_does_not_exceed() -> None:
    values = np.arange(1.0, 101.0)
    assert [quantile(values, level) for level in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert quantile(np.array([3.0, 1.0, 2.0]), 0.5) == 2


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_agrees_with_numpy(values: list[float], level: float) -> None:
    assert quantile(np.array(values), level) == np.quantile(values, level, method="inverted_cdf")


def test_percentiles_ask_for_59_and_299() -> None:
    assert [minimum_sample(level) for level in (0.5, 0.9, 0.95, 0.99)] == [5, 29, 59, 299]


def test_the_bootstrap_is_over_replications_and_repeats_itself() -> None:
    groups = [np.full(10, float(index)) for index in range(12)]
    first = pooled_quantile(groups, 0.5, 0.025, "a")
    assert first == pooled_quantile(groups, 0.5, 0.025, "a")
    # Each replication is constant, so 120 pooled values are worth 12: the interval of a median of 12.
    assert first.value == 5
    assert first.low is not None
    assert first.high is not None
    assert first.low <= 3
    assert first.high >= 7


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_intervals_over_replications_cover_and_intervals_over_observations_do_not() -> None:
    """Correlated observations inside a run: the mean over replications covers at 95 %, pooled ones do not."""
    dice = np.random.default_rng(1)
    covered = pooled = 0
    for _ in range(400):
        level = dice.normal(0, 1, (10, 1))
        values = level + dice.normal(0, 1, (10, 50))
        mine = mean_bounds(values.mean(axis=1), 0.025)
        wrong = mean_bounds(values.ravel(), 0.025)
        assert mine.low is not None
        assert mine.high is not None
        assert wrong.low is not None
        assert wrong.high is not None
        covered += mine.low <= 0 <= mine.high
        pooled += wrong.low <= 0 <= wrong.high
    assert 0.92 <= covered / 400 <= 0.98
    assert pooled / 400 < 0.5
