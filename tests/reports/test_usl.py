"""The scalability law: published fits to four digits, an independent optimiser, and what it refuses."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from reports.columns import Floats
from reports.usl import UslFit, fit, fit_all, law

# SPEC SDM91 and a ray tracer, as in N. J. Gunther, Guerrilla Capacity Planning (2007), tables 4.1 and 5.1,
# and in the R package usl (smoeding/usl, BSD-2), whose test outputs are the published fits.
SPECSDM91 = (
    (1, 18, 36, 72, 108, 144, 216),
    (64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2),
)
RAYTRACER = (
    (1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64),
    (20, 78, 130, 170, 190, 200, 210, 230, 260, 280, 310),
)
SYNTHETIC = ((1, 2, 4, 6, 8, 10), (1, 1.8868, 3.0769, 3.5294, 3.5398, 3.3557))


def to(digits: int, value: float) -> str:
    return f"{value:.{digits - 1}e}"


def test_specsdm91_is_fitted_as_published() -> None:
    found = fit(*SPECSDM91)
    assert to(4, found.rate) == to(4, 89.995)
    assert to(4, found.contention) == to(4, 0.02773)
    assert to(4, found.coherency) == to(4, 1.0437e-4)
    assert found.peak_load == pytest.approx(96.51956, abs=5e-5)
    assert found.peak_throughput == pytest.approx(1884, abs=0.5)
    assert found.limit == pytest.approx(3245.589, abs=5e-3)
    assert found.optimal_load == pytest.approx(36.06401, abs=5e-4)
    published = (90, 1078, 1541, 1850, 1879, 1822, 1646)
    assert [round(found.throughput(load)) for load in SPECSDM91[0]] == list(published)
    efficiency = (1, 1078 / 90 / 18)
    assert [found.efficiency(load) for load in (1, 18)] == pytest.approx(efficiency, abs=1e-3)


def test_efficiency_by_the_book() -> None:
    """Published: throughput measured over the law's linear growth, .7211 for the first of 64.9."""
    found = fit(*SPECSDM91)
    shares = [x / (found.rate * n) for n, x in zip(*SPECSDM91, strict=True)]
    assert shares == pytest.approx([0.7211, 0.6148, 0.5100, 0.2860, 0.1882, 0.1370, 0.0876], abs=5e-5)


def test_raytracer_first_six_points() -> None:
    found = fit(RAYTRACER[0][:6], RAYTRACER[1][:6])
    assert (to(4, found.contention), to(3, found.coherency), to(5, found.rate)) == (
        to(4, 0.02444),
        to(3, 0.00163),
        to(5, 20.856),
    )


def test_all_of_the_raytracer_has_no_finite_peak() -> None:
    found = fit(*RAYTRACER)
    assert found.coherency == 0.0
    assert found.peak_load is None
    assert found.peak_throughput is None
    assert found.contention > 0  # it is limited all the same
    assert found.limit is not None
    assert found.limit > max(RAYTRACER[1])


def test_the_synthetic_set() -> None:
    found = fit(*SYNTHETIC)
    assert (found.contention, found.coherency, found.rate) == pytest.approx((0.02, 0.02, 1.0), abs=1e-5)
    assert found.peak_load == pytest.approx(7, abs=1e-3)


def test_the_published_sets_are_those_of_the_reference_data(reference_data: Path) -> None:
    for name, (loads, values) in (
        ("specsdm91.csv", SPECSDM91),
        ("raytracer.csv", RAYTRACER),
        ("usl_pkg_synthetic.csv", SYNTHETIC),
    ):
        with (reference_data / "usl" / name).open(encoding="utf-8") as stream:
            rows = [tuple(map(float, row)) for row in list(csv.reader(stream))[1:]]
        assert rows == [tuple(map(float, pair)) for pair in zip(loads, values, strict=True)]


