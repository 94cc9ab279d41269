import math

import numpy as np
import pytest
from scipy import stats

from reports.power import as_share, detectable, reshuffled


def test_it_is_the_noncentral_t_distribution() -> None:
    edge, spread, n, alpha = math.log1p(0.03), 0.05, 10, 0.05
    found = detectable(edge, spread, n, alpha)
    assert found is not None
    shift = (found - edge) / (spread / math.sqrt(n))
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    assert stats.nct.sf(critical, n - 1, shift) == pytest.approx(0.95, abs=1e-6)


def test_more_replications_and_less_spread_see_more() -> None:
    def of(spread: float, n: int) -> float:
        found = detectable(0.03, spread, n, 0.05)
        assert found is not None
        return found

    assert of(0.05, 40) < of(0.05, 10) < of(0.1, 10)
    assert of(0.0, 10) == 0.03
    assert detectable(0.03, 0.1, 1, 0.05) is None


def test_the_share_is_in_the_direction_of_the_worse() -> None:
    assert as_share(math.log1p(0.03), 1) == 0.03
    assert as_share(-math.log1p(-0.03), -1) == 0.03
    assert as_share(None, 1) is None


def test_the_spread_without_shared_dice_is_that_of_two_samples() -> None:
    dice = np.random.default_rng(1)
    before, after = np.exp(dice.normal(0, 0.3, 5000)), np.exp(dice.normal(0, 0.4, 5000))
    assert reshuffled(before, after) == pytest.approx(0.5, rel=0.05)
    assert reshuffled(np.array([0.0, 1.0]), np.array([1.0, 2.0])) is None
