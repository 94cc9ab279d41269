"""How often the harness's own statistics are right, measured where the truth is known.

Everything that estimates and judges is the product's; only the queues are numpy's. `python -m
tests.statistics` makes the whole study and writes its figures into docs/statistics.md.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from reports.columns import Floats, PointRuns
from reports.estimates import Estimate, estimate
from reports.intervals import share_bounds
from reports.looks import planned_looks
from reports.metrics import METRICS
from reports.paired import Finding, effect_of
from reports.regressions import Regression, judge_pairs
from reports.steady import cut
from reports.verdicts import Verdict
from scenarios.regression_schema import Rule
from tests.statistics.lanes import System, point

ERROR: Final = 0.025  # of each bound of a 95 % interval
PRECISION: Final = 0.05
SYSTEMS: Final = tuple(System(servers, rho) for servers in (1, 5) for rho in (0.7, 0.8, 0.9))
JOBS: Final = {0.7: 10_000, 0.8: 20_000, 0.9: 60_000}  # the busier, the longer it takes to forget
HURRIED: Final = 6  # so many times shorter, to see what that costs


@dataclass(frozen=True)
class Rate:
    """How often something happened in so many tries, with its exact 95 % bounds."""

    hits: int
    tries: int

    @property
    def share(self) -> float:
        return self.hits / self.tries

    @property
    def bounds(self) -> tuple[float, float]:
        found = share_bounds(self.hits, self.tries, ERROR)
        return found.low or 0.0, 1.0 if found.high is None else found.high

    def __str__(self) -> str:
        low, high = self.bounds
        return f"{self.share:.1%} [{low:.1%}, {high:.1%}]"


@dataclass(frozen=True)
class Coverage:
    """What became of the experiments on one queue."""

    system: System
    jobs: int
    n: str  # replications
    mean: Rate  # intervals of the mean that hold the truth, of those that there are
    p95: Rate | None
    bias: float  # of the mean, as a share
    refused: Rate  # called UNSTABLE or unsettled, though all of them are steady
    short: Rate  # with a number, and a warning that the run is less than ten times its warm-up
    cut_share: float  # median


@dataclass(frozen=True)
class Seen:
    """What one experiment says; nothing else of it is kept."""

    status: str
    cut_share: float
    mean: Estimate
    p95: Estimate | None

    @property
    def has_numbers(self) -> bool:
        return self.mean.value is not None


def measured(at: PointRuns, stat: str, error: float = ERROR) -> Estimate:
    return estimate(METRICS["execution_duration"], stat, at, error)


def coverage(system: System, experiments: int, shorter: int = 1, seed: int = 1) -> Coverage:
    """Return how often 95 % intervals of a steady experiment hold the truth, over 10 replications."""
    jobs, replications = JOBS[system.utilisation] // shorter, 10

    def once(number: int) -> Seen:
        at = cut(point(system, replications, jobs, [seed, number]), None)
        return _seen(at, measured(at, "mean"), measured(at, "p95"))

    return _coverage(system, jobs, str(replications), [once(number) for number in range(experiments)])


def sequential(system: System, experiments: int, *, spent: bool = True, seed: int = 2) -> Coverage:
    """Return the same where replications go on, 10-20-40-80, until the mean is known within 5 %.

    The error is divided over the looks, as the harness does, or not (`spent`), to see what that is for.
    """
    looks, jobs = planned_looks(10, 80), 4_000
    error = ERROR / len(looks) if spent else ERROR

    def once(number: int) -> Seen:
        whole = point(system, looks[-1], jobs, [seed, number])
        for look in looks:
            at = cut(PointRuns(0, {}, whole.replications[:look]), None)
            mean = measured(at, "mean", error)
            if look == looks[-1] or (mean.precision or math.inf) <= PRECISION:
                return _seen(at, mean, None)
        raise AssertionError("the last look ends it")

    n = f"10 to 80, until ±{PRECISION:.0%}"
    return _coverage(system, jobs, n, [once(number) for number in range(experiments)])


def _seen(at: PointRuns, mean: Estimate, p95: Estimate | None) -> Seen:
    assert at.settling is not None
    return Seen(at.settling.status, at.settling.cut_share, mean, p95)


def _coverage(system: System, jobs: int, n: str, seen: list[Seen]) -> Coverage:
    good = [one for one in seen if one.has_numbers]
    tails = [one.p95 for one in good if one.p95 is not None]
    return Coverage(
        system=system,
        jobs=jobs,
        n=n,
        mean=_holding([one.mean for one in good], system.mean),
        p95=_holding(tails, system.quantile(0.95)) if tails else None,
        bias=float(np.mean([one.mean.value for one in good])) / system.mean - 1,
        refused=Rate(len(seen) - len(good), len(seen)),
        short=Rate(sum(one.status == "short" for one in seen), len(seen)),
        cut_share=float(np.median([one.cut_share for one in seen])),
    )


def _holding(estimates: Iterable[Estimate], truth: float) -> Rate:
    bounds = [(one.low, one.high) for one in estimates if one.low is not None and one.high is not None]
    return Rate(sum(low <= truth <= high for low, high in bounds), len(bounds))


def unstable(utilisation: float, experiments: int, jobs: int = 8_000) -> Rate:
    """Return how often a queue that is offered more than it can carry is refused as UNSTABLE."""
    system = System(1, utilisation)
    found = [cut(point(system, 10, jobs, [3, number]), None).settling for number in range(experiments)]
    return Rate(sum(it is not None and it.status == "unstable" for it in found), experiments)


def means_of(system: System, replications: int, jobs: int, seed: list[int]) -> Floats:
    """Return one mean a replication, the warm-up (a tenth) left out."""
    runs = point(system, replications, jobs, seed).replications
    return np.array([float(np.mean(run.execution_duration_s[jobs // 10 :])) for run in runs])


def false_alarms(system: System, tries: int, replications: int = 10, first: int = 0) -> Rate:
    """Return how often the gate, without a margin, is red between equal settings with *different* dice.

    With the same dice they are equal to the last digit, and nothing is ever found.
    """
    rule = Rule(metric="execution_duration", worse_than=0, better_than=0)
    red = 0
    for number in range(first, first + tries):
        before, after = (means_of(system, replications, 2_000, [4, number, side]) for side in (0, 1))
        blank = Regression(rule, "s", {}, Verdict.NO_DATA)
        red += judge_pairs(blank, list(before), list(after), 0.05).verdict is Verdict.FAIL
    return Rate(red, tries)


def at_the_margin(tries: int, replications: int = 10, margin: float = 0.03) -> dict[str, Rate]:
    """Return how often a change of exactly the margin is found beyond it: the worst that may be.

    By the gate and by `compare`; the dice are common, so that pairs differ by a per cent.
    """
    rule = Rule(metric="execution_duration", worse_than=margin)
    red = higher = 0
    for number in range(tries):
        dice = np.random.default_rng([5, number])
        before = dice.lognormal(0, 0.2, replications)
        after = before * (1 + margin) * dice.lognormal(0, 0.01, replications)
        blank = Regression(rule, "s", {}, Verdict.NO_DATA)
        red += judge_pairs(blank, list(before), list(after), 0.05).verdict is Verdict.FAIL
        pairs = list(zip(before, after, strict=True))
        higher += effect_of(pairs, 0.05, margin).finding is Finding.HIGHER
    return {"gate": Rate(red, tries), "compare": Rate(higher, tries)}


def slower(system: System, tries: int, replications: int = 10, by: float = 1.03) -> dict[str, Rate]:
    """Return how often a server that is 3 % slower is found, with common and with independent dice."""
    rule = Rule(metric="execution_duration", worse_than=0)
    red = {"common": 0, "independent": 0}
    for number in range(tries):
        before = means_of(system, replications, 2_000, [6, number, 0])
        for name, seed in (("common", 0), ("independent", 1)):
            after = _slowed(system, replications, [6, number, seed], by)
            blank = Regression(rule, "s", {}, Verdict.NO_DATA)
            found = judge_pairs(blank, list(before), list(after), 0.05)
            red[name] += found.verdict is Verdict.FAIL and found.finding == "worse"
    return {name: Rate(count, tries) for name, count in red.items()}


def _slowed(system: System, replications: int, seed: list[int], by: float) -> Floats:
    """A server that takes longer for the same work: the clock of arrivals runs faster, seen from it."""
    quick = System(system.servers, system.utilisation * by)
    return means_of(quick, replications, 2_000, seed) * by
