"""The batches of remediations and the timings of the control plane measurements, made in the model."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine.core.effects import Ref, Resource
from headroom.validation.bench import DEPLOYMENTS, Bench, Thread, production
from headroom.validation.laboratory import deployment
from simulator.attribution import root
from simulator.cluster.objects import is_active, is_ready, key_of
from simulator.streams import Streams

PODS_A_NODE_MAX = 10
"""More of the 25 pods are on one node only after another was cordoned."""
THREAD_NS = 2_000_000
"""Work of starting a thread, and of what it does before its first request."""


@dataclass
class Batch:
    """What one batch took, in seconds since its start."""

    done: list[float] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    @property
    def makespan(self) -> float:
        """The end of the last."""
        return max(self.done)


def _delete(bench: Bench, pod: Resource, name: str, grace_s: int | None = None) -> Any:
    namespace, pod_name = key_of(pod)
    uid = pod["metadata"]["uid"]
    ref = Ref("Pod", pod_name, namespace)
    return bench.write(lambda link: bench.store.delete(ref, link, uid, grace_s), name, ("delete", "Pod"))


def _restart(bench: Bench, pod: Resource, name: str, batch: Batch) -> Thread:
    """Get a pod, delete it, wait until it is gone and its Deployment whole."""
    namespace, pod_name = key = key_of(pod)
    app = pod["metadata"]["labels"]["app"]
    uid = pod["metadata"]["uid"]
    yield bench.read(lambda _link: bench.store.get(Ref("Pod", pod_name, namespace)), f"{name}/get")
    yield bench.decoding()
    yield _delete(bench, pod, f"{name}/delete")
    yield bench.decoding()
    batch.asked.append(bench.now_s)
    yield from bench.until(lambda: key not in bench.pods or bench.pods[key]["metadata"]["uid"] != uid)
    batch.gone.append(bench.now_s)
    yield from bench.until(lambda: bench.is_whole(app, DEPLOYMENTS[app][0]))
    batch.done.append(bench.now_s)


def _drawn(bench: Bench, seed: int, replication: int, count: int) -> list[Resource]:
    """Draw pods without putting back."""
    stream = Streams(seed, replication).stream("bench.targets")
    pods = [bench.pods[key] for key in sorted(bench.pods)]
    order = sorted(range(len(pods)), key=stream.uniform)
    return [pods[number] for number in order[:count]]


def burst_restart(seed: int, replication: int, n: int, qps: float | None, burst: int, **more: Any) -> Batch:
    """Restart n pods at once."""
    bench = Bench(production(), seed, replication, qps=qps, burst=burst, **more)
    batch = Batch()
    pods = _drawn(bench, seed, replication, n)
    bench.threads([_restart(bench, pod, f"{i}", batch) for i, pod in enumerate(pods)], THREAD_NS)
    return batch


def chain_restart(
    seed: int, replication: int, n: int, steps: int, qps: float | None, burst: int, **more: Any
) -> Batch:
    """Let n workflows each restart one pod after the other."""
    bench = Bench(production(), seed, replication, qps=qps, burst=burst, **more)
    batch = Batch()
    stream = Streams(seed, replication).stream("bench.targets")

    def chain(number: int) -> Thread:
        for step in range(steps):
            pods = [pod for _, pod in sorted(bench.pods.items()) if is_active(pod)]
            chosen = pods[int(stream.uniform(step, number) * len(pods))]
            yield from _restart(bench, chosen, f"{number}/{step}", batch)

    bench.threads([chain(number) for number in range(n)], THREAD_NS)
    return batch


def rollout_restart(
    seed: int, replication: int, names: tuple[str, ...] = ("api-gateway",), **more: Any
) -> Batch:
    """Give Deployments a new template annotation at once."""
    bench = Bench(production(), seed, replication, **more)
    batch = Batch()
    bench.threads([_rollout(bench, name, DEPLOYMENTS[name][0], batch) for name in names], THREAD_NS)
    return batch


def _rollout(bench: Bench, name: str, replicas: int, batch: Batch, mark: str = "1") -> Thread:
    old = {key: pod["metadata"]["uid"] for key, pod in bench.pods.items() if pod in bench.of(name)}
    changes = {"spec": {"template": {"metadata": {"annotations": {"restartedAt": mark}}}}}
    ref = Ref("Deployment", name, "default")
    yield bench.write(
        lambda link: bench.store.patch(ref, changes, link), f"{name}/patch/{mark}", ("patch", "Deployment")
    )
    batch.asked.append(bench.now_s)

    def renewed() -> bool:
        new = [pod for pod in bench.of(name) if old.get(key_of(pod)) != pod["metadata"]["uid"]]
        return sum(is_active(pod) and is_ready(pod) for pod in new) >= replicas

    yield from bench.until(renewed)
    ready = bench.now_s
    yield from bench.until(
        lambda: not any(old.get(key_of(pod)) == pod["metadata"]["uid"] for pod in bench.of(name))
    )
    batch.gone.append(bench.now_s)
    batch.done.append(max(ready, bench.now_s))
    return ready


def _scale(bench: Bench, name: str, replicas: int, batch: Batch) -> Thread:
    ref = Ref("Deployment", name, "default")
    changes = {"spec": {"replicas": replicas}}
    operation = partial(bench.store.patch, ref, changes)
    yield bench.write(operation, f"{name}/scale/{bench.agenda.now}", ("patch", "Deployment"))
    batch.asked.append(bench.now_s)


def scale_storm(seed: int, replication: int, n: int, **more: Any) -> Batch:
    """Scale n Deployments of one replica to two at once."""
    bench = Bench([deployment(f"storm-{i}", 1) for i in range(n)], seed, replication, **more)
    batch = Batch()
    names = [f"storm-{i}" for i in range(n)]
    _recorded(bench, names, 2, batch, [_scale(bench, name, 2, batch) for name in names])
    return batch


def create_storm(seed: int, replication: int, n: int, **more: Any) -> Batch:
    """Create n Deployments of one replica at once."""
    bench = Bench(production(), seed, replication, **more)
    batch = Batch()

    def create(name: str) -> Thread:
        yield bench.write(partial(bench.store.create, deployment(name, 1)), name, ("create", "Deployment"))
        yield bench.decoding()
        batch.asked.append(bench.now_s)

    names = [f"storm-{i}" for i in range(n)]
    _recorded(bench, names, 1, batch, [create(name) for name in names])
    return batch


def _recorded(bench: Bench, names: list[str], replicas: int, batch: Batch, threads: list[Thread]) -> None:
    """Let threads ask, and one that watches record when each workload has its pods."""

    def record() -> Thread:
        waited = dict.fromkeys(names)

        def some() -> bool:
            for name in [name for name in waited if bench.is_whole(name, replicas)]:
                del waited[name]
                batch.done.append(bench.now_s)
            return not waited

        yield from bench.until(some)

    bench.threads([record(), *threads], THREAD_NS)


def drain(seed: int, replication: int, n: int, qps: float | None, burst: int, **more: Any) -> Batch:
    """Cordon the node with n pods, or as near as there is one, and evict them at once."""
    bench = Bench(
        production(), seed, replication, qps=qps, burst=burst, cordoned=int(n > PODS_A_NODE_MAX), **more
    )
    batch = Batch()
    on = Counter(pod["spec"]["nodeName"] for pod in bench.pods.values())
    node = min(on, key=lambda name: (abs(on[name] - n), name))
    pods = [pod for _, pod in sorted(bench.pods.items()) if pod["spec"]["nodeName"] == node]
    evictions = bench.cluster.evictions

    def evict(pod: Resource) -> Thread:
        namespace, name = key = key_of(pod)
        uid, ref = pod["metadata"]["uid"], Ref("Pod", name, namespace)
        yield evictions.evict(bench.client, ref, uid, bench.key(f"evict/{name}"), root(bench.agenda.now))
        batch.asked.append(bench.now_s)
        yield from bench.until(lambda: key not in bench.pods)
        batch.done.append(bench.now_s)

    def cordon() -> Thread:
        changes = {"spec": {"unschedulable": True}}
        operation = partial(bench.store.patch, Ref("Node", node, ""), changes)
        yield bench.write(operation, "cordon", ("patch", "Node"))
        bench.spawn([evict(pod) for pod in pods], THREAD_NS)

    bench.threads([cordon()], THREAD_NS, more=len(pods))
    return batch
