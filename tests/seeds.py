"""Suites that are run by seed: many at once on several cores, and an account of those that fail."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

CHUNK = 20


@dataclass(frozen=True)
class Suite:
    """A suite: its module, what it does, how a seed is tried, and how one that fails is told of."""

    module: str
    summary: str
    try_seed: Callable[[int], list[Any]]
    account: Callable[[int, list[Any]], str]

    def failures_of(self, seeds: range, workers: int = 1) -> Iterator[str]:
        """Yield the accounts of the seeds that fail, in order of seeds."""
        chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
        if workers == 1 or len(chunks) == 1:
            for chunk in chunks:
                yield from _try_all(self, chunk)
            return
        with ProcessPoolExecutor(workers) as pool:
            for accounts in pool.map(partial(_try_all, self), chunks):
                yield from accounts

    def check(self, seeds: range, workers: int = 1) -> None:
        """Fail with the accounts of the first seeds that do."""
        accounts = list(self.failures_of(seeds, workers))
        assert not accounts, "\n\n".join(accounts[:3])

    def main(self, arguments: Iterable[str]) -> int:
        """Run the seeds that the command line names; return how many failed, at most 100."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=self.summary)
        parser.add_argument("seed", type=int, help="the first seed")
        parser.add_argument("--to", type=int, help="the seed after the last; the first alone if not given")
        parser.add_argument("--workers", type=int, default=2, help="processes")
        given = parser.parse_args(list(arguments))
        seeds = range(given.seed, given.to if given.to is not None else given.seed + 1)
        started = time.perf_counter()
        count = 0
        for text in self.failures_of(seeds, given.workers):
            count += 1
            sys.stdout.write(f"{text}\n\n")
            sys.stdout.flush()
        spent_s = time.perf_counter() - started
        each_ms = spent_s / max(1, len(seeds)) * 1e3
        sys.stdout.write(f"{len(seeds)} seeds, {count} failed, {spent_s:.1f} s, {each_ms:.1f} ms a seed\n")
        return min(count, 100)


def _try_all(suite: Suite, seeds: range) -> list[str]:
    return [suite.account(seed, violations) for seed in seeds if (violations := suite.try_seed(seed))]
