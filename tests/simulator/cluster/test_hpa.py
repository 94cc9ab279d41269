from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cluster.hpa import Autoscalers
from tests.simulator.cluster.objects import NAMESPACE, Object, deployment
from tests.simulator.cluster.rig import Rig, S
from tests.simulator.cluster.rollouts import NODES

PERIOD = 15 * S


def cpu(percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def autoscaler(fewest: int, most: int, *metrics: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": fewest,
            "maxReplicas": most,
            "metrics": list(metrics or (cpu(70),)),
            **spec,
        },
    }


def started(replicas: int, *objects: Object, use: Any = None) -> Rig:
    behaviours = {"default/web": {"cpu": use}} if use else None
    rig = Rig(*NODES, deployment("web", replicas), *objects, behaviours=behaviours)
    rig.cluster.start()
    return rig


def workload_use(*points: tuple[float, int]) -> Object:
    return {"points": [list(point) for point in points], "of": "workload"}


def replicas(rig: Rig) -> int:
    wanted: int = rig.get("Deployment", "web")["spec"]["replicas"]
    return wanted


def condition(rig: Rig, name: str) -> tuple[str, str]:
    status = rig.get("HorizontalPodAutoscaler", "web")["status"]
    return next((one["status"], one["reason"]) for one in status["conditions"] if one["type"] == name)


