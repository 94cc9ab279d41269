"""`python -m tests.storms SEED [--to SEED] [--workers N]`: run seeds, and account for those that fail."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.storms.account import account, try_seed

CHUNK = 20


def _try_all(seeds: range) -> list[str]:
    """Return the accounts of the seeds that fail."""
    return [account(seed, violations) for seed in seeds if (violations := try_seed(seed))]


def failures_of(seeds: range, workers: int) -> Iterator[str]:
    """Yield the accounts of the seeds that fail, in order of seeds."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    if workers == 1 or len(chunks) == 1:
        for chunk in chunks:
            yield from _try_all(chunk)
        return
    with ProcessPoolExecutor(workers) as pool:
        for accounts in pool.map(_try_all, chunks):
            yield from accounts


def main(arguments: Iterable[str]) -> int:
    """Return how many seeds failed, at most 100."""
    parser = argparse.ArgumentParser(prog="python -m tests.storms", description="Storm the modelled cluster.")
    parser.add_argument("seed", type=int, help="the first seed")
    parser.add_argument("--to", type=int, help="the seed after the last; the first alone if it is not given")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    given = parser.parse_args(list(arguments))
    seeds = range(given.seed, given.to if given.to is not None else given.seed + 1)
    started = time.perf_counter()
    count = 0
    for text in failures_of(seeds, given.workers):
        count += 1
        sys.stdout.write(f"{text}\n\n")
        sys.stdout.flush()
    spent_s = time.perf_counter() - started
    sys.stdout.write(f"{len(seeds)} seeds, {count} failed, {spent_s:.1f} s\n")
    return min(count, 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
