"""The power of a check: the violation that it names is found as often as it says."""

import numpy as np
import pytest

from reports.detectable import POWER, Detectable, of_bootstrap, of_every, of_mean, of_share
from reports.intervals import mean_bounds, share_bounds

TRIES = 20_000


@pytest.mark.parametrize(("n", "error"), [(10, 0.05), (10, 0.0125), (3, 0.05), (80, 0.025)])
def test_a_mean_so_far_beyond_its_limit_fails_in_95_of_100(n: int, error: float) -> None:
    limit, sigma = 30.0, 2.0
    reach = mean_bounds(np.array([0.0, 1.0] * 50), error)  # any sample: only its width is looked at
    assert reach.low is not None
    from scipy.special import stdtrit

    width = float(stdtrit(n - 1, 1 - error)) * sigma / np.sqrt(n)
    truth = of_mean(limit, 20 - width, 20 + width, n, error, upper=True)
    assert truth is not None
    samples = np.random.default_rng(n).normal(truth, sigma, (TRIES, n))
    lows = samples.mean(axis=1) - stdtrit(n - 1, 1 - error) * samples.std(axis=1, ddof=1) / np.sqrt(n)
    assert np.mean(lows > limit) == pytest.approx(POWER, abs=0.006)


def test_below_a_least_value_it_is_the_mirror_image() -> None:
    above = of_mean(10.0, 9.0, 11.0, 10, 0.05, upper=True)
    below = of_mean(10.0, 9.0, 11.0, 10, 0.05, upper=False)
    assert above is not None
    assert below is not None
    assert above - 10 == pytest.approx(10 - below)
    assert of_mean(10.0, 9.0, 11.0, 1, 0.05, upper=True) is None


@pytest.mark.parametrize(
    ("attainment", "n", "error"), [(0.95, 80, 0.0125), (0.95, 10, 0.05), (0.5, 20, 0.05)]
)
def test_so_small_a_share_fails_in_95_of_100(attainment: float, n: int, error: float) -> None:
    share = of_share(attainment, n, error)
    assert share is not None
    assert share < attainment
    hits = np.random.default_rng(1).binomial(n, share, TRIES)
    highs = {count: share_bounds(count, n, error).high for count in range(n + 1)}
    failed = [(highs[int(count)] or 0.0) < attainment for count in hits]
    assert np.mean(failed) == pytest.approx(POWER, abs=0.006)


def test_where_no_sample_could_fail_nothing_would_be_found() -> None:
    assert of_share(0.05, 5, 0.001) is None


@pytest.mark.parametrize("n", [1, 10, 59])
def test_a_miss_that_is_so_frequent_is_seen(n: int) -> None:
    assert 1 - (1 - of_every(n)) ** n == pytest.approx(POWER)


def test_a_bootstrap_bound_reaches_as_if_it_were_normal() -> None:
    # 1.645 standard errors of 1 at an error of 5 %, and as many again for the power.
    assert of_bootstrap(30.0, 25.0, 23.355, 0.05, upper=True) == pytest.approx(33.29, abs=0.01)
    assert of_bootstrap(30.0, 25.0, 26.645, 0.05, upper=False) == pytest.approx(26.71, abs=0.01)


def test_in_words() -> None:
    assert Detectable(31.2, "s", "mean", upper=True).text == "would find a mean ≥ 31.20 s"
    assert Detectable(0.71, "ratio", "share", upper=False).text == "would find a share ≤ 71 %"
    assert (
        Detectable(0.26, "ratio", "misses", upper=True).text == "would find misses in ≥ 26 % of replications"
    )
