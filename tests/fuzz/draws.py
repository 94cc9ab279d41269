"""One case of the fuzz, drawn from its seed: a cluster, workflows, limits, arrivals, and what goes wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from engine.core.definition import Workflow
from engine.core.events import ExecutionSubmitted
from engine.core.limits import Limits
from engine.core.rates import Rate
from scenarios.runspec import ClusterSpec, EngineSpec
from tests.fuzz.controls import Arrival, Control, controls_of
from tests.fuzz.workflows import SECOND_NS, SEMAPHORES, TENTH_NS, Workflows, rarely
from tests.simulator import worlds

COUNTER_START = 3
Where = Literal["instant", "before-append", "after-append", "effect", "store-full"]
_WHERE: tuple[Where, ...] = (
    "instant", "instant", "before-append", "after-append", "effect", "store-full"
)  # fmt: skip


@dataclass(frozen=True)
class Intrusion:
    """Somebody who is not the engine changes the cluster; `which` picks among what is there."""

    at_ns: int
    kind: Literal["delete-pod", "cordon", "uncordon", "scale", "delete-job"]
    which: int


@dataclass(frozen=True)
class Stop:
    """The engine's process dies.

    `at` an instant (ns), or in the `at`-th append of its life to the store, before or after it is durable,
    or at the `at`-th effect. After `down_ns` the next process starts.
    """

    where: Where
    at: int
    down_ns: int


@dataclass(frozen=True)
class Trouble:
    """How often a request of the engine fails, before the calm."""

    refused: float
    lost: float
    slow: float
    silent: float


@dataclass(frozen=True)
class Case:
    """All that a run of the fuzz depends on."""

    seed: int
    cluster: ClusterSpec
    engine: EngineSpec
    limits: Limits
    workflows: tuple[Workflow, ...]
    arrivals: tuple[Arrival, ...]
    controls: tuple[Control, ...]
    intrusions: tuple[Intrusion, ...]
    stops: tuple[Stop, ...]
    trouble: Trouble
    calm_ns: int
    is_durable: bool
    snapshot_every: int


def case_of(seed: int) -> Case:
    """Draw the case of a seed."""
    draw = Random(seed)
    calm_ns = draw.randint(10, 60) * SECOND_NS
    makes = Workflows(draw)
    workflows = tuple(makes.workflow() for _ in range(draw.choice([1, 1, 2, 3])))
    arrivals = _arrivals(draw, workflows, calm_ns)
    is_durable = not rarely(draw, one_in=4)
    limits = _limits(draw)
    return Case(
        seed=seed,
        cluster=_cluster(draw),
        engine=_engine(draw, limits),
        limits=limits,
        workflows=workflows,
        arrivals=arrivals,
        controls=controls_of(
            draw,
            arrivals,
            {workflow.name: workflow for workflow in workflows},
            calm_ns,
            capacity_aware=limits.capacity_aware,
        ),
        intrusions=_intrusions(draw, calm_ns),
        stops=_stops(draw, calm_ns) if is_durable else (),
        trouble=_trouble(draw),
        calm_ns=calm_ns,
        is_durable=is_durable,
        snapshot_every=draw.choice([3, 10, 40, 10_000]),
    )


def _arrivals(draw: Random, workflows: tuple[Workflow, ...], calm_ns: int) -> tuple[Arrival, ...]:
    instants = sorted(draw.choice([0, draw.randrange(calm_ns)]) for _ in range(draw.randint(1, 7)))
    return tuple(Arrival(at_ns, _submission(draw, n, workflows)) for n, at_ns in enumerate(instants))


def _submission(draw: Random, number: int, workflows: tuple[Workflow, ...]) -> ExecutionSubmitted:
    execution_id = f"x-{number}"
    variables: Mapping[str, Any] = {
        "n": number,
        "mine": execution_id,
        "target": draw.choice(["web", "web", "web", "db", "db", "db", "gone"]),
        "list": ["p", "q"][: draw.randint(0, 2)],
    }
    return ExecutionSubmitted(execution_id, draw.choice(workflows).name, variables, draw.choice([0, 0, 0, 5]))


def _limits(draw: Random) -> Limits:
    return Limits(
        max_concurrency=draw.choice([None, 1, 2, 3]),
        step_slots=draw.choice([None, None, 1, 2, 4]),
        step_timeout_ns=draw.randint(10, 90) * SECOND_NS,
        execution_timeout_ns=draw.choice([None, None, 60 * SECOND_NS]),
        dispatch=draw.choice(["fifo", "critical-path"]),
        max_queue=draw.choice([1, 100, 100]),
        ageing_ns=draw.choice([None, None, 3 * SECOND_NS]),
        semaphores=draw.choice([{}, SEMAPHORES]),
        rates=draw.choice(
            [{}, {}, {"log": Rate(0.5, 2)}, {"update_counter": Rate(0.1), "wait": Rate(5.0, 3)}]
        ),
        coalesce=draw.choice([(), (), ("scale_deployment", "rollout_restart")]),
        capacity_aware=rarely(draw, one_in=4),
        reduce_needs=rarely(draw, one_in=3),
        parallelise=rarely(draw, one_in=3),
        cancel_grace_ns=draw.choice([0, 30]) * SECOND_NS,
    )


def _engine(draw: Random, limits: Limits) -> EngineSpec:
    return worlds.engine(
        max_concurrency=limits.max_concurrency,
        step_slots=limits.step_slots,
        client_qps=draw.choice([None, 5.0, 20.0]),
        client_burst=draw.choice([5, 30]),
        decision_ns=draw.choice([0, 0, 3_000_000]),
        store_commit=draw.choice([None, None, worlds.constant(0.02)]),
    )


def _cluster(draw: Random) -> ClusterSpec:
    objects = [*worlds.nodes(draw.randint(1, 3), cpu=draw.choice(["1", "2", "4"]))]
    for name in ("web", "db"):
        probe = draw.choice([0, 1, 5])
        objects.append(worlds.deployment(name, draw.randint(1, 3), cpu="150m", probe=probe))
        if rarely(draw, one_in=3):
            objects.append(worlds.budget(name, draw.randint(1, 2)))
    objects.append(worlds.config_map("numbers", n=str(COUNTER_START)))
    if rarely(draw, one_in=5):
        objects.append(worlds.quota(draw.randint(6, 12)))
    changes = {
        "watch.delay": worlds.constant(draw.choice([0.0, 0.01, 0.2])),
        "apiserver.service.write": worlds.constant(draw.choice([0.0, 0.005, 0.1])),
        "kubelet.container_start": worlds.constant(draw.choice([0.0, 0.5])),
        "kubelet.pleg_period": draw.choice([1, 0.1]),
        "apiserver.seats.workload-low": draw.choice([1, 245]),
    }
    crashing = draw.choice([0.0, 0.0, 0.0, 0.3])
    behaves = worlds.behaviours(
        draw.choice([0.0, 0.5, 2.0]), draw.choice([0.0, 0.2, 1.5]), crash_probability=crashing
    )
    return worlds.cluster(objects, changes, behaves)


def _trouble(draw: Random) -> Trouble:
    if rarely(draw, one_in=4):
        return Trouble(0.0, 0.0, 0.0, 0.0)
    some = (0.0, 0.03, 0.15)
    return Trouble(draw.choice(some), draw.choice(some), draw.choice(some), draw.choice((0.0, 0.0, 0.05)))


def _intrusions(draw: Random, calm_ns: int) -> tuple[Intrusion, ...]:
    drawn = [
        Intrusion(
            draw.randrange(calm_ns),
            draw.choice(["delete-pod", "delete-pod", "cordon", "uncordon", "scale", "delete-job"]),
            draw.randrange(1_000),
        )
        for _ in range(draw.choice([0, 0, 1, 3, 6]))
    ]
    return tuple(sorted(drawn, key=lambda one: one.at_ns))


def _stops(draw: Random, calm_ns: int) -> tuple[Stop, ...]:
    stops: list[Stop] = []
    for _ in range(draw.choice([0, 1, 2, 4])):
        where = draw.choice(_WHERE)
        at = draw.randrange(calm_ns) if where == "instant" else draw.randint(1, 25)
        stops.append(Stop(where, at, draw.choice([0, 0, 2, 37]) * TENTH_NS))
    return tuple(stops)
