"""The knee by the shape of a curve: found where it is known, and not found where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.knee import kneedle
from tests.reports.test_usl import RAYTRACER, SPECSDM91


@given(st.integers(2, 8), st.floats(0.01, 1e4))
def test_two_straight_lines_meet_at_the_knee(corner: int, height: float) -> None:
    loads = list(range(1, 13))
    values = [height * min(load, corner) for load in loads]
    assert kneedle(loads, values) == corner


def test_a_published_curve_bends_where_contention_begins_to_tell() -> None:
    assert kneedle(*SPECSDM91) == 36


def test_the_example_of_its_authors() -> None:
    """Satopää et al., figure 2: y = 1 - 0.1 / (x + 0.1) - ... whose greatest height lies at x = 0.22."""
    x = np.linspace(0.0, 1.0, 10)
    assert kneedle(list(x), list(-1 / (x + 0.1) + 5)) == pytest.approx(0.22, abs=0.01)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3, 4, 5, 6],  # straight
        [1, 1.1, 1.3, 1.7, 2.5, 4.1],  # bends upwards
        [5, 5.1, 4.95, 5.05, 5.0, 5.02],  # flat, and noise
        [6, 5, 4, 3, 2, 1],  # falls
        [1, 2.05, 2.98, 4.05, 4.95, 6.02],  # straight, and noise
    ],
)
def test_where_nothing_bends_there_is_no_knee(values: list[float]) -> None:
    assert kneedle([1, 2, 3, 4, 5, 6], values) is None


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_units_do_not_move_the_knee(load: float, value: float) -> None:
    plain = kneedle(*RAYTRACER)
    scaled = kneedle([n * load for n in RAYTRACER[0]], [x * value for x in RAYTRACER[1]])
    assert plain is not None
    assert scaled == pytest.approx(plain * load)


def test_what_is_no_curve_is_refused() -> None:
    with pytest.raises(ValueError, match="1 loads"):
        kneedle([1], [1])
    with pytest.raises(ValueError, match="rise"):
        kneedle([1, 3, 2], [1, 2, 3])
