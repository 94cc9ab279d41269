"""Binding latencies of the control plane measurements: single pods and bursts, from created to bound."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine.core.effects import Resource
from headroom.validation.bench import Bench, Thread
from headroom.validation.requests import AT_ONCE, pod
from simulator.cluster.objects import is_ready, key_of


@dataclass
class Marks:
    """When the client saw what of a pod, in ns."""

    seen: dict[str, int] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)

    def between_ms(self, first: dict[str, int], second: dict[str, int]) -> list[float]:
        """Return the times between two marks, in ms."""
        return [(second[name] - first[name]) / 1e6 for name in first if name in second]


def burst(seed: int, replication: int, n: int, **more: Any) -> Marks:
    """Create n pods at once and watch them be bound, created and ready."""
    bench = Bench([], seed, replication, parameters={**AT_ONCE, **more.pop("parameters", {})}, **more)
    marks = Marks()

    def seen(after: Resource) -> None:
        name, now = key_of(after)[1], bench.agenda.now
        marks.seen.setdefault(name, now)
        if after["spec"].get("nodeName"):
            marks.bound.setdefault(name, now)
        if (after.get("status") or {}).get("startTime"):
            marks.created.setdefault(name, now)
        if is_ready(after):
            marks.ready.setdefault(name, now)

    bench.on_event = seen

    def create(name: str) -> Thread:
        yield bench.write(partial(bench.store.create, pod(name)), name, ("create", "Pod"))
        yield bench.decoding()

    bench.threads([create(f"bound-{number}") for number in range(n)], 500_000)
    bench.until_ns(bench.agenda.now + 10_000_000_000)
    return marks
