"""The search over a knob: any start, any range, any width of the undecided zone, and knobs that bend back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.capacity_search import (
    CHECKS,
    Direction,
    Met,
    Probe,
    Prober,
    Search,
    contradicts,
    find_direction,
    grid_of,
    probes_max,
    search,
)

LARGEST, SMALLEST = Direction.LARGEST, Direction.SMALLEST


class Knob:
    """A knob whose targets hold up to `last`, are undecided for a while, and fail beyond."""

    def __init__(self, last: int, zone: int, direction: Direction) -> None:
        self.last, self.zone, self.direction = last, zone, direction
        self.asked: list[int] = []

    def __call__(self, value: int) -> Probe:
        self.asked.append(value)
        beyond = value - self.last if self.direction is LARGEST else self.last - value
        met = Met.HOLDS if beyond <= 0 else Met.UNDECIDED if beyond <= self.zone else Met.FAILS
        return Probe(value, met)


def run(knob: Knob, start: int, low: int, high: int) -> Search:
    return search(Prober(knob), start, low, high, knob.direction)


ranges = st.tuples(st.integers(1, 3000), st.integers(1, 3000)).map(sorted)


@given(ranges, st.integers(0, 3001), st.integers(0, 40), st.integers(1, 4000), st.sampled_from(Direction))
def test_the_hardest_value_that_holds_is_found_from_any_start(
    ends: list[int], last: int, zone: int, start: int, direction: Direction
) -> None:
    low, high = ends
    knob = Knob(last, zone, direction)
    found = run(knob, start, low, high)
    hardest = min(last, high) if direction is LARGEST else max(last, low)
    if low <= hardest <= high:
        assert found.answer == Probe(hardest, Met.HOLDS)
        edge = high if direction is LARGEST else low
        assert found.at_the_end is (hardest == edge)
    else:
        assert found.answer is None
    assert found.monotone
    assert all(low <= value <= high for value in knob.asked)
    assert len(knob.asked) == len(set(knob.asked)) <= probes_max(low, high)


@given(st.integers(2, 500), st.integers(0, 10), st.sampled_from(Direction))
def test_the_bracket_names_the_next_value_and_the_nearest_proven_failure(
    last: int, zone: int, direction: Direction
) -> None:
    found = run(Knob(last, zone, direction), 7, 1, 4000)
    harder = 1 if direction is LARGEST else -1
    if direction is SMALLEST and last - 1 < 1:
        return
    assert found.missed is not None
    assert found.missed.at == last + harder
    assert found.missed.met is (Met.UNDECIDED if zone else Met.FAILS)
    if found.fails is not None:
        assert found.fails.met is Met.FAILS
        assert (found.fails.at - last) * harder > zone


def test_undecided_is_on_the_safe_side_in_both_directions() -> None:
    assert run(Knob(10, 5, LARGEST), 12, 1, 100).answer == Probe(10, Met.HOLDS)
    assert run(Knob(10, 5, SMALLEST), 8, 1, 100).answer == Probe(10, Met.HOLDS)


def test_a_knob_that_bends_back_is_searched_on_a_grid_and_nothing_before_the_answer_is_missed() -> None:
    good = [*range(1, 9), *range(21, 31)]  # a bisection from 25 finds 30, although 9 to 20 fail
    prober = Prober(lambda value: Probe(value, Met.HOLDS if value in good else Met.FAILS))
    found = search(prober, 25, 1, 64, LARGEST)
    assert not found.monotone
    assert found.answer is not None
    assert found.answer.at <= 8
    assert contradicts(prober.found, LARGEST)
    assert all(prober.found[value].met is Met.HOLDS for value in prober.found if value <= found.answer.at)


def test_each_side_of_the_answer_is_checked_where_nobody_looked() -> None:
    knob = Knob(40, 0, LARGEST)
    found = run(knob, 40, 1, 1000)
    below = [probe.at for probe in found.probes if probe.at < 40]
    beyond = [probe.at for probe in found.probes if probe.at > 41]
    assert len(below) >= CHECKS
    assert (
        max(b / a for a, b in zip([1, *sorted(below)], [*sorted(below), 40], strict=True)) < math.sqrt(40) + 1
    )
    assert len(beyond) >= CHECKS


@pytest.mark.parametrize(
    ("holds", "expected"),
    [
        (lambda v: v <= 5, LARGEST),
        (lambda v: v >= 5, SMALLEST),
        (lambda _: True, None),
        (lambda _: False, None),
    ],
)
def test_the_direction_is_found_at_the_ends(holds: object, expected: Direction | None) -> None:
    assert callable(holds)
    prober = Prober(lambda value: Probe(value, Met.HOLDS if holds(value) else Met.FAILS))
    assert find_direction(prober, 1, 10) is expected


def test_a_grid_has_both_ends_and_no_value_twice() -> None:
    assert grid_of(3, 9) == [3, 4, 5, 6, 7, 8, 9]
    grid = grid_of(1, 10_000)
    assert (grid[0], grid[-1]) == (1, 10_000)
    assert grid == sorted(set(grid))
    assert len(grid) <= 16


@pytest.mark.parametrize(("low", "high"), [(0, 5), (6, 5)])
def test_a_range_that_is_none_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="no range"):
        run(Knob(3, 0, LARGEST), 3, low, high)