@pytest.mark.parametrize("line", range(4))
def test_every_row_of_the_published_fits(reference_data: Path, line: int) -> None:
    with (reference_data / "usl" / "usl_published_fits.csv").open(encoding="utf-8") as stream:
        row = list(csv.DictReader(stream))[line]
    name, count = row["dataset"].split(" ")[0], int(row["n_points"])
    columns = {"oracledb": ("db_time", "txn_rate")}.get(name)
    with (reference_data / "usl" / f"{name}.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))[:count]
    load, value = columns or list(table[0])
    found = fit([float(item[load]) for item in table], [float(item[value]) for item in table])
    assert len(table) == count
    for value_found, column in (
        (found.contention, "sigma"),
        (found.coherency, "kappa"),
        (found.rate, "lambda"),
    ):
        assert value_found == pytest.approx(float(row[f"recomputed_{column}"]), rel=1e-4)
    assert found.peak_load == pytest.approx(float(row["recomputed_peak_N"]), rel=1e-4)


def independent(loads: list[float], values: list[float], weights: list[float]) -> float:
    """The least squared error by another optimiser, from many starts, in the law's own parameters."""
    at, seen, weight = np.array(loads), np.array(values), np.array(weights)
    errors = []

    def missed(parameters: Floats) -> Floats:
        missing: Floats = weight * (law(at, *parameters) - seen)
        return missing

    for contention in (1e-4, 0.03, 0.3, 0.9):
        for coherency in (1e-6, 1e-3, 0.1):
            start = [float(seen.max() / at.max()), contention, coherency]
            found = least_squares(
                missed,
                start,
                bounds=([1e-9, 0, 0], [np.inf, 1, np.inf]),
                x_scale=[start[0], 0.1, 0.01],
                xtol=1e-12,
                ftol=1e-12,
            )
            errors.append(float(2 * found.cost))
    return min(errors)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_no_other_optimiser_finds_a_better_fit(seed: int) -> None:
    dice = np.random.default_rng(seed)
    loads = np.unique(dice.integers(1, 100, size=dice.integers(6, 12))).astype(float)
    if len(loads) < 4:
        return
    rate, contention, coherency = dice.uniform(0.1, 100), dice.uniform(0, 1) ** 3, dice.uniform(0, 1) ** 6
    values = law(loads, rate, contention, coherency) * dice.lognormal(
        0, dice.uniform(0, 0.3), size=len(loads)
    )
    weights = dice.uniform(0.2, 5, size=len(loads)) / values
    other = independent(list(loads), list(values), list(weights))
    if np.isnan(fit_all(loads, values[None], list(weights))).any():
        falling = 1 / (loads - 1)  # what remains of the law when one alone is infinitely fast
        level = float(sum(weights**2 * falling * values) / sum((weights * falling) ** 2))
        assert sum((weights * (level * falling - values)) ** 2) <= other * (1 + 1e-6)
        return
    found = fit(list(loads), list(values), list(weights))
    error = float(sum((weights * (law(loads, found.rate, found.contention, found.coherency) - values)) ** 2))
    assert error <= other * (1 + 1e-6) + 1e-12
    assert found.rate > 0
    assert 0 <= found.contention <= 1
    assert found.coherency >= 0


def test_many_at_once_are_fitted_as_each_by_itself() -> None:
    dice = np.random.default_rng(7)
    loads = np.array([1, 2, 5, 10, 20, 50.0])
    values = law(loads, 3, 0.05, 0.001) * dice.lognormal(0, 0.2, size=(50, 6))
    each = [fit(list(loads), list(row)) for row in values]
    rows = [(item.rate, item.contention, item.coherency) for item in each]
    assert np.array(rows) == pytest.approx(fit_all(loads, values), rel=1e-6, abs=1e-9)
    assert {item.coherency == 0 for item in each} == {True, False}  # both kinds are among them


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_the_unit_of_the_throughput_changes_only_the_rate(unit: float) -> None:
    plain, scaled = fit(*SPECSDM91), fit(SPECSDM91[0], [value * unit for value in SPECSDM91[1]])
    assert scaled.rate == pytest.approx(plain.rate * unit, rel=1e-9)
    assert (scaled.contention, scaled.coherency) == pytest.approx(
        (plain.contention, plain.coherency), rel=1e-7
    )


def test_linear_growth_is_linear_growth() -> None:
    found = fit((1, 2, 4, 8, 16, 32), (2, 4, 8, 16, 32, 64))
    assert (found.rate, found.contention, found.coherency) == pytest.approx((2, 0, 0), abs=1e-9)
    assert (found.peak_load, found.limit, found.optimal_load) == (None, None, None)


def test_a_constant_is_pure_contention() -> None:
    found = fit((1, 2, 4, 8, 16, 32), (5, 5, 5, 5, 5, 5))
    assert (found.rate, found.contention, found.coherency) == pytest.approx((5, 1, 0), abs=1e-9)


def test_weights_decide_which_points_the_law_must_meet() -> None:
    loads, values = (1, 2, 4, 8, 16, 32), (1, 1.9, 3.5, 6, 9, 20)
    trusting = fit(loads, values, (100, 100, 100, 100, 100, 0.01))
    assert abs(trusting.throughput(16) / 9 - 1) < 0.02
    assert abs(fit(loads, values).throughput(16) / 9 - 1) > 0.1


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="2 different loads"):
        fit((1, 2, 2), (1, 2, 2))
    with pytest.raises(ValueError, match="falls from the smallest load on"):
        fit((10, 20, 30, 40), (1, 0.4, 0.2, 0.1))
    with pytest.raises(ValueError, match="above zero"):
        fit((1, 2, 3), (1, 0, 2))
    with pytest.raises(ValueError, match="above zero"):
        fit((1, 2, 3), (1, 1, 2), (1, 1, 0))


def test_the_worst_miss_is_the_share_by_which_the_law_is_off() -> None:
    found = UslFit(1.0, 0.0, 0.0, (1.0, 2.0), (1.0, 1.6))
    assert found.worst_miss == pytest.approx(0.25)
