"""Paired effects: symmetric, blind to scale, and as sure as their pairs allow."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.paired import Finding, effect_of

VALUE = st.floats(0.01, 1e6)
PAIRS = st.lists(st.tuples(VALUE, VALUE), min_size=2, max_size=30)


@given(PAIRS)
def test_swapping_the_sides_inverts_the_change(pairs: list[tuple[float, float]]) -> None:
    there, back = effect_of(pairs, 0.05), effect_of([(b, a) for a, b in pairs], 0.05)
    assert there.change is not None
    assert back.change is not None
    # Near -100 % digits are lost.
    assert math.log1p(there.change) == pytest.approx(-math.log1p(back.change), abs=1e-7)
    mirrored = {Finding.LOWER: Finding.HIGHER, Finding.HIGHER: Finding.LOWER}
    assert back.finding is mirrored.get(there.finding, there.finding)


@given(PAIRS, st.sampled_from([2.0, 0.5, 1024.0]))
def test_units_do_not_matter(pairs: list[tuple[float, float]], scale: float) -> None:
    one, other = effect_of(pairs, 0.05), effect_of([(a * scale, b * scale) for a, b in pairs], 0.05)
    assert one.change == pytest.approx(other.change, rel=1e-9, abs=1e-12)
    assert one.finding is other.finding


@given(PAIRS)
def test_the_change_lies_in_its_interval(pairs: list[tuple[float, float]]) -> None:
    found = effect_of(pairs, 0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.change is not None
    assert found.low <= found.change + 1e-12
    assert found.change <= found.high + 1e-12


def test_a_wider_margin_makes_equivalent_what_was_higher() -> None:
    pairs = [(10.0, 10.5 + number / 100) for number in range(10)]
    assert effect_of(pairs, 0.05).finding is Finding.HIGHER
    assert effect_of(pairs, 0.05, margin=0.2).finding is Finding.EQUIVALENT
