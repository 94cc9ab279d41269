"""How fast the modelled world is, as ratios to a bare SimPy loop measured in the same run.

Ratios and not seconds: what is compared runs on the same machine under the same load. The best of several
interleaved rounds counts, as disturbances only ever add time.
"""

import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
import simpy

import scenarios
import simulator
from scenarios import RunSpec

PROCESSES, TIMEOUTS = 100, 3_000
ROUNDS = 3
REQUESTS_RATIO_MIN = 0.04  # modelled API requests a second, of bare SimPy events a second
SPEED_UP_MIN = 300  # virtual makespan over wall time, cluster set-up included


def bare_loop() -> int:
    """Run 100 SimPy processes that each yield 3,000 timeouts; return the number of events."""
    environment = simpy.Environment()

    def life(number: int) -> Generator[simpy.Event, Any, None]:
        for _ in range(TIMEOUTS):
            yield environment.timeout(1 + number / PROCESSES)

    for number in range(PROCESSES):
        environment.process(life(number))
    environment.run()
    return PROCESSES * TIMEOUTS


def spec_of(name: str, **coordinates: int) -> RunSpec:
    """Return replication 0 of the point of a shipped scenario with these coordinates."""
    scenario = scenarios.load(
        name, [f"{path.replace('__', '.')}={value}" for path, value in coordinates.items()]
    )
    return scenarios.compile(scenario, scenario.points()[0], 0)


def full_path() -> RunSpec:
    """Return 100 workflows of 10 restarts each on the high-load cluster."""
    return spec_of("high-throughput-orchestration", load__burst=100, workflow__steps=10)


def requirement() -> RunSpec:
    """Return the requirement's point of high throughput."""
    return spec_of("high-throughput-orchestration", load__burst=5, workflow__steps=1)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def run_row(result: simulator.RunResult) -> Any:
    return result.rows[0]


def test_requests_against_the_bare_loop() -> None:
    spec = full_path()
    bare = full = 0.0
    for _ in range(ROUNDS):
        seconds, events = timed(bare_loop)
        bare = max(bare, events / seconds)
        seconds, result = timed(lambda: simulator.simulate(spec))
        full = max(full, run_row(result)["api_requests_count"] / seconds)
    print(f"\nbare loop {bare:,.0f} events/s, full path {full:,.0f} requests/s, ratio {full / bare:.1%}")
    assert full / bare >= REQUESTS_RATIO_MIN


def test_virtual_time_against_wall_time() -> None:
    spec = requirement()
    best = 0.0
    for _ in range(3 * ROUNDS):
        seconds, result = timed(lambda: simulator.simulate(spec))
        best = max(best, run_row(result)["makespan_ns"] / 1e9 / seconds)
    print(f"\nvirtual makespan over wall time: {best:,.0f}")
    assert best >= SPEED_UP_MIN


@pytest.mark.benchmark(group="run")
@pytest.mark.parametrize("spec", [requirement, full_path], ids=["requirement", "full-path"])
def test_one_run(spec: Callable[[], RunSpec], benchmark: Any) -> None:
    benchmark.pedantic(simulator.simulate, (spec(),), rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.benchmark(group="bare")
def test_the_bare_loop(benchmark: Any) -> None:
    benchmark.pedantic(bare_loop, rounds=ROUNDS, warmup_rounds=1)


@pytest.mark.benchmark(group="scenario")
def test_loading_a_scenario(benchmark: Any) -> None:
    benchmark.pedantic(scenarios.load, ("high-throughput-orchestration",), rounds=ROUNDS, warmup_rounds=1)
