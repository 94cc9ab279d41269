"""The timings of single operations of the control plane measurements, made one after the other."""

from collections.abc import Callable
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from headroom.validation.batches import THREAD_NS
from headroom.validation.bench import Bench, Thread
from headroom.validation.laboratory import deployment
from simulator.attribution import root
from simulator.cluster.objects import is_active, is_ready, key_of

PAUSE_NS = 300_000_000
"""Between two operations, as measured."""

REPLICAS = 3
Times = dict[str, list[float]]


def take(seed: int, replication: int, n: int, **more: Any) -> Times:
    """Return how long each kind of operation took, n times, in ms."""
    bench = Bench([deployment("web", 1)], seed, replication, **more)
    times: Times = {}
    bench.threads([_all(bench, n, times)], THREAD_NS)
    return times


def _all(bench: Bench, n: int, times: Times) -> Thread:
    for number in range(n):
        yield from _timed(bench, times, "scale_1_to_3", _scale(bench, 3, f"up/{number}"))
        yield from _timed(bench, times, "scale_3_to_1_gone", _scale(bench, 1, f"down/{number}"))
    yield from _scale(bench, 3, "up")
    for number in range(n):
        yield from _rollout(bench, times, str(number))
        yield PAUSE_NS
    for kind in ("evict_replace", "delete_replace", "delete_now_replace"):
        for number in range(n):
            yield from _timed(bench, times, kind, _replace(bench, kind, number))
            yield from bench.until(lambda: len(bench.of("web")) == REPLICAS)  # the old one is gone too


def _timed(bench: Bench, times: Times, kind: str, story: Thread) -> Thread:
    began = bench.agenda.now
    yield from story
    times.setdefault(kind, []).append((bench.agenda.now - began) / 1e6)
    yield PAUSE_NS


def _scale(bench: Bench, replicas: int, name: str) -> Thread:
    operation = partial(
        bench.store.patch, Ref("Deployment", "web", "default"), {"spec": {"replicas": replicas}}
    )
    yield bench.write(operation, f"scale/{name}", ("patch", "Deployment"))
    yield from bench.until(lambda: len(bench.of("web")) == replicas and bench.is_whole("web", replicas))


def _renewed(bench: Bench, old: dict[tuple[str, str], str]) -> Callable[[], int]:
    def count() -> int:
        return sum(
            is_active(pod) and is_ready(pod) and old.get(key_of(pod)) != pod["metadata"]["uid"]
            for pod in bench.of("web")
        )

    return count


def _rollout(bench: Bench, times: Times, mark: str) -> Thread:
    old = {key_of(pod): pod["metadata"]["uid"] for pod in bench.of("web")}
    changes = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": mark}}}}}
    began = bench.agenda.now
    operation = partial(bench.store.patch, Ref("Deployment", "web", "default"), changes)
    yield bench.write(operation, f"rollout/{mark}", ("patch", "Deployment"))
    count = _renewed(bench, old)
    yield from bench.until(lambda: count() >= len(old))
    times.setdefault("rolling_restart_3", []).append((bench.agenda.now - began) / 1e6)
    yield from bench.until(
        lambda: all(old.get(key_of(pod)) != pod["metadata"]["uid"] for pod in bench.of("web"))
    )
    times.setdefault("rolling_restart_3_old_gone", []).append((bench.agenda.now - began) / 1e6)


def _replace(bench: Bench, kind: str, number: int) -> Thread:
    old = {key_of(pod): pod["metadata"]["uid"] for pod in bench.of("web")}
    pods = sorted(bench.of("web"), key=key_of)
    pod: Resource = pods[number % len(pods)]
    namespace, name = key_of(pod)
    ref, uid = Ref("Pod", name, namespace), pod["metadata"]["uid"]
    if kind == "evict_replace":
        key = bench.key(f"{kind}/{number}")
        yield bench.cluster.evictions.evict(bench.client, ref, uid, key, root(bench.agenda.now))
    elif kind == "delete_now_replace":
        yield bench.force(ref, uid, f"{kind}/{number}")
    else:
        operation = partial(bench.store.delete, ref, uid=uid)
        yield bench.write(operation, f"{kind}/{number}", ("delete", "Pod"))
    count = _renewed(bench, old)
    yield from bench.until(lambda: count() >= 1)
