"""Rows C: remediations and timings of a real control plane with simulated kubelets, on two cores.

Measured for this project (`headroom.validation.bench` says on what); the figures are the measurements'
own quantiles. With the reference data, every batch and operation that the files hold is made in the model,
in experiments of as many repetitions as were measured: like is compared with like, as the p90 of four batches
lies below that of many. A row holds the mean over experiments.
One parameter set serves all rows. What it was set from is marked *fit*: the processor time of requests at 8
and 32 at once gave the work of each, the bursts of 20 and the drains what waking the client's threads costs.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from headroom.validation import batches, timings
from headroom.validation.batches import Batch
from headroom.validation.bench import DEPLOYMENTS
from headroom.validation.estimates import mean_of
from headroom.validation.row import Kind, Row, Settings

SOURCE: Final = "control-plane measurements, "
NEAR: Final = (0.9, 1.1)
AIM: Final = (0.8, 1.25)
SHARE_NEAR: Final = 0.9
OBSERVATIONS: Final = 200
EXPERIMENTS_MAX: Final = 8
"""Experiments made for each replication asked for: so many observations in all, if they are short."""
TIMED: Final = 30
"""Timings of each kind in one experiment."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of batch, as remediations.csv has it."""

    experiment: str
    n: int
    steps: int = 1
    qps: float | None = None
    burst: int = 1
    repetitions: int = 1

    @property
    def observations(self) -> int:
        """Count about the completions of one experiment."""
        each = 1 if self.experiment == "rollout_restart" else self.n * max(1, self.steps)
        return self.repetitions * each

    @property
    def kind(self) -> Kind:
        """Say whether parameters were set from it."""
        fitted = self.experiment == "drain_pdb_none" or (self.experiment == "burst_restart" and self.n == 20)
        return "fit" if fitted else "prediction"

    def __str__(self) -> str:
        """Name it in a row."""
        steps = f" x {self.steps}" if self.experiment == "chain_restart" else ""
        limits = f" at {self.qps:g}/{self.burst}" if self.qps else ""
        return f"{self.experiment} {self.n}{steps}{limits}"


FIGURES: Final[
    Mapping[Case, tuple[float, float, float]]
] = {  # median, p90 of completion, mean makespan, in s
    Case("burst_restart", 1, 1, 20.0, 30, 12): (1.337, 2.087, 1.363),
    Case("burst_restart", 5, 1, 20.0, 30, 12): (1.866, 2.301, 2.105),
    Case("burst_restart", 20, 1, 20.0, 30, 10): (3.465, 3.942, 3.578),
    Case("burst_restart", 5, 1, 5.0, 10, 8): (2.062, 2.359, 2.291),
    Case("chain_restart", 1, 10, 20.0, 30, 4): (7.425, 13.718, 14.425),
    Case("rollout_restart", 1, 5, repetitions=4): (3.183, 3.509, 3.166),
    Case("scale_storm", 30, repetitions=3): (2.721, 5.125, 6.025),
    Case("create_storm", 30, repetitions=2): (3.020, 5.257, 5.809),
    Case("drain_pdb_none", 9, 0, 20.0, 30, 1): (1.565, 1.689, 1.749),
    Case("drain_pdb_none", 13, 0, 20.0, 30, 2): (2.352, 2.651, 2.702),
}
TIMINGS: Final[Mapping[str, tuple[float, float]]] = {  # median and p90, in ms, of 30 each
    "scale_1_to_3": (1669, 2173),
    "scale_3_to_1_gone": (925, 1045),
    "rolling_restart_3": (4318, 5226),
    "rolling_restart_3_old_gone": (4857, 5944),
    "evict_replace": (1490, 2028),
    "delete_replace": (1228, 2046),
    "delete_now_replace": (1245, 1974),
}


def rows(settings: Settings) -> Iterator[Row]:
    """Make every batch and take every timing, then say how many metrics are near."""
    made = [*_batch_rows(settings), *_timing_rows(settings)]
    yield from made
    near = sum(NEAR[0] <= row.ratio <= NEAR[1] for row in made) / len(made)
    yield Row(
        "C", "share of these metrics within 10 %", "", SHARE_NEAR, "bound", near, None, None, len(made),
        (1.0, 2.0), SOURCE + "remediations.csv, workload.csv",
    )  # fmt: skip


def _batch_rows(settings: Settings) -> Iterator[Row]:
    figures = read_batches(settings.data) if settings.data is not None else FIGURES
    for case, (median, p90, makespan) in figures.items():
        yield from _rows_of(case, (median, p90, makespan), settings)


