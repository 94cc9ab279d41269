import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.cluster.objects import deployment, rolling
from tests.simulator.cluster.rig import Rig, S
from tests.simulator.cluster.rollouts import AMOUNT, NODES, Extremes, limits


@settings(max_examples=50, deadline=None)
@given(
    replicas=st.integers(1, 8),
    surge=AMOUNT,
    unavailable=AMOUNT,
    steps=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4000)), min_size=1, max_size=3),
)
def test_scaling_in_mid_roll_out_keeps_below_the_most(
    replicas: int, surge: int | str, unavailable: int | str, steps: list[tuple[int, int]]
) -> None:
    rig = Rig(*NODES, deployment("web", replicas, strategy=rolling(surge, unavailable)))
    seen = Extremes(rig, "web")
    rig.roll_out("web", "v2")
    wanted = [replicas]
    for size, pause_ms in steps:
        rig.run(pause_ms * 1_000_000 + 1)
        rig.scale("web", size)
        wanted.append(size)
    rig.settle("web", 3600 * S)
    assert seen.most <= max(limits(one, surge, unavailable)[0] for one in wanted)
    assert rig.replicasets("web")[-1]["spec"]["replicas"] == wanted[-1]


def test_while_paused_nothing_rolls_but_replicas_follow() -> None:
    rig = Rig(*NODES, deployment("web", 3, paused=True))
    rig.roll_out("web", "v2")
    rig.run(30 * S)
    assert len(rig.replicasets("web")) == 1
    rig.scale("web", 5)
    rig.run_until(lambda: len(rig.ready("web")) == 5)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [5]
    rig.patch("Deployment", "web", {"spec": {"paused": None}})
    rig.settle("web")
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [0, 5]


def test_pausing_in_mid_roll_out_keeps_both_templates_within_the_surge() -> None:
    rig = Rig(*NODES, deployment("web", 8, probe_s=5, strategy=rolling(2, 2)))
    seen = Extremes(rig, "web")
    rig.roll_out("web", "v2")
    rig.run(1 * S)
    rig.patch("Deployment", "web", {"spec": {"paused": True}})
    rig.run(60 * S)
    sizes = [one["spec"]["replicas"] for one in rig.replicasets("web")]
    assert all(sizes)
    assert sum(sizes) <= 10
    assert seen.most <= 10
    assert seen.fewest >= 6
    assert rig.get("Deployment", "web")["status"]["updatedReplicas"] == sizes[1]


def test_scaling_a_paused_half_rolled_deployment_is_proportional() -> None:
    """Ten wanted and no surge: 6 of the old and 4 of the new template become 12 and 8 for twenty."""
    rig = Rig(*NODES, deployment("web", 10, probe_s=5, strategy=rolling(0, 4)))
    rig.roll_out("web", "v2")
    rig.run(2 * S)
    rig.patch("Deployment", "web", {"spec": {"paused": True}})
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [6, 4]
    rig.scale("web", 20)
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [12, 8]
    rig.scale("web", 5)
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [3, 2]


def test_scaling_in_mid_roll_out_first_grows_both_templates() -> None:
    rig = Rig(*NODES, deployment("web", 10, probe_s=5, strategy=rolling(0, 4)))
    rig.roll_out("web", "v2")
    rig.run(2 * S)
    sizes: list[list[int]] = []
    rig.store.published.append(
        lambda *_: sizes.append([one["spec"]["replicas"] for one in rig.replicasets("web")])
    )
    rig.scale("web", 20)
    rig.settle("web")
    assert [12, 8] in sizes
    assert sizes[-1] == [0, 20]


@pytest.mark.parametrize(("wanted", "sizes"), [(11, [5, 6]), (9, [4, 5]), (0, [0, 0])])
def test_what_is_left_over_comes_to_the_newer_and_goes_from_the_older(wanted: int, sizes: list[int]) -> None:
    """Of two of one size: 5 of 10 are 5.5 of 11, which is rounded up, and 4.5 of 9, which is as well."""
    rig = Rig(*NODES, deployment("web", 10, probe_s=5, strategy=rolling(0, 5)))
    rig.roll_out("web", "v2")
    rig.run(2 * S)
    rig.patch("Deployment", "web", {"spec": {"paused": True}})
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == [5, 5]
    rig.scale("web", wanted)
    rig.run(60 * S)
    assert [one["spec"]["replicas"] for one in rig.replicasets("web")] == sizes


def test_scaling_to_nothing_and_back() -> None:
    rig = Rig(*NODES, deployment("web", 4))
    rig.scale("web", 0)
    rig.settle("web")
    assert not rig.pods("web")
    rig.scale("web", 4)
    rig.settle("web")
    assert len(rig.replicasets("web")) == 1
