"""The whole study: `python -m tests.statistics` writes its figures into docs/statistics.md."""

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.statistics.lanes import System
from tests.statistics.study import (
    HURRIED,
    SYSTEMS,
    Coverage,
    Rate,
    at_the_margin,
    coverage,
    false_alarms,
    sequential,
    slower,
    unstable,
)

PAGE: Final = Path(__file__).parents[2] / "docs" / "statistics.md"
BEGIN, END = "<!-- figures: make coverage -->", "<!-- end of figures -->"
QUEUE: Final = System(1, 0.7)
HEADS: Final = (
    "queue", "utilisation", "jobs a replication", "replications", "mean covered", "p95 covered",
    "bias of the mean", "refused", "too short", "cut, median",
)  # fmt: skip
NAIVE: Final = "stopped at ±5 % with the whole error at every look"


@dataclass(frozen=True)
class Figures:
    """What the study found."""

    experiments: int
    coverages: tuple[Coverage, ...]
    hurried: tuple[Coverage, ...]
    sequential: tuple[Coverage, ...]
    sequential_naive: tuple[Coverage, ...]
    false_alarms: Rate
    at_the_margin: dict[str, Rate]
    slower: dict[str, Rate]
    unstable: dict[float, Rate]


def study(experiments: int) -> Figures:
    """Make the study, each of `experiments` as often as it says, spread over the cores."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:

        def later(work: Callable[..., Any], *given: Any, **named: Any) -> Future[Any]:
            return pool.submit(partial(work, *given, **named))

        few = max(1, experiments // 2)
        covered = [later(coverage, system, experiments) for system in reversed(SYSTEMS)]
        hurried = [later(coverage, system, experiments, HURRIED) for system in SYSTEMS]
        spent = [later(sequential, System(1, rho), few) for rho in (0.7, 0.8)]
        naive = [later(sequential, System(1, rho), few, spent=False) for rho in (0.7, 0.8)]
        alarms = later(false_alarms, QUEUE, 4 * experiments)
        edge = later(at_the_margin, 4 * experiments)
        found = later(slower, QUEUE, experiments)
        refused = {rho: later(unstable, rho, few) for rho in (1.05, 1.1)}
        return Figures(
            experiments=experiments,
            coverages=tuple(it.result() for it in reversed(covered)),
            hurried=tuple(it.result() for it in hurried),
            sequential=tuple(it.result() for it in spent),
            sequential_naive=tuple(it.result() for it in naive),
            false_alarms=alarms.result(),
            at_the_margin=edge.result(),
            slower=found.result(),
            unstable={rho: it.result() for rho, it in refused.items()},
        )


def tables(figures: Figures) -> str:
    """Return the figures as Markdown."""
    return "\n".join(
        [
            f"{figures.experiments:,} experiments a row of the first table; in brackets exact 95 % bounds.",
            "",
            "| " + " | ".join(HEADS) + " |",
            "|" + "--|" * len(HEADS),
            *(_row(it) for it in (*figures.coverages, *figures.hurried, *figures.sequential)),
            "",
            "| question | measured | tries |",
            "|--|--|--|",
            *(
                _line(f"mean covered, {it.system.name} at {it.system.utilisation}, {NAIVE}", it.mean)
                for it in figures.sequential_naive
            ),
            _line("gate without margin, equal settings, other dice: red", figures.false_alarms),
            _line("gate, a change of exactly its margin: red", figures.at_the_margin["gate"]),
            _line("compare, a change of exactly its margin: beyond it", figures.at_the_margin["compare"]),
            _line("gate, a server 3 % slower, 10 replications, common dice: red", figures.slower["common"]),
            _line("the same with independent dice", figures.slower["independent"]),
            *(
                _line(f"offered {rho:.0%} of what can be carried: refused as UNSTABLE", rate)
                for rho, rate in figures.unstable.items()
            ),
        ]
    )


def _row(it: Coverage) -> str:
    cells = (
        it.system.name,
        it.system.utilisation,
        f"{it.jobs:,}",
        it.n,
        it.mean,
        "" if it.p95 is None else it.p95,
        f"{it.bias:+.2%}",
        f"{it.refused.share:.1%}",
        f"{it.short.share:.1%}",
        f"{it.cut_share:.2%}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _line(words: str, rate: Rate) -> str:
    return f"| {words} | {rate} | {rate.tries} |"


def written(page: str, text: str) -> str:
    """Return the page with the figures between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    """Make the study and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.statistics", description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000, help="of each row (default: 1000)")
    asked = parser.parse_args()
    text = tables(study(asked.experiments))
    sys.stdout.write(text + "\n")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
