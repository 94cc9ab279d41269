from hypothesis import given
from hypothesis import strategies as st

from simulator.cluster.behaviour import Behaviours
from simulator.cluster.usage import Curve
from simulator.streams import Streams
from tests.simulator.cluster.objects import Object, bare_pod
from tests.simulator.cluster.rig import S, constant

RAMP = [[0.0, 100], [10.0, 300], [20.0, 200]]


def behaviours(**declared: object) -> Behaviours:
    base = {"startup": constant(1), "exit": constant(1), **declared}
    return Behaviours({"*": base}, Streams(1, 0), 1.0, 1.0)


def pod(limit: str | None = None) -> Object:
    made = bare_pod("a")
    made["metadata"]["uid"] = "u"
    if limit is not None:
        made["spec"]["containers"][0]["resources"]["limits"] = {"cpu": limit}
    return made


def test_cpu_steps_and_memory_runs_evenly() -> None:
    curve = Curve(RAMP)
    assert [curve.step(at * S) for at in (0, 9, 10, 19, 20, 99)] == [100, 100, 300, 300, 200, 200]
    assert [curve.line(at * S) for at in (0, 5, 10, 15, 20, 99)] == [100, 200, 300, 250, 200, 200]
    assert [curve.changes_after(at * S) for at in (0, 10, 20)] == [10 * S, 20 * S, None]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=6), st.integers(1, 1200))
def test_the_instant_at_which_a_size_is_reached_is_the_first(sizes: list[int], size: int) -> None:
    curve = Curve([[float(at), one] for at, one in enumerate(sizes)])
    at = curve.reaches(size)
    if at is None:
        assert max(sizes) < size
    else:
        assert curve.line(at) >= size
        assert at == 0 or curve.line(at - 1) < size


def test_the_use_of_a_pod_counts_from_its_containers_start() -> None:
    declared = behaviours(cpu={"points": RAMP, "of": "pod"})
    declared.begun["u"] = 5 * S
    assert [declared.cpu_use(pod(), at * S) for at in (5, 14, 15)] == [100, 100, 300]
    assert declared.cpu_use(pod("150m"), 15 * S) == 150


def test_the_use_of_a_workload_is_shared_by_its_ready_pods() -> None:
    declared = behaviours(cpu={"points": RAMP, "of": "workload"})
    declared.begun["u"] = 5 * S
    assert [declared.cpu_use(pod(), at * S, sharing=3) for at in (0, 10)] == [33, 100]


def test_nothing_declared_is_nothing_known() -> None:
    assert behaviours().cpu_use(pod(), 0) is None
    assert behaviours().memory_use(pod(), 0) is None
