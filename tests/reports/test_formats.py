import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.formats import coordinates, half_width, interval, json_number, number, percent, quantity


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (12.3456, "12.35"), (0.0123456, "0.01235"), (123456, "123456"), (1234.56, "1235"),
        (99.999, "100.0"), (99999.6, "100000"), (0.00001234, "1.234e-05"), (-2.5, "-2.500"),
        (math.inf, "∞"), (-math.inf, "-∞"), (math.nan, "\N{EN DASH}"), (None, "\N{EN DASH}"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_what_is_printed_is_what_json_holds(value: float) -> None:
    held = json_number(value)
    assert held is not None
    assert float(number(value)) == held
    assert held == pytest.approx(value, rel=5.1e-4, abs=1e-300)


def test_half_widths_have_two_digits() -> None:
    assert [half_width(value) for value in (0.123, 1.26, 12.6, 126.4, 0, None)] == [
        "0.12", "1.3", "13", "130", "0", "\N{EN DASH}",
    ]  # fmt: skip


def test_ratios_are_printed_in_per_cent_and_times_in_seconds() -> None:
    assert quantity(0.95, "ratio") == "95 %"
    assert quantity(3.25, "s") == "3.250 s"
    assert quantity(7, "count") == "7"
    assert interval(0.5, 1.0, "ratio") == "[50, 100]"
    assert interval(None, 1.0, "ratio") == ""
    assert [percent(share) for share in (0.004, 0.125, 1)] == ["0.4 %", "12 %", "100 %"]


def test_points_are_written_by_their_paths() -> None:
    assert coordinates({"load.burst": 5, "engine.client.qps": 2.5, "x": True}) == (
        "load.burst=5, engine.client.qps=2.500, x=true"
    )
    assert coordinates({}) == "the only point"
