"""Rows C and V17: request latencies, throughputs and bindings of the control plane measurements.

Closed loops of 1, 8 and 32 threads; the reference is the median over the measured runs, whose single
latencies differ by up to a factor of 2. The work of requests was set from the processor time at 8 and 32
threads, so throughputs there are fits; latencies, and all that 1 thread sees, are predictions, as is every
figure of evictions and bindings.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from headroom.validation import bindings, requests
from headroom.validation.bench import Bench
from headroom.validation.laboratory import deployment
from headroom.validation.row import Kind, Row, Settings
from scenarios import CATALOGUE
from simulator.agenda import Agenda
from simulator.cluster.etcd import Etcd
from simulator.streams import Streams, sampler

SOURCE: Final = "control-plane measurements, "
NEAR: Final = (0.66, 1.5)
AIM: Final = (0.5, 2.0)
SHARE_NEAR: Final = 0.8
RUNS: Final = 3
LIGHT_COMMITS: Final = 1_000
LIGHT_COMMIT_MS: Final = 1.0
SETTLED_NS: Final = 40_000_000_000
"""When pods that exist at time 0 run for sure."""

_LISTED = [deployment("listed", requests.LISTED)]
_SCALED = [deployment(f"scaled-{number}", 0) for number in range(8)]
_PODS, _GATED = "pods", "gated"
Ask = Callable[[Bench, int], Any]
OPERATIONS: Final[Mapping[str, tuple[Any, Ask]]] = {
    "get_pod": (_LISTED, requests.get_pod),
    "get_pod_raw": (_LISTED, partial(requests.get_pod, raw=True)),
    "list_pods_raw": (_LISTED, requests.list_pods),
    "list_pods_rv0_raw": (_LISTED, partial(requests.list_pods, cached=True)),
    "patch_scale": (_SCALED, requests.patch_scale),
    "patch_scale_same": (_SCALED, partial(requests.patch_scale, same=True)),
    "create_gated": ([], partial(requests.create_pod, gated=True)),
    "delete_gated": (_GATED, requests.delete_pod),
    "create_pod": ([], requests.create_pod),
    "delete_pod": (_PODS, requests.delete_pod),
    "evict_pod": (_PODS, requests.evict_pod),
}

FIGURES: Final[Mapping[tuple[str, int], tuple[int, float, float, float]]] = {
    ("get_pod", 1): (500, 5.4, 7.7, 177.0),
    ("get_pod_raw", 1): (500, 3.6, 5.1, 263.7),
    ("list_pods_raw", 1): (100, 11.4, 17.5, 82.1),
    ("list_pods_rv0_raw", 1): (100, 9.2, 13.1, 102.4),
    ("patch_scale", 1): (200, 9.2, 17.3, 91.5),
    ("patch_scale_same", 1): (64, 8.6, 17.3, 101.2),
    ("create_gated", 1): (96, 8.9, 14.6, 97.2),
    ("delete_gated", 1): (96, 11.2, 14.5, 86.2),
    ("create_pod", 1): (84, 20.4, 36.8, 45.2),
    ("delete_pod", 1): (28, 9.8, 13.0, 96.9),
    ("evict_pod", 1): (28, 100.1, 108.8, 10.1),
    ("get_pod", 8): (1000, 22.0, 42.1, 351.5),
    ("get_pod_raw", 8): (1000, 11.4, 21.6, 624.8),
    ("list_pods_raw", 8): (200, 49.9, 94.8, 141.6),
    ("list_pods_rv0_raw", 8): (200, 50.7, 101.0, 136.2),
    ("patch_scale", 8): (400, 30.4, 55.2, 237.6),
    ("patch_scale_same", 8): (128, 32.9, 62.0, 205.2),
    ("create_gated", 8): (192, 30.2, 53.4, 237.6),
    ("delete_gated", 8): (192, 49.3, 75.6, 152.2),
    ("create_pod", 8): (84, 69.7, 116.4, 101.6),
    ("delete_pod", 8): (28, 34.9, 51.9, 183.8),
    ("evict_pod", 8): (28, 109.1, 151.8, 68.4),
    ("get_pod", 32): (2000, 84.4, 181.0, 316.8),
    ("get_pod_raw", 32): (2000, 46.1, 72.2, 658.0),
    ("list_pods_raw", 32): (400, 154.9, 273.1, 196.4),
    ("list_pods_rv0_raw", 32): (400, 149.1, 315.1, 191.1),
    ("patch_scale", 32): (800, 119.7, 200.9, 283.5),
    ("patch_scale_same", 32): (256, 131.4, 264.6, 220.8),
    ("create_gated", 32): (384, 135.9, 217.0, 217.9),
    ("delete_gated", 32): (384, 145.7, 272.4, 190.4),
    ("create_pod", 32): (84, 136.3, 200.8, 175.6),
    ("delete_pod", 32): (28, 80.4, 110.3, 206.7),
    ("evict_pod", 32): (28, 225.4, 273.7, 90.8),
}
"""(operation, threads) -> (requests, median and p90 of the latency in ms, requests a second)."""

BINDINGS: Final[Mapping[int, tuple[float, float]]] = {1: (7.2, 12.7), 30: (116.1, 158.6), 100: (198.3, 522.3)}
"""Pods at once -> median and p90 from seen to bound, in ms (pods.csv)."""


def rows(settings: Settings) -> Iterator[Row]:
    """Ask as they did, then say how many metrics are near."""
    made = [row for key in FIGURES for row in _request_rows(*key, settings)]
    yield from made
    near = sum(NEAR[0] <= row.ratio <= NEAR[1] for row in made) / len(made)
    yield Row(
        "C", "share of the requests' metrics within [0.66, 1.5]", "", SHARE_NEAR, "bound", near, None, None,
        len(made), (1.0, 2.0), SOURCE + "api_summary.csv",
    )  # fmt: skip
    for n, figures in BINDINGS.items():
        yield from _binding_rows(n, figures, settings)
    yield Row(
        "V17", "etcd under light load: mean of a commit", "ms", LIGHT_COMMIT_MS, "bound",
        light_commit_ms(settings.seed), None, None, LIGHT_COMMITS, (0.0, 1.0), "etcd.io op-guide/performance",
    )  # fmt: skip


def light_commit_ms(seed: int) -> float:
    """Return the mean latency of commits of which there is one each 100 ms."""
    agenda = Agenda()
    fsync = sampler(CATALOGUE["etcd.fsync"].value)
    etcd = Etcd(agenda, fsync, Streams(seed, 0).stream("etcd.fsync"))
    took: list[int] = []

    def commit(_entry: Any) -> None:
        began = agenda.now
        etcd.commit(lambda _event: took.append(agenda.now - began))

    for number in range(LIGHT_COMMITS):
        agenda.after(number * 100_000_000, commit)
    agenda.run()
    return float(np.mean(took)) / 1e6


def loop(operation: str, threads: int, count: int, seed: int, replication: int) -> requests.Loop:
    """Carry out one closed loop in the model."""
    objects, ask = OPERATIONS[operation]
    if isinstance(objects, str):
        objects = [requests.pod(f"made-{number}", gated=objects == _GATED) for number in range(count)]
    bench = Bench(objects, seed, replication, watching=False)
    if OPERATIONS[operation][0] == _PODS:
        bench.until_ns(SETTLED_NS)
    return requests.close(bench, threads, count, partial(ask, bench))


def _request_rows(operation: str, threads: int, settings: Settings) -> Iterator[Row]:
    count, median, p90, throughput = FIGURES[operation, threads]
    made = [loop(operation, threads, count, settings.seed, run) for run in range(RUNS)]
    source = SOURCE + "api_summary.csv"
    name = f"{operation}, {threads} at once"
    for what, quantile, reference in (("median", 50, median), ("p90", 90, p90)):
        model = float(np.median([np.percentile(one.latencies_ms, quantile) for one in made]))
        yield Row(
            "C",
            f"{name}: {what}",
            "ms",
            reference,
            "prediction",
            model,
            None,
            None,
            count * RUNS,
            AIM,
            source,
        )
    model = float(np.median([one.throughput for one in made]))
    kind: Kind = "prediction" if threads == 1 or operation == "evict_pod" else "fit"
    yield Row("C", f"{name}: throughput", "1/s", throughput, kind, model, None, None, RUNS, AIM, source)


def _binding_rows(n: int, figures: tuple[float, float], settings: Settings) -> Iterator[Row]:
    runs = settings.replications * (4 if n == 1 else 1)
    made = [bindings.burst(settings.seed, run, n) for run in range(runs)]
    values = np.concatenate([marks.between_ms(marks.seen, marks.bound) for marks in made])
    for name, quantile, reference in zip(("median", "p90"), (50, 90), figures, strict=True):
        model = float(np.percentile(values, quantile))
        yield Row(
            "C", f"{n} pods at once, from seen to bound: {name}", "ms", reference, "prediction", model, None,
            None, len(values), NEAR, SOURCE + "pods.csv",
        )  # fmt: skip
