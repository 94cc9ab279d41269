from typing import Any

import pytest

from engine.core.effects import Ref
from engine.core.errors import ActionError, TargetMissing, TargetRefused, TooManyRequests
from tests.actions.world import StuckError, World, merged, run


@pytest.fixture
def world() -> World:
    world = World()
    world.deployment("web", 3)
    return world


def names(world: World) -> list[str]:
    return [pod["metadata"]["name"] for pod in world.of_kind("Pod")]


def test_the_ordinal_counts_from_the_oldest_and_wraps(world: World) -> None:
    for ordinal, victim in ((1, "web-h1-002"), (2, "web-h1-004"), (3, "web-h1-001")):
        outputs = run(world, "restart_pod", namespace="ns", deployment="web", ordinal=ordinal)
        assert outputs == {"deployment": "web", "pod": victim, "uid": f"uid-Pod-{victim}"}
        world.settle()
    assert names(world) == ["web-h1-003", "web-h1-005", "web-h1-006"]


def test_pods_that_are_going_are_not_chosen(world: World) -> None:
    ref = Ref("Pod", "web-h1-001", "ns")
    world.put(merged(world.objects[ref], {"metadata": {"deletionTimestamp": "now"}}))
    assert run(world, "restart_pod", namespace="ns", deployment="web")["pod"] == "web-h1-002"


def test_it_waits_until_the_deployment_is_whole(world: World) -> None:
    run(world, "restart_pod", namespace="ns", deployment="web", ordinal=1)
    ready = [pod for pod in world.of_kind("Pod") if pod["status"].get("conditions")]
    assert len(ready) == 3


def test_a_replacement_that_never_becomes_ready_leaves_the_wait_to_the_timeout(world: World) -> None:
    world.pods_become_ready = False
    with pytest.raises(
        StuckError, match="Pod ns/web-h1-001 to be gone and Deployment web to have all its pods ready"
    ):
        run(world, "restart_pod", namespace="ns", deployment="web")


def test_somebody_elses_restart_makes_it_choose_again(world: World) -> None:
    def restarted_by_somebody_else() -> None:
        del world.objects[Ref("Pod", "web-h1-001", "ns")]

    world.before_call[3] = restarted_by_somebody_else
    outputs = run(world, "restart_pod", namespace="ns", deployment="web")
    assert world.calls == ["Get", "List", "Delete", "List", "Delete"]
    assert outputs["pod"] == "web-h1-002"


def test_a_name_taken_by_another_pod_is_a_conflict_and_chooses_again(world: World) -> None:
    def replaced() -> None:
        world.objects[Ref("Pod", "web-h1-001", "ns")]["metadata"]["uid"] = "another"

    world.before_call[3] = replaced
    run(world, "restart_pod", namespace="ns", deployment="web")
    assert world.calls == ["Get", "List", "Delete", "List", "Delete"]


def test_a_pod_that_was_named_and_is_gone_counts_as_restarted(world: World) -> None:
    def restarted_by_somebody_else() -> None:
        del world.objects[Ref("Pod", "web-h1-002", "ns")]

    world.before_call[3] = restarted_by_somebody_else
    assert run(world, "restart_pod", namespace="ns", pod="web-h1-002")["deployment"] == "web"
    assert world.mutations == []
    assert len(names(world)) == 3


def test_what_an_earlier_attempt_chose_is_not_chosen_anew(world: World) -> None:
    memory: dict[str, Any] = {}
    run(world, "restart_pod", memory, namespace="ns", deployment="web")
    world.mutations.clear()
    world.calls.clear()
    run(world, "restart_pod", memory, namespace="ns", deployment="web")
    assert (world.calls, world.mutations) == (["Delete"], [])


def test_endless_contention_gives_up(world: World) -> None:
    def always(number: int) -> None:
        ref = next(ref for ref in sorted(world.objects) if ref.kind == "Pod")
        del world.objects[ref]
        world.settle()
        world.before_call[number + 2] = lambda: always(number + 2)

    world.before_call[3] = lambda: always(3)
    with pytest.raises(ActionError) as caught:
        run(world, "restart_pod", namespace="ns", deployment="web")
    assert caught.value.reason == "Contended"
    assert world.calls.count("Delete") == 20


def test_evictions_refused_are_tried_again_every_five_seconds(world: World) -> None:
    world.evictions_refused = 3
    run(world, "restart_pod", namespace="ns", deployment="web", method="evict")
    assert world.slept_ns == [(5_000_000_000, True)] * 3


def test_flow_control_on_a_delete_is_the_retry_policys_business(world: World) -> None:
    def throttle() -> None:
        raise TooManyRequests("too many requests")

    world.before_call[3] = throttle
    with pytest.raises(TooManyRequests) as caught:
        run(world, "restart_pod", namespace="ns", deployment="web")
    assert caught.value.retryable


def test_a_bare_pod_is_refused(world: World) -> None:
    metadata = {"name": "bare", "namespace": "ns", "labels": {}}
    world.put({"kind": "Pod", "metadata": metadata, "spec": {}, "status": {}})
    with pytest.raises(TargetRefused) as caught:
        run(world, "restart_pod", namespace="ns", pod="bare")
    assert caught.value.reason == "Unmanaged"


def test_a_deployment_without_replicas_has_nothing_to_restart() -> None:
    world = World()
    world.deployment("idle", 0)
    with pytest.raises(TargetMissing, match="wants no pods"):
        run(world, "restart_pod", namespace="ns", deployment="idle")


def test_a_deployment_between_two_pods_is_waited_for(world: World) -> None:
    for ref in [ref for ref in world.objects if ref.kind == "Pod"]:
        del world.objects[ref]
    assert run(world, "restart_pod", namespace="ns", deployment="web")["pod"] == "web-h1-004"


def test_a_deployment_deleted_meanwhile_is_missing(world: World) -> None:
    def deleted() -> None:
        del world.objects[Ref("Deployment", "web", "ns")]

    world.before_call[3] = deleted
    with pytest.raises(TargetMissing, match="was deleted while"):
        run(world, "restart_pod", namespace="ns", deployment="web")