def _experiments(settings: Settings, observations: int) -> int:
    return settings.replications * min(EXPERIMENTS_MAX, max(1, OBSERVATIONS // observations))


def _rows_of(case: Case, figures: tuple[float, float, float], settings: Settings) -> Iterator[Row]:
    count = _experiments(settings, case.observations)
    found = [_experiment(case, settings.seed, number) for number in range(count)]
    names = ("median of completion", "p90 of completion", "makespan")
    for name, reference, values in zip(names, figures, zip(*found, strict=True), strict=True):
        yield Row(
            "C", f"{case}: {name}", "s", reference, case.kind, *mean_of(values), AIM,
            SOURCE + "remediations.csv",
        )  # fmt: skip


def _experiment(case: Case, seed: int, number: int) -> tuple[float, float, float]:
    """Make as many batches as were measured; return their median and p90 of completion and mean makespan."""
    first = number * case.repetitions
    made = [make(case, seed, first + repetition) for repetition in range(case.repetitions)]
    return _figures_of([done for batch in made for done in batch.done], [batch.makespan for batch in made])


def _figures_of(done: Sequence[float], makespans: Sequence[float]) -> tuple[float, float, float]:
    return (
        float(np.percentile(done, 50)),
        float(np.percentile(done, 90)),
        float(np.mean(makespans)),
    )


def make(case: Case, seed: int, replication: int, parameters: Mapping[str, Any] | None = None) -> Batch:
    """Make one batch in the model."""
    more: dict[str, Any] = {"parameters": parameters} if parameters else {}
    limits: dict[str, Any] = {"qps": case.qps, "burst": case.burst}
    match case.experiment:
        case "burst_restart":
            return batches.burst_restart(seed, replication, case.n, **limits, **more)
        case "chain_restart":
            return batches.chain_restart(seed, replication, case.n, case.steps, **limits, **more)
        case "rollout_restart":
            names = tuple(DEPLOYMENTS)[: case.n]
            return batches.rollout_restart(seed, replication, names, **limits, **more)
        case "scale_storm":
            return batches.scale_storm(seed, replication, case.n, **limits, **more)
        case "create_storm":
            return batches.create_storm(seed, replication, case.n, **limits, **more)
        case "drain_pdb_none":
            return batches.drain(seed, replication, case.n, **limits, **more)
        case other:
            message = (
                f"remediations.csv: unknown experiment {other!r}; known: those of headroom.validation.batches"
            )
            raise ValueError(message)


def read_batches(data: Path) -> dict[Case, tuple[float, float, float]]:
    """Return the figures of every kind of batch in the reference data."""
    done: dict[Case, list[float]] = {}
    makespans: dict[Case, dict[str, float]] = {}
    with (data / "control-plane" / "remediations.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            steps = 0 if line["experiment"] == "drain_pdb_none" else int(line["steps"])  # there: 429s
            qps = float(line["qps"]) if line["qps"] else None
            case = Case(line["experiment"], int(line["n"]), steps, qps, int(line["burst"] or 1))
            done.setdefault(case, []).append(float(line["done_s"]))
            makespans.setdefault(case, {})[line["rep"]] = float(line["makespan_s"])
    return {
        replace(case, repetitions=len(makespans[case])): _figures_of(values, list(makespans[case].values()))
        for case, values in done.items()
    }


def _timing_rows(settings: Settings) -> Iterator[Row]:
    figures = _read_timings(settings.data) if settings.data is not None else TIMINGS
    count = _experiments(settings, TIMED)
    taken = [timings.take(settings.seed, number, TIMED) for number in range(count)]
    for kind, reference in figures.items():
        for name, quantile, figure in zip(("median", "p90"), (50, 90), reference, strict=True):
            values = [float(np.percentile(times[kind], quantile)) for times in taken]
            yield Row(
                "C", f"{kind}: {name}", "ms", figure, "prediction", *mean_of(values), AIM,
                SOURCE + "workload.csv",
            )  # fmt: skip


def _read_timings(data: Path) -> dict[str, tuple[float, float]]:
    found: dict[str, list[float]] = {}
    with (data / "control-plane" / "workload.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            found.setdefault(line["kind"], []).append(float(line["total_ms"]))
    return {
        kind: (float(np.percentile(values, 50)), float(np.percentile(values, 90)))
        for kind, values in found.items()
    }
