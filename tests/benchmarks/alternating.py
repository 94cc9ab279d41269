"""Ratios of rates, measured alternately in one process, so that a slow machine slows both sides."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any

import simpy

PROCESSES, TIMEOUTS = 100, 3_000
ROUNDS = 7


def bare_simpy() -> float:
    """Events a second of the yardstick: 100 SimPy processes that each yield 3,000 timeouts."""

    def process(env: simpy.Environment) -> Generator[simpy.Event, Any, None]:
        for _ in range(TIMEOUTS):
            yield env.timeout(1)

    env = simpy.Environment()
    for _ in range(PROCESSES):
        env.process(process(env))
    began = process_time()
    env.run()
    return PROCESSES * TIMEOUTS / (process_time() - began)


@dataclass(frozen=True)
class Ratio:
    """Medians of two rates, and of their ratio taken round by round."""

    name: str
    rate: float
    yardstick: float
    ratio: float
    target: float

    def report(self) -> None:
        verdict = "reached" if self.ratio >= self.target else "MISSED"
        print(
            f"\n{self.name}: {self.rate:,.0f}/s against {self.yardstick:,.0f}/s: "
            f"ratio {self.ratio:.4f}, target {self.target:g}: {verdict}"
        )


def alternate(
    name: str, rate: Callable[[], float], yardstick: Callable[[], float], target: float, rounds: int = ROUNDS
) -> Ratio:
    """Measure both `rounds` times in turn, after one round that does not count."""
    rate()
    pairs = [(yardstick(), rate()) for _ in range(rounds)]
    found = Ratio(
        name,
        median(measured for _, measured in pairs),
        median(bare for bare, _ in pairs),
        median(measured / bare for bare, measured in pairs),
        target,
    )
    found.report()
    return found
