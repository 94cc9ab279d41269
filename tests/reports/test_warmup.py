"""The cut of the warm-up: where a known transient ends, on the average of all replications."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.warmup import BATCH, ensemble, moving_average, mser5
from tests.statistics.lanes import System, point


def decaying(count: int, fades_after: float, noise: float, seed: int = 1) -> np.ndarray:
    dice = np.random.default_rng(seed)
    return 10 - 10 * np.exp(-np.arange(count) / fades_after) + dice.normal(0, noise, count)


@pytest.mark.parametrize("fades_after", [20, 50, 100])
def test_a_transient_is_cut_off_and_not_much_more(fades_after: int) -> None:
    cut = mser5(decaying(5000, fades_after, 1.0))
    assert 1.5 * fades_after < cut < 6 * fades_after


def test_by_definition() -> None:
    """The slow way: the standard error of what remains, for each cut."""
    series = decaying(300, 15, 1.0, seed=3)
    batches = [np.mean(series[at : at + BATCH]) for at in range(0, 300, BATCH)]
    errors = [np.var(batches[cut:]) / len(batches[cut:]) for cut in range(int(0.75 * len(batches)))]
    assert mser5(series) == BATCH * int(np.argmin(errors))


@given(st.floats(-1e6, 1e6), st.floats(0.01, 1e3), st.integers(0, 1000))
def test_units_and_origin_do_not_matter(shift: float, scale: float, seed: int) -> None:
    series = decaying(200, 10, 1.0, seed)
    assert mser5(series) == mser5(series * scale) or abs(scale) < 1e-6
    assert abs(mser5(series + shift) - mser5(series)) <= BATCH * (abs(shift) > 1e4)


def test_of_queues_one_alone_is_cut_anywhere_and_their_average_is_not() -> None:
    runs = point(System(1, 0.9), 40, 8000, [1]).replications
    groups = [run.execution_duration_s for run in runs]
    alone = [mser5(group) for group in groups]
    assert sum(cut > 2000 for cut in alone) >= 4
    assert mser5(ensemble(groups)) < 800


def test_the_average_goes_as_far_as_every_replication_does() -> None:
    assert ensemble([np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0])]).tolist() == [2.0, 3.0]
    assert len(ensemble([np.array([1.0]), np.array([])])) == 0
    assert len(ensemble([])) == 0


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_a_series_too_short_to_have_a_transient_is_not_cut(count: int) -> None:
    assert mser5(np.arange(float(count))) == 0


def test_welchs_average_narrows_near_the_ends() -> None:
    series = np.array([0.0, 3.0, 6.0, 3.0, 0.0])
    assert moving_average(series, 1).tolist() == [0.0, 3.0, 4.0, 3.0, 0.0]
    assert moving_average(series, 9).tolist() == [0.0, 3.0, pytest.approx(2.4), 3.0, 0.0]
    assert len(moving_average(np.array([]), 2)) == 0