def sizes(rig: Rig, duration: int) -> list[tuple[int, int]]:
    """The replicas wanted, whenever they changed, with seconds."""
    seen = [(0, replicas(rig))]
    end = rig.now + duration
    while rig.agenda.peek() <= end:
        rig.agenda.step()
        if replicas(rig) != seen[-1][1]:
            seen.append((rig.now // S, replicas(rig)))
    return seen


@pytest.mark.parametrize("manual", [2, 4])
def test_a_manual_scale_down_is_reverted_within_one_period(manual: int) -> None:
    """Below the fewest at once; within the bounds because what it recommended before still counts."""
    rig = started(5, autoscaler(3, 10))
    rig.run(40 * S)
    rig.scale("web", manual)
    began = rig.now
    reverted = rig.run_until(lambda: replicas(rig) != manual)
    assert reverted - began <= PERIOD + S
    if manual < 3:  # first to the fewest, then to what its load asks for
        assert replicas(rig) == 3
        rig.run_until(lambda: replicas(rig) == 5, 2 * PERIOD)
    assert replicas(rig) == 5
    rig.run(1 * S)
    assert condition(rig, "AbleToScale") == ("True", "SucceededRescale")
    rig.run(600 * S)
    assert replicas(rig) == 5


def test_a_manual_scale_above_the_most_is_reverted_within_one_period() -> None:
    rig = started(5, autoscaler(3, 10))
    rig.run(40 * S)
    rig.scale("web", 14)
    began = rig.now
    assert rig.run_until(lambda: replicas(rig) == 10) - began <= PERIOD + S
    # Then the load asks for 5 again, at the latest when what was recommended meanwhile no longer counts.
    assert rig.run_until(lambda: replicas(rig) == 5, 400 * S) - began <= 360 * S


def test_at_rest_it_sends_its_requests_and_changes_nothing() -> None:
    rig = started(5, autoscaler(3, 10))
    version = rig.get("Deployment", "web")["metadata"]["resourceVersion"]
    client = next(one for one in rig.cluster.clients if one.name == "horizontal-pod-autoscaler")
    rig.run(150 * S)
    assert client.requests_count == 3 * 10  # the scale, a metric, the status
    assert rig.get("Deployment", "web")["metadata"]["resourceVersion"] == version
    assert not [write for write in rig.writes if write.kind == "HorizontalPodAutoscaler"]


def test_a_manual_scale_up_within_the_bounds_ends_when_the_metrics_show_it() -> None:
    """Its new pods are ready before the metrics show that they share the load: so it is kept for a while."""
    rig = started(5, autoscaler(3, 10))
    rig.run(44 * S)
    rig.scale("web", 8)
    began = rig.now
    assert rig.run_until(lambda: replicas(rig) == 5, 400 * S) - began <= 360 * S


def test_load_that_grows_is_followed_and_load_that_falls_after_five_minutes() -> None:
    """300 m at 100 m requested and 50 % aimed at are 6 replicas; at first 2 carry it."""
    use = workload_use((0, 100), (60, 300), (200, 50))
    rig = started(2, autoscaler(1, 10, cpu(50)), use=use)
    seen = sizes(rig, 900 * S)
    counts = [count for _, count in seen]
    top = counts.index(6)
    assert max(counts) == 6
    assert all(after <= max(2 * before, 4) for before, after in pairwise(counts[: top + 1]))
    assert 60 <= seen[1][0] <= 60 + 2 * 15  # a reading and a period
    assert seen[top][0] <= 60 + 6 * 15  # its new pods count from a window after they are ready
    assert seen[top + 1][0] >= 200 + 285
    assert counts[-1] == 1


def test_behaviour_limits_the_pace() -> None:
    slow = {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}
    rig = started(1, autoscaler(1, 10, cpu(50), behavior=slow), use=workload_use((0, 400)))
    seen = sizes(rig, 300 * S)
    gaps = [after[0] - before[0] for before, after in pairwise(seen[1:])]
    assert [count for _, count in seen] == list(range(1, len(seen) + 1))
    assert len(seen) >= 4
    assert all(gap >= 60 for gap in gaps)


def test_scaling_down_may_be_forbidden() -> None:
    never = {"scaleDown": {"selectPolicy": "Disabled"}}
    rig = started(4, autoscaler(1, 10, behavior=never), use=workload_use((0, 10)))
    assert sizes(rig, 900 * S) == [(0, 4)]


def test_the_most_of_several_metrics_counts_and_an_unknown_one_forbids_scaling_down() -> None:
    pods = {"type": "Pods", "pods": {"metric": {"name": "queue"}, "target": {"averageValue": "1"}}}
    rig = started(4, autoscaler(1, 10, cpu(50), pods), use=workload_use((0, 20)))
    assert sizes(rig, 600 * S) == [(0, 4)]
    assert condition(rig, "ScalingActive") == ("False", "FailedGetResourceMetric")
    rig = started(2, autoscaler(1, 10, cpu(50), pods), use=workload_use((0, 200)))
    assert sizes(rig, 600 * S)[-1][1] == 4


def test_without_requests_nothing_can_be_said() -> None:
    web = deployment("web", 2)
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = {}
    rig = Rig(*NODES, web, autoscaler(1, 10))
    rig.cluster.start()
    rig.run(40 * S)
    assert condition(rig, "ScalingActive") == ("False", "FailedGetResourceMetric")


def test_a_change_of_its_spec_has_effect_and_so_has_its_end() -> None:
    rig = started(5, autoscaler(3, 10))
    rig.patch("HorizontalPodAutoscaler", "web", {"spec": {"minReplicas": 7}})
    began = rig.now
    assert rig.run_until(lambda: replicas(rig) == 7) - began <= PERIOD + S
    rig.delete("HorizontalPodAutoscaler", "web")
    rig.scale("web", 1)
    rig.run(60 * S)
    assert replicas(rig) == 1


def test_another_aim_is_followed() -> None:
    rig = started(5, autoscaler(3, 10))
    rig.patch("HorizontalPodAutoscaler", "web", {"spec": {"metrics": [cpu(35)]}})
    rig.run(120 * S)
    assert replicas(rig) == 10


def test_a_new_one_looks_first_after_one_period() -> None:
    rig = started(2)
    rig.create(autoscaler(4, 10))
    assert PERIOD < rig.run_until(lambda: replicas(rig) == 4) < PERIOD + S


def test_none_of_zero_replicas_is_scaled() -> None:
    rig = started(0, autoscaler(1, 10))
    rig.run(60 * S)
    assert replicas(rig) == 0
    assert condition(rig, "ScalingActive") == ("False", "ScalingDisabled")


def test_halted_it_does_nothing() -> None:
    rig = started(5, autoscaler(5, 10))
    autoscalers: Autoscalers = rig.cluster.control_plane.controllers.autoscalers
    rig.run(20 * S)
    autoscalers.halt()
    rig.scale("web", 1)
    rig.run(60 * S)
    assert replicas(rig) == 1
    autoscalers.resume()
    rig.run(PERIOD + S)
    assert replicas(rig) == 5


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 10), st.integers(10, 90), st.integers(1, 1000))
def test_it_settles_at_the_least_that_carry_a_constant_load(start: int, aim: int, load: int) -> None:
    rig = started(start, autoscaler(1, 12, cpu(aim)), use=workload_use((0, load)))
    rig.run(1500 * S)
    settled = replicas(rig)
    # Each pod requests 100 m: so `aim` millicores a pod are aimed at.
    exact = load / aim
    assert settled <= max(1, min(12, exact / 0.9 + 1))
    assert settled >= min(12, exact / 1.2)  # a tenth of tolerance; shares and percents are cut off
