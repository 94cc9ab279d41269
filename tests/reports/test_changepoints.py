"""Change points: found where they are, with the error rate that is stated, whatever dice share."""

import numpy as np
import pytest

from reports.changepoints import ALPHA, Result, find_changes
from reports.columns import Floats

N = 10  # replications behind each value


def series(
    rng: np.random.Generator, means: list[float], noise: float = 0.05, dice: str = "each", shared: float = 0.0
) -> list[Result]:
    """Results with means, each from `N` replications; `shared`: what equal dice share."""
    made = []
    common: dict[str, Floats] = {}
    for place, mean in enumerate(means):
        seed = {"each": str(place), "one": "1", "two": str(place < len(means) // 2)}[dice]
        own = rng.normal(0, noise, N)
        both = common.setdefault(seed, rng.normal(0, noise, N))
        values = mean * (1 + np.sqrt(shared) * both + np.sqrt(1 - shared) * own)
        made.append(Result(float(values.mean()), float(values.std(ddof=1) / np.sqrt(N)), N - 1, seed))
    return made


@pytest.mark.parametrize(
    ("dice", "shared"), [("each", 0.0), ("one", 0.0), ("one", 0.9), ("two", 0.0), ("two", 0.5), ("two", 1.0)]
)
def test_a_history_without_change_seldom_shows_one(dice: str, shared: float) -> None:
    rng = np.random.default_rng(20260101)
    trials = 300
    alarms = sum(bool(find_changes(series(rng, [20.0] * 12, 0.05, dice, shared))) for _ in range(trials))
    assert alarms / trials <= ALPHA + 0.02


def test_a_change_of_three_errors_is_found_where_it_is() -> None:
    rng = np.random.default_rng(7)
    means = [20.0] * 8 + [20.0 * 1.05] * 8
    trials = 100
    right = 0
    covered = 0
    for _ in range(trials):
        changes = find_changes(series(rng, means))
        right += len(changes) == 1 and abs(changes[0].place - 8) <= 1
        covered += any(change.low <= 0.05 <= change.high for change in changes)
    assert right >= 0.9 * trials
    assert covered >= 0.85 * trials


def test_several_changes_are_found_in_order() -> None:
    rng = np.random.default_rng(3)
    means = [20.0] * 6 + [26.0] * 6 + [17.0] * 6
    places = [change.place for change in find_changes(series(rng, means))]
    assert places == [6, 12]


def test_values_without_error_change_for_certain() -> None:
    exact = [Result(value, 0.0, 9, "1") for value in (0.5, 0.5, 0.5, 1.0)]
    [change] = find_changes(exact)
    assert (change.place, change.probability) == (3, 0.0)
    assert (change.change, change.low, change.high) == pytest.approx((1.0, 1.0, 1.0))
    assert find_changes(exact[:3]) == []


def test_values_about_zero_change_by_their_difference() -> None:
    values = [Result(value, 0.1, 9, str(number)) for number, value in enumerate((0.0, 0.0, 0.0, 5.0, 5.0))]
    [change] = find_changes(values)
    assert (change.place, change.change, change.relative) == (3, 5.0, False)
    assert change.low < 5.0 < change.high


def test_other_dice_at_the_same_moment_prove_nothing() -> None:
    """Ten runs with one seed, ten with another: their errors are two, not twenty."""
    values = [Result(20.0 + (number >= 10), 0.5, 9, str(number >= 10)) for number in range(20)]
    assert find_changes(values) == []
    apart = [Result(20.0 + (number >= 10), 0.5, 9, str(number)) for number in range(20)]
    assert len(find_changes(apart)) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_show_nothing(count: int) -> None:
    assert find_changes([Result(1.0, 0.1, 9, "1")] * count) == []
