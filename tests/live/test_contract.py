"""The contract of the Kubernetes catalogue over HTTP: the same cases, the same assertions."""

from collections.abc import Iterator
from typing import Any

import pytest

from headroom.serving.world import World
from tests.actions.bench import roll_back, run
from tests.actions.contract import CASES, parameters_of
from tests.actions.town import town
from tests.live.bench import LiveBench
from tests.serving.served import serving
from tests.simulator.cluster.rig import ENGINE, cluster_spec

pytestmark = pytest.mark.slow


@pytest.fixture
def bench() -> Iterator[LiveBench]:
    spec = cluster_spec(*town("v1.34.0"), parameters={"image.cached": True})
    with serving(World(spec, ENGINE, speed=250)) as served:
        made = LiveBench(served)
        made.settle()
        yield made
        made.close()


@pytest.mark.parametrize("name", CASES)
def test_an_action_does_over_http_what_it_does_to_the_model(name: str, bench: LiveBench) -> None:
    case = CASES[name]
    case.before(bench)
    bench.settle()
    parameters = parameters_of(case, bench)
    memory: dict[str, Any] = {}
    outputs = run(bench, case.action, memory, **parameters)
    if case.calls:
        assert " ".join(bench.calls) == case.calls
    bench.settle()
    assert case.after(bench)
    if case.undone is not None:
        assert roll_back(bench, case.action, memory, outputs, **parameters)["undone"] is True
        bench.settle()
        assert case.undone(bench)
