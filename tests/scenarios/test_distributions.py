from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.distributions import format_distribution, mean_s, parse_distribution, quantile
from scenarios.units import UnitError

WRITTEN: list[tuple[object, dict[str, Any]]] = [
    ("2ms", {"dist": "constant", "value_s": 0.002}),
    ({"dist": "constant", "value": "2ms"}, {"dist": "constant", "value_s": 0.002}),
    ({"dist": "uniform", "low": "1s", "high": "3s"}, {"dist": "uniform", "low_s": 1.0, "high_s": 3.0}),
    ({"dist": "exponential", "mean": "2s"}, {"dist": "exponential", "mean_s": 2.0}),
    (
        {"dist": "lognormal", "median": "8s", "sigma": 0.3},
        {"dist": "lognormal", "median_s": 8.0, "sigma": 0.3},
    ),
]


@pytest.mark.parametrize(("written", "json"), WRITTEN)
def test_files_and_specs_say_the_same(written: object, json: dict[str, Any]) -> None:
    assert parse_distribution(written) == json
    assert parse_distribution(format_distribution(json)) == json


@pytest.mark.parametrize(
    "written",
    [
        2,
        {"dist": "normal", "mean": "2s"},
        {"dist": "exponential"},
        {"dist": "exponential", "mean": 2},
        {"dist": "exponential", "mean": "2s", "median": "2s"},
        {"dist": "uniform", "low": "3s", "high": "1s"},
        {"dist": "lognormal", "median": "0s", "sigma": 0.3},
        {"dist": "lognormal", "median": "1s", "sigma": "0.3"},
        {"dist": "lognormal", "median": "1s", "sigma": -1},
        {},
        [],
        None,
    ],
)
def test_nonsense_is_refused(written: object) -> None:
    with pytest.raises(UnitError):
        parse_distribution(written)


@pytest.mark.parametrize(("_written", "json"), WRITTEN)
def test_quantiles_have_the_stated_mean_and_never_fall(_written: object, json: dict[str, Any]) -> None:
    inverse = quantile(json)
    drawn = [inverse((index + 0.5) / 20_000) for index in range(20_000)]
    assert drawn == sorted(drawn)
    assert fmean(drawn) == pytest.approx(mean_s(json) * 1e9, rel=2e-3)
    assert drawn[0] >= json.get("value_s", json.get("low_s", 0.0)) * 1e9


@given(st.floats(0, 1), st.sampled_from([json for _, json in WRITTEN]), st.floats(0, 1000))
def test_quantiles_are_finite_and_not_negative_up_to_the_ends(
    uniform: float, json: dict[str, Any], scale: float
) -> None:
    assert quantile(json, scale)(uniform) >= 0


def test_the_median_of_a_lognormal_is_its_median_and_scales() -> None:
    json = parse_distribution({"dist": "lognormal", "median": "8s", "sigma": 0.3})
    assert quantile(json)(0.5) == 8_000_000_000
    assert quantile(json, 2.0)(0.5) == 16_000_000_000
