"""What a rule says of values before and after: verdicts, error rates, waivers. Everything is seeded."""

import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy import stats

from reports.regressions import Regression, corrected, judge_pairs, sign_of, waived
from reports.verdicts import Verdict
from scenarios.regression_schema import Rule, Waiver

ALPHA = 0.05


def rule(metric: str = "makespan", **given: Any) -> Rule:
    return Rule.model_validate({"metric": metric, **given})


def judged(before: Any, after: Any, unit: str = "s", **given: Any) -> Regression:
    blank = Regression(rule(**given), unit, {}, Verdict.NO_DATA)
    return judge_pairs(blank, list(map(float, before)), list(map(float, after)), ALPHA)


def noisy(seed: int, factor: float, n: int = 10, spread: float = 0.01) -> tuple[Any, Any]:
    """Values that vary much from one replication to the next, and changes that vary little."""
    dice = np.random.default_rng(seed)
    before = 10 * np.exp(dice.normal(0, 0.3, n))
    return before, before * factor * np.exp(dice.normal(0, spread, n))


def test_the_interval_is_the_paired_t_interval_of_log_ratios() -> None:
    before, after = noisy(1, 1.1)
    logs = np.log(after / before)
    low, high = stats.t.interval(0.95, 9, loc=logs.mean(), scale=stats.sem(logs))
    found = judged(before, after)
    assert found.change == pytest.approx(math.expm1(logs.mean()))
    assert (found.low, found.high) == pytest.approx((math.expm1(low), math.expm1(high)))
    two_sided = 2 * stats.ttest_1samp(logs, math.log(1.03), alternative="greater").pvalue
    assert found.probability == pytest.approx(two_sided)
    assert (found.verdict, found.finding) == (Verdict.FAIL, "worse")


@pytest.mark.parametrize(
    ("factor", "verdict", "finding"),
    [
        (1.0, Verdict.PASS, "within the margin"),
        (1.03, Verdict.INCONCLUSIVE, "undecided"),
        (1.10, Verdict.FAIL, "worse"),
        (0.9, Verdict.PASS, "within the margin"),
        (0.5, Verdict.FAIL, "better beyond belief"),
    ],
)
def test_both_sides_are_judged(factor: float, verdict: Verdict, finding: str) -> None:
    found = judged(*noisy(2, factor))
    assert (found.verdict, found.finding) == (verdict, finding)


@pytest.mark.parametrize(
    ("metric", "unit"), [("executions_per_second", "1/s"), ("executions_completed_ratio", "ratio")]
)
def test_less_of_a_throughput_is_worse(metric: str, unit: str) -> None:
    assert sign_of(metric, unit) == -1
    assert judged(*noisy(3, 0.9), unit=unit, metric=metric).finding == "worse"
    assert judged(*noisy(3, 1.1), unit=unit, metric=metric).verdict is Verdict.PASS


def test_equal_values_pass_even_without_any_margin() -> None:
    found = judged([1, 2, 0], [1, 2, 0], worse_than=0, better_than=0)
    assert (found.verdict, found.finding, found.equal) == (Verdict.PASS, "the same", 3)
    assert judged([1, 2, 3], [1, 2, 3.0001], worse_than=0, better_than=0).verdict is Verdict.INCONCLUSIVE


def test_no_values_are_no_data_and_never_pass() -> None:
    nothing = math.nan
    for before, after in (
        ([], []),
        ([nothing] * 3, [1, 2, 3]),
        ([1, 2, 3], [nothing] * 3),
        ([1, 2], [1, nothing]),
    ):
        found = judged(before, after)
        assert found.verdict is Verdict.NO_DATA
        assert found.reason


