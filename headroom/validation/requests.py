"""The closed loops of the control plane measurements: so many threads, each asking again at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from engine.core.effects import Ref, Selection
from headroom.validation.bench import Bench, Thread
from headroom.validation.laboratory import constant
from simulator.attribution import root

AT_ONCE: Final = {
    "kwok.stage.created": constant(0.0),
    "kwok.stage.ready": constant(0.0),
    "kwok.stage.gone": constant(0.0),
}
"""What the set-up of the bindings changes: simulated kubelets without delays."""
GATE: Final = [{"name": "headroom.dev/closed"}]
LISTED: Final = 60


@dataclass
class Loop:
    """What one closed loop measured."""

    latencies_ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def throughput(self) -> float:
        """Requests a second."""
        return len(self.latencies_ms) / self.wall_s


def pod(name: str, *, gated: bool = False) -> dict[str, Any]:
    """Return a Pod of its own."""
    one: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "api"}},
        "spec": {
            "containers": [
                {"name": "c", "image": "i:1", "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}}}
            ]
        },
    }
    if gated:
        one["spec"]["schedulingGates"] = GATE
    return one


def close(bench: Bench, threads: int, count: int, ask: Callable[[int], Thread]) -> Loop:
    """Let `threads` threads carry out `count` requests, each as soon as the one before it is answered."""
    loop = Loop()
    left = iter(range(count))

    def thread() -> Thread:
        for number in left:
            began = bench.agenda.now
            yield from ask(number)
            loop.latencies_ms.append((bench.agenda.now - began) / 1e6)

    began = bench.agenda.now
    bench.threads([thread() for _ in range(threads)], 500_000)
    loop.wall_s = (bench.agenda.now - began) / 1e9
    return loop


def get_pod(bench: Bench, number: int, *, raw: bool = False) -> Thread:
    """Get one of the pods."""
    keys = sorted(bench.pods)
    ref = Ref("Pod", keys[number % len(keys)][1], "default")
    yield bench.read(lambda _link: bench.store.get(ref), f"get/{number}")
    if not raw:
        yield bench.decoding()


def list_pods(bench: Bench, number: int, *, cached: bool = False) -> Thread:
    """List the pods without making objects of them."""
    what = ("list", "" if cached else "Pod")
    yield bench.read(
        lambda _link: bench.store.select(Selection("Pod", "default")), f"list/{number}", LISTED, what
    )


def patch_scale(bench: Bench, number: int, *, same: bool = False) -> Thread:
    """Patch the scale of a Deployment."""
    ref = Ref("Deployment", f"scaled-{number % 8}", "default")
    replicas = 0 if same else 1 + (number // 8) % 2
    operation = partial(bench.store.patch, ref, {"spec": {"replicas": replicas}})
    yield bench.write(operation, f"patch/{number}", ("patch", "Deployment"))


def create_pod(bench: Bench, number: int, *, gated: bool = False) -> Thread:
    """Create a pod."""
    yield bench.write(
        partial(bench.store.create, pod(f"made-{number}", gated=gated)), f"create/{number}", ("create", "Pod")
    )
    yield bench.decoding()


def delete_pod(bench: Bench, number: int) -> Thread:
    """Delete a pod."""
    ref = Ref("Pod", f"made-{number}", "default")
    yield bench.write(lambda link: bench.store.delete(ref, link), f"delete/{number}", ("delete", "Pod"))
    yield bench.decoding()


def evict_pod(bench: Bench, number: int) -> Thread:
    """Evict a pod that no budget covers."""
    ref = Ref("Pod", f"made-{number}", "default")
    key = bench.key(f"evict/{number}")
    yield bench.cluster.evictions.evict(bench.client, ref, None, key, root(bench.agenda.now))
    yield bench.decoding()
