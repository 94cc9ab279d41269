"""The search for the factor at which a verdict flips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.sensitivity import PRECISION, Flip, bracket


@given(st.floats(1, 64))
def test_the_flip_is_bracketed_within_the_precision(threshold: float) -> None:
    asked: list[float] = []

    def holds(factor: float) -> bool:
        asked.append(factor)
        return factor <= threshold

    flip = bracket(holds, 16)
    assert flip.held is not None
    assert flip.held <= threshold
    if flip.flipped is None:
        assert flip.held == 16
        assert threshold >= 16
    else:
        assert flip.flipped > threshold
        assert flip.flipped / flip.held <= PRECISION
    assert len(asked) <= 12  # each is a set of runs


def test_what_does_not_hold_now_flips_at_once() -> None:
    flip = bracket(lambda _: False, 16)
    assert (flip.held, flip.flipped) == (None, 1.0)


@pytest.mark.parametrize("up_to", [1.5, 3.0, 16.0])
def test_what_always_holds_held_to_the_end_of_the_range(up_to: float) -> None:
    asked: list[float] = []

    def holds(factor: float) -> bool:
        asked.append(factor)
        return True

    assert bracket(holds, up_to) == Flip(held=up_to, flipped=None)
    assert max(asked) == up_to