def test_one_pair_decides_nothing() -> None:
    assert judged([1], [1]).verdict is Verdict.INCONCLUSIVE
    assert judged([1], [9]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("before", "after", "verdict", "finding"),
    [
        ([5.0] * 10, [math.inf] * 10, Verdict.FAIL, "worse"),
        ([5.0] * 10, [5.0] * 9 + [math.inf], Verdict.INCONCLUSIVE, "undecided"),
        ([0.0] * 10, [1.0] * 10, Verdict.FAIL, "worse"),
        ([1.0] * 10, [0.0] * 10, Verdict.FAIL, "better beyond belief"),
        ([math.inf] * 3, [math.inf] * 3, Verdict.PASS, "the same"),
        ([0.0] * 5 + [1.0] * 5, [1.0] * 5 + [0.0] * 5, Verdict.INCONCLUSIVE, "undecided"),
    ],
)
def test_what_has_no_ratio_is_judged_by_the_sign_test(
    before: list[float], after: list[float], verdict: Verdict, finding: str
) -> None:
    found = judged(before, after)
    assert (found.verdict, found.finding) == (verdict, finding)
    leaps = [a < b for a, b in zip(before, after, strict=True) if a != b]
    if leaps:
        assert found.probability == pytest.approx(stats.binomtest(sum(leaps), len(leaps)).pvalue)


def test_false_alarms_stay_below_five_per_cent_at_the_edge_of_the_margin() -> None:
    """The worst case: the true change is exactly the margin; the bound is binomial for 1000 tries."""
    alarms = sum(judged(*noisy(seed, 1.03)).verdict is Verdict.FAIL for seed in range(1000))
    assert alarms <= stats.binom.ppf(0.999, 1000, ALPHA / 2)


def test_no_change_that_is_no_regression_passes_and_a_true_one_never_does() -> None:
    passes = sum(judged(*noisy(seed, 1.0)).verdict is Verdict.PASS for seed in range(300))
    assert passes >= 295
    wrong = sum(judged(*noisy(seed, 1.05)).verdict is Verdict.PASS for seed in range(300))
    assert wrong == 0


def test_the_power_that_is_told_is_the_power_there_is() -> None:
    """Where the gate says "95 % power", it finds that regression in about 95 % of tries."""
    spread, n, found = 0.02, 10, 0
    from reports.power import detectable

    smallest = detectable(math.log1p(0.03), spread, n, ALPHA)
    assert smallest is not None
    tries = 1500
    for seed in range(tries):
        dice = np.random.default_rng(seed)
        before = np.full(n, 10.0)
        found += judged(before, before * np.exp(dice.normal(smallest, spread, n))).verdict is Verdict.FAIL
    assert 0.93 <= found / tries <= 0.97


def test_holm_keeps_many_rules_from_raising_false_alarms() -> None:
    families = 0
    for seed in range(200):
        rows = [judged(*noisy(seed * 20 + number, 1.03)) for number in range(20)]
        families += any(row.verdict is Verdict.FAIL for row in corrected(rows, ALPHA))
    assert families <= stats.binom.ppf(0.999, 200, ALPHA)
    clear = corrected([judged(*noisy(number, 1.5)) for number in range(20)], ALPHA)
    assert {row.verdict for row in clear} == {Verdict.FAIL}


def test_what_holm_takes_back_is_undecided_and_says_so() -> None:
    rows = [judged(*noisy(seed, 1.042)) for seed in range(40)]
    alone = [row.verdict for row in rows]
    together = corrected(rows, ALPHA)
    changed = [after for before, after in zip(alone, together, strict=True) if before is not after.verdict]
    assert changed
    assert all("Holm" in row.reason and row.verdict is Verdict.INCONCLUSIVE for row in changed)


def test_a_waiver_waives_failures_until_its_day_and_never_missing_data() -> None:
    waiver = Waiver(rule="makespan-mean", until=date(2026, 6, 1), reason="known")
    [row] = waived([judged([], [])], [waiver], date(2026, 5, 1))
    assert not row.waived
    [failed] = waived([judged(*noisy(1, 2))], [waiver], date(2026, 6, 1))
    assert failed.waived
    [late] = waived([judged(*noisy(1, 2))], [waiver], date(2026, 6, 2))
    assert not late.waived
    assert "expired on 2026-06-01" in late.reason
