from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.quantities import (
    QuantityError,
    amount,
    cpu_millis,
    format_bytes,
    format_cpu,
    resource_amount,
)


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("100m", 100),
        ("2", 2000),
        ("0.1", 100),
        ("1e1", 10_000),
        ("100u", 1),
        ("1n", 1),
        ("0.0001", 1),
        ("1500.5m", 1501),
        ("+1k", 1_000_000),
        ("-100m", -100),
        ("-0.0001", -1),
        (2, 2000),
        (0.25, 250),
    ],
)
def test_cpu_is_millicores_rounded_away_from_zero(text: str | float, millis: int) -> None:
    assert cpu_millis(text) == millis


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("256Mi", 268_435_456),
        ("1.5Gi", 1_610_612_736),
        ("0.1Ki", 103),
        ("128974848", 128_974_848),
        ("129e6", 129_000_000),
        ("129M", 129_000_000),
        ("1E", 10**18),
        ("1E3", 1000),
        ("500m", 1),
        ("1e-3", 1),
        ("7Ei", 7 << 60),
        (8192, 8192),
        ("0e99", 0),
    ],
)
def test_amounts_are_whole_units_rounded_up(text: str | float, count: int) -> None:
    assert amount(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 Gi",
        "1gi",
        "1KiB",
        "1mi",
        "0x1",
        "1e",
        "--1",
        ".",
        "1,5",
        "nan",
        "inf",
        "1e9999",
        "-",
        "1" * 65,
    ],
)
def test_what_is_not_a_quantity_is_quoted(text: str) -> None:
    with pytest.raises(QuantityError) as caught:
        amount(text)
    assert repr(text[:64]) in str(caught.value)


@pytest.mark.parametrize("value", [True, None, [], float("nan")])
def test_values_of_another_type_are_refused(value: object) -> None:
    with pytest.raises(QuantityError, match="is not a Kubernetes quantity"):
        amount(value)  # type: ignore[arg-type]  # a snapshot is JSON: anything may stand there


def test_beyond_64_bits_is_refused() -> None:
    assert amount("7Ei") == 7 << 60
    with pytest.raises(QuantityError, match="64-bit"):
        amount("8Ei")


def test_cpu_alone_is_counted_in_thousandths() -> None:
    assert resource_amount("cpu", "1") == 1000
    assert resource_amount("nvidia.com/gpu", "1") == 1


@given(st.integers(min_value=0, max_value=2**53))
def test_formats_are_read_back_exactly(count: int) -> None:
    assert cpu_millis(format_cpu(count)) == count
    assert amount(format_bytes(count)) == count


@given(
    st.decimals(min_value=0, max_value=10**9, places=4),
    st.sampled_from(
        [
            ("n", Decimal(10) ** -9),
            ("m", Decimal("0.001")),
            ("", Decimal(1)),
            ("k", Decimal(1000)),
            ("Mi", Decimal(2**20)),
        ]
    ),
)
def test_agrees_with_decimal_arithmetic(number: Decimal, unit: tuple[str, Decimal]) -> None:
    suffix, factor = unit
    exact = number * factor
    assert amount(f"{number}{suffix}") == int(exact.to_integral_value(rounding="ROUND_CEILING"))
