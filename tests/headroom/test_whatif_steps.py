"""Steps of a what-if: what they mean, and what they make of the values that files hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.whatif_steps import NotApplicable, parse_step, turned
from scenarios.units import SECOND_NS, UnitError, format_duration, parse_duration


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        (20, "x2", 40),
        (2, "+50%", 3),
        (3, "+50%", 5),  # more is rounded up
        (5, "-50%", 2),  # less is rounded down
        (1, "-50%", None),  # and never below one
        (3, "+1", 4),
        (1.0, "-50%", 0.5),
        ("30s", "-50%", "15s"),
        ("30s", "+5s", "35s"),
        ("17us", "-50%", "8500ns"),
        ("5/s", "x2", "10/s"),
        (
            {"dist": "lognormal", "median": "8s", "sigma": 0.3},
            "-50%",
            {"dist": "lognormal", "median": "4s", "sigma": 0.3},
        ),
        ({"dist": "empirical", "values": ["1s", "3s"]}, "x2", {"dist": "empirical", "values": ["2s", "6s"]}),
        ("fifo", "critical-path", "critical-path"),
        (False, "true", True),
        ("api", "api", None),
        ("unlimited", "x2", None),
        (None, "x2", None),
        (True, "x2", None),
        ("30s", "+5", None),
        (20, "+5s", None),
        ({}, "x2", None),
    ],
)
def test_a_step_of_a_value(before: Any, step: str, after: Any) -> None:
    if after is None:
        with pytest.raises(NotApplicable):
            turned(before, parse_step(step))
        return
    found = turned(before, parse_step(step))
    assert found == after
    assert type(found) is type(after)


@given(st.integers(1, 10**6), st.sampled_from(["x2", "+50%", "+1", "-50%", "-10%"]))
def test_what_is_counted_stays_whole_and_moves_the_way_it_should(before: int, text: str) -> None:
    try:
        after = turned(before, parse_step(text))
    except NotApplicable:
        assert before == 1
        return
    assert isinstance(after, int)
    assert (after > before) == (not text.startswith("-"))
    assert after >= 1


@given(st.integers(1, 3600), st.sampled_from(["x2", "+50%", "-50%", "-90%"]))
def test_times_of_kubernetes_stay_whole_seconds(seconds: int, text: str) -> None:
    before = format_duration(seconds * SECOND_NS)
    try:
        after = parse_duration(turned(before, parse_step(text), whole=SECOND_NS))
    except NotApplicable:
        assert seconds == 1
        return
    assert after % SECOND_NS == 0
    assert after >= SECOND_NS


@pytest.mark.parametrize("text", ["x0", "-100%", "-250%", "{", "+3weeks"])
def test_what_is_no_step(text: str) -> None:
    with pytest.raises(UnitError):
        parse_step(text)
