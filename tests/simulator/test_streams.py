"""Keyed randomness: fixed values, uniform, independent across keys, and the same in whatever order."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simulator.streams import Streams, entity, sampler

N = 20_000
SIGNIFICANCE = 1e-3  # seeds are fixed, so these are facts about the generator, not dice


def draws(name: str, seed: int = 1, replication: int = 0, ordinal: int = 0) -> np.ndarray:
    stream = Streams(seed, replication).stream(name)
    return np.array([stream.uniform(entity(f"pod-{key}"), ordinal) for key in range(N)])


def test_golden_values() -> None:
    """Recorded once. If they change, no run of an older version can be repeated: say so in the changelog."""
    assert entity("default/web-1") == 0xCA232A43B35DC3DF
    stream = Streams(20260101, 3).stream("pod.startup")
    assert [stream.uniform(entity("default/web-1"), ordinal) for ordinal in range(3)] == GOLDEN


GOLDEN = [0.25893382680425064, 0.012031170942609581, 0.8611466686147833]


@pytest.mark.parametrize("name", ["arrivals", "pod.startup", "apiserver.service"])
def test_values_are_uniform(name: str) -> None:
    counts, _ = np.histogram(draws(name), bins=100, range=(0, 1))
    assert stats.chisquare(counts).pvalue > SIGNIFICANCE
    assert stats.kstest(draws(name), "uniform").pvalue > SIGNIFICANCE


def test_neighbouring_integer_keys_are_uniform_too() -> None:
    """Requests are keyed by a base plus a count, not by a hash of their own."""
    stream = Streams(1, 0).stream("apiserver.service")
    values = np.array([stream.uniform(12_345 + key) for key in range(N)])
    assert stats.kstest(values, "uniform").pvalue > SIGNIFICANCE
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / math.sqrt(N)


@pytest.mark.parametrize(
    "other",
    [
        draws("pod.startup", ordinal=1),
        draws("pod.exit"),
        draws("pod.startup", replication=1),
        draws("pod.startup", seed=2),
        np.roll(draws("pod.startup"), 1),
    ],
    ids=["ordinal", "stream", "replication", "seed", "key"],
)
def test_nothing_is_correlated(other: np.ndarray) -> None:
    assert abs(np.corrcoef(draws("pod.startup"), other)[0, 1]) < 4 / math.sqrt(N)


def test_an_entity_keeps_its_value_whatever_the_order() -> None:
    """Common random numbers: what else is drawn, and when, changes nothing."""
    names = [f"pod-{number}" for number in range(50)]
    forward, backward = Streams(3, 1).stream("x"), Streams(3, 1).stream("x")
    there = {name: forward.uniform(entity(name)) for name in names}
    back = {name: backward.uniform(entity(name)) for name in reversed(names)}
    assert there == back
    assert len({*there.values()}) == len(names)


@given(st.integers(0, 2**64 - 1), st.integers(0, 10_000))
def test_a_uniform_lies_strictly_inside_the_interval(key: int, ordinal: int) -> None:
    assert 0.0 < Streams(0, 0).stream("s").uniform(key, ordinal) < 1.0


@pytest.mark.parametrize(
    ("distribution", "quantile"),
    [
        ({"dist": "constant", "value_s": 1.5}, lambda _u: 1.5),
        ({"dist": "uniform", "low_s": 1.0, "high_s": 3.0}, lambda u: 1.0 + 2.0 * u),
        ({"dist": "exponential", "mean_s": 2.0}, lambda u: -2.0 * math.log(u)),
        (
            {"dist": "lognormal", "median_s": 0.5, "sigma": 0.25},
            lambda u: 0.5 * math.exp(0.25 * NormalDist().inv_cdf(u)),
        ),
    ],
    ids=lambda value: value["dist"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_sampling_is_the_exact_inverse(
    distribution: dict[str, float], quantile: object, scale: float
) -> None:
    assert callable(quantile)
    sample = sampler(distribution, scale)
    for uniform in (1e-9, 0.01, 0.25, 0.5, 0.75, 0.99, 1 - 1e-9):
        expected = quantile(uniform) * scale * 1e9
        assert sample(uniform) == pytest.approx(expected, rel=1e-9, abs=0.51)


def test_an_unknown_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match="pareto"):
        sampler({"dist": "pareto"})
