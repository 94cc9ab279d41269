import contextlib
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import units
from scenarios.units import DURATION_NS_MAX, UnitError


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("30s", 30_000_000_000),
        ("250ms", 250_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1.5s", 1_500_000_000),
        ("0s", 0),
        ("7us", 7_000),
        ("7µs", 7_000),
        ("3ns", 3),
        ("2d", 172_800_000_000_000),
        ("1m0.000000001s", 60_000_000_001),
    ],
)
def test_durations_are_exact(text: str, expected_ns: int) -> None:
    assert units.parse_duration(text) == expected_ns


@given(st.integers(0, DURATION_NS_MAX))
def test_every_duration_survives_a_file(duration_ns: int) -> None:
    assert units.parse_duration(units.format_duration(duration_ns)) == duration_ns


@pytest.mark.parametrize(
    "value",
    ["", "s", "30", "30 s", "30S", "-1s", "1s30m", "1s1s", "1e3s", "30sec", "400d", None, True, [], "٣s"],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(UnitError):
        units.parse_duration(value)


def test_a_bare_number_is_refused_with_both_ways_to_mean_it() -> None:
    with pytest.raises(UnitError) as caught:
        units.parse_duration(30)
    assert caught.value.message == "bare number 30 for a duration"
    assert caught.value.hint == "write 30s for seconds or 30ms for milliseconds"


PARSERS: tuple[Callable[[object], int | float | Fraction], ...] = (
    units.parse_duration,
    units.parse_ratio,
    units.parse_rate,
    units.parse_quantity,
    units.parse_cpu,
    units.parse_bytes,
)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_nothing_but_unit_errors_comes_out(value: object) -> None:
    for parse in PARSERS:
        with contextlib.suppress(UnitError):
            assert float(parse(value)) >= 0


@given(st.floats(0, 1))
def test_every_ratio_survives_a_file(ratio: float) -> None:
    assert units.parse_ratio(units.format_ratio(ratio)) == ratio


@given(st.floats(1e-9, 1e9))
def test_every_rate_survives_a_file(rate: float) -> None:
    assert units.parse_rate(units.format_rate(rate)) == pytest.approx(rate, rel=1e-15)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("95%", 0.95), (0.95, 0.95), ("100%", 1.0), (1, 1.0), ("0.5%", 0.005), ("99.9 %", 0.999)],
)
def test_ratios(value: object, expected: float) -> None:
    assert units.parse_ratio(value) == expected


def test_a_percentage_without_its_sign_is_refused_with_a_hint() -> None:
    with pytest.raises(UnitError) as caught:
        units.parse_ratio(95)
    assert caught.value.hint == "write 95%"


@pytest.mark.parametrize(
    ("text", "per_second"), [("5/s", 5), ("600/min", 10), ("1 / h", 1 / 3600), ("0.5/second", 0.5)]
)
def test_rates(text: str, per_second: float) -> None:
    assert units.parse_rate(text) == per_second


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("100m", Fraction(1, 10)),
        ("2", Fraction(2)),
        (2, Fraction(2)),
        (0.5, Fraction(1, 2)),
        ("64Mi", Fraction(64 * 2**20)),
        ("1e3", Fraction(1000)),
        ("12E", Fraction(12 * 10**18)),
        ("1.5Gi", Fraction(3 * 2**29)),
    ],
)
def test_quantities_are_exact(value: object, expected: Fraction) -> None:
    assert units.parse_quantity(value) == expected


def test_cpu_and_memory_are_integers_rounded_up() -> None:
    assert units.parse_cpu("4000m") == 4000
    assert units.parse_cpu("0.0001") == 1
    assert units.parse_bytes("8Gi") == 8 * 2**30
    assert units.parse_bytes("100m") == 1
