"""Rows V8 and V9: how long pods take to start, on a small cluster of today and on one of 2015.

V8, kube-burner PR#200: an idle small cluster with the image present; medians of PodScheduled 5 ms,
Initialized 25 ms, Ready 1,472 ms after the creation was seen. The API is as fast as others measured it
(GET 1.12 ms and CREATE 2.4 ms at the median, kubewharf/kubegateway benchmark), so PodScheduled is a
prediction; the times to Initialized and Ready were fitted.

V9, Kubernetes blog 2015/09 and test/e2e/density.go of that year: 100 nodes that hold 3, 7.5, 15 and 30 pause
pods each; then one more pod a node, five a second. Latency is from the creation's timestamp, which is in
whole seconds, to the watch event of phase Running: half a second is of the clock. Kubelets had no PLEG yet.
How long a start takes, and by which share longer for each pod that the node holds, was fitted to the medians
of the emptiest and the fullest cluster; all else is predicted.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from engine.core.effects import Resource
from headroom.validation.estimates import mean_of
from headroom.validation.laboratory import SECOND_NS, Laboratory, bare_pod, constant, node
from headroom.validation.row import Kind, Row, Settings
from scenarios.parameter import lognormal
from simulator.attribution import Link, root
from simulator.cluster.objects import condition_of

_SMALL = "kube-burner PR#200"
_STAGES: Final[Mapping[str, tuple[float, Kind]]] = {
    "PodScheduled": (5.0, "prediction"),
    "Initialized": (25.0, "fit"),
    "Ready": (1472.0, "fit"),
}
_IDLE: Final = {
    "apiserver.service.read": lognormal(0.00112, 0.3),
    "apiserver.service.write": lognormal(0.0024, 0.3),
}
_SMALL_NODES = 3
_SMALL_PODS = 150
_EVERY_NS = 5_370_000_000  # no multiple of PLEG's period: pods meet all of its phases

_DENSITY = "Kubernetes blog 2015/09; test/e2e/density.go"
_PERCENTS: Final = (50, 90, 99)
_STARTUP_S: Final = {  # pods on the cluster -> percentiles
    300: (0.90, 1.29, 1.59),
    750: (1.08, 1.49, 1.86),
    1500: (1.33, 1.72, 2.56),
    3000: (1.94, 2.50, 4.32),
}
_DENSITY_NODES = 100
# What the scheduler's scores take a pod without requests for.
_CPU, _MEMORY = "100m", "200Mi"
_OF_2015: Final = {
    "kubelet.pleg_period": 0.001,
    "kubelet.volume_setup": constant(0.0),
    "kubelet.container_start": lognormal(0.26, 0.25),
    "kubelet.start_slower_per_pod": 0.146,
}


def rows(settings: Settings) -> Iterator[Row]:
    """Start pods on both clusters."""
    small = [_small(settings.seed, number) for number in range(settings.replications)]
    for stage, (reference, kind) in _STAGES.items():
        model, low, high, n = mean_of([float(np.median(one[stage])) for one in small])
        metric = f"pod start, small cluster: {stage}, median"
        yield Row("V8", metric, "ms", reference, kind, model, low, high, n, (0.9, 1.1), _SMALL)
    for pods, references in _STARTUP_S.items():
        started = [_density(pods, settings.seed, number) for number in range(settings.replications)]
        for percent, reference in zip(_PERCENTS, references, strict=True):
            fitted = percent == _PERCENTS[0] and pods in (min(_STARTUP_S), max(_STARTUP_S))
            model, low, high, n = mean_of([float(np.percentile(one, percent)) for one in started])
            metric = f"pod start, 100 nodes of 2015 with {pods} pods: p{percent}"
            kind = "fit" if fitted else "prediction"
            yield Row("V9", metric, "s", reference, kind, model, low, high, n, (0.66, 1.5), _DENSITY)


def _small(seed: int, replication: int) -> dict[str, list[float]]:
    """Create pods one by one; return how long each took to each stage, in ms."""
    nodes = [node(f"node-{number}") for number in range(_SMALL_NODES)]
    laboratory = Laboratory(nodes, seed, replication, parameters=_IDLE)
    created: dict[str, int] = {}
    reached: dict[str, dict[str, float]] = {stage: {} for stage in _STAGES}

    def written(kind: str, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        if kind != "Pod" or after is None:
            return
        name, now = after["metadata"]["name"], laboratory.agenda.now
        since = created.setdefault(name, now)
        for stage, times in reached.items():
            if name not in times and condition_of(after, stage) == "True":
                times[name] = (now - since) / 1e6

    laboratory.store.published.append(written)
    _create_pods(laboratory, [number * _EVERY_NS for number in range(_SMALL_PODS)])
    laboratory.run((_SMALL_PODS + 4) * _EVERY_NS)
    return {stage: list(times.values()) for stage, times in reached.items()}


def _density(pods: int, seed: int, replication: int) -> list[float]:
    """Start one more pod a node on a cluster that holds `pods`; return the latencies as told, in s."""
    objects: list[Mapping[str, Any]] = [node(f"node-{number}") for number in range(_DENSITY_NODES)]
    objects += [
        bare_pod(f"old-{number}", f"node-{number % _DENSITY_NODES}", cpu=_CPU, memory=_MEMORY)
        for number in range(pods)
    ]
    laboratory = Laboratory(objects, seed, replication, parameters=_OF_2015)
    created: dict[str, int] = {}
    latencies: dict[str, float] = {}

    def written(kind: str, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        if kind != "Pod" or after is None:
            return
        name, now = after["metadata"]["name"], laboratory.agenda.now
        since = created.setdefault(name, now // SECOND_NS * SECOND_NS)
        if name not in latencies and after["status"]["phase"] == "Running":
            latencies[name] = (now - since) / SECOND_NS

    laboratory.store.published.append(written)
    # Nothing bound the test's first creation to a whole second of the server's clock.
    first = laboratory.streams.stream("density.first").uniform(replication)
    at_ns = [round((first + number / 5) * SECOND_NS) for number in range(_DENSITY_NODES)]
    _create_pods(laboratory, at_ns)
    laboratory.run(60 * SECOND_NS)
    return [latencies[f"new-{number}"] for number in range(_DENSITY_NODES)]


def _create_pods(laboratory: Laboratory, at_ns: Sequence[int]) -> None:
    for number, at in enumerate(at_ns):
        pod = bare_pod(f"new-{number}", cpu=_CPU, memory=_MEMORY)
        laboratory.agenda.after(at, partial(_create, laboratory, pod))


def _create(laboratory: Laboratory, pod: Resource, _entry: None) -> None:
    laboratory.store.create(pod, root(laboratory.agenda.now))
