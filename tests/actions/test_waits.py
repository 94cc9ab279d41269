"""What each wait holds out for, asked of hand-made watch caches: stale, half-way and done."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from engine.core.effects import Ref, WaitUntil
from engine.core.errors import ActionError
from tests.actions.test_crashes import with_history
from tests.actions.world import RESTARTED_AT, Object, World, attempt, merged

WEB = Ref("Deployment", "web", "ns")
Ready = Callable[..., Any]


def waiting(world: World, action: str, **parameters: Any) -> WaitUntil[Any]:
    """Run an action up to its wait."""
    for effect in attempt(world, action, {"namespace": "ns", **parameters}, {}):
        if isinstance(effect, WaitUntil):
            return effect
    raise AssertionError("it did not wait")


def pod(name: str, *, ready: bool = True, **metadata: Any) -> Object:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", **metadata},
        "status": {"conditions": conditions},
    }


@pytest.fixture
def world() -> World:
    world = World()
    world.deployment("web", 3)
    return world


def test_restart_wants_the_old_pod_gone_and_all_replicas_ready_and_staying(world: World) -> None:
    ready = waiting(world, "restart_pod", deployment="web").ready
    web = [world.objects[WEB]]
    three = [pod("a"), pod("b"), pod("c")]
    old = {**pod("old"), "metadata": {"name": "old", "uid": "uid-Pod-web-h1-001", "deletionTimestamp": "now"}}
    failed = {**pod("d"), "status": {"phase": "Failed", "conditions": [{"type": "Ready", "status": "True"}]}}
    assert ready(web, three) == "done"
    assert ready(web, [*three, pod("d")]) == "done", "more than wanted, as in a rollout, is whole too"
    assert ready(web, [*three, old]) is None
    assert ready(web, three[:2]) is None
    assert ready(web, [*three[:2], pod("c", ready=False)]) is None
    assert ready(web, [*three[:2], pod("c", deletionTimestamp="now")]) is None
    assert ready(web, [*three[:2], failed]) is None
    assert ready(web, [*three, pod("d", ready=False)]) == "done"
    assert ready([], three) == "deleted"


def scaled(web: Object, count: int, version: str = "99999", **status: int) -> list[Object]:
    counts = {"replicas": count, "readyReplicas": count, "observedGeneration": 99, **status}
    return [{**merged(web, {"metadata": {"resourceVersion": version}}), "status": counts}]


def test_scale_wants_the_write_seen_observed_ready_and_the_surplus_gone(world: World) -> None:
    effect = waiting(world, "scale_deployment", deployment="web", replicas=2)
    web = world.objects[WEB]
    two = [pod("a"), pod("b")]
    leaving = pod("c", deletionTimestamp="now")
    record = {**pod("c"), "status": {"phase": "Failed"}}
    assert effect.ready(scaled(web, 2), two) == "done"
    assert effect.ready(scaled(web, 2), [*two, record]) == "done", "a failed pod is only a record"
    assert effect.ready(scaled(web, 2), [*two, leaving]) is None
    assert effect.ready(scaled(web, 2, observedGeneration=1), two) is None
    assert effect.ready(scaled(web, 2, replicas=3), two) is None
    assert effect.ready(scaled(web, 2, readyReplicas=1), two) is None
    assert effect.ready([], two) == "deleted"
    back = merged(web, {"spec": {"replicas": 3}})
    assert effect.ready(scaled(back, 3, version="1"), two) is None, "the cache is older than the write"
    assert effect.ready(scaled(back, 3), two) == "superseded"


def test_scaling_up_does_not_wait_for_pods_that_others_delete(world: World) -> None:
    ready = waiting(world, "scale_deployment", deployment="web", replicas=4).ready
    pods = [*(pod(name) for name in "abcd"), pod("e", deletionTimestamp="now")]
    assert ready(scaled(world.objects[WEB], 4), pods) == "done"


def rolled(web: Object, **status: int) -> list[Object]:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), 3)
    return [{**web, "status": {**counts, "observedGeneration": web["metadata"]["generation"], **status}}]


def test_a_rollout_is_what_kubectl_rollout_status_waits_for_and_no_old_pod(world: World) -> None:
    before = world.objects[WEB]
    ready = waiting(world, "rollout_restart", deployment="web").ready
    web = world.objects[WEB]
    new: Mapping[str, Any] = {"annotations": {RESTARTED_AT: "run-1/step-1"}}
    pods = [pod(name, **new) for name in "abc"]
    assert ready(rolled(web), pods) == "done"
    assert ready(rolled(before), pods) is None, "the cache is older than the write"
    assert ready(rolled(web, observedGeneration=1), pods) is None
    assert ready(rolled(web, updatedReplicas=2), pods) is None
    assert ready(rolled(web, replicas=4), pods) is None
    assert ready(rolled(web, availableReplicas=2), pods) is None
    assert ready(rolled(web), [*pods, pod("old", deletionTimestamp="now")]) is None, (
        "old pods are still going"
    )
    assert ready(rolled(web), [*pods, pod("d", deletionTimestamp="now", **new)]) == "done", "new ones may go"
    assert ready([], pods) == "deleted"


def test_a_rollback_that_somebody_else_undoes_is_superseded() -> None:
    world = World()
    with_history(world)
    before = world.objects[WEB]
    ready = waiting(world, "rollback_deployment", deployment="web").ready
    web = world.objects[WEB]
    pods = [pod(name, labels={"pod-template-hash": "h2"}) for name in "abc"]
    assert ready(rolled(web), pods) == "done"
    assert ready(rolled(web), [*pods, pod("old", labels={"pod-template-hash": "h3"})]) is None
    assert ready(rolled(before), pods) is None, "the cache is older than the write"
    stale = merged(web, {"metadata": {"generation": before["metadata"]["generation"]}})
    assert ready(rolled(stale), pods) is None
    touched = merged(web, {"metadata": {"generation": 99}, "spec": {"minReadySeconds": 1}})
    assert ready(rolled(touched), pods) == "done", "another change that leaves the template alone"
    undone = merged(touched, {"spec": {"template": {"metadata": {"labels": {"x": "y"}}}}})
    assert ready(rolled(undone), pods) == "superseded"


@pytest.mark.parametrize("action", ["rollout_restart", "rollback_deployment", "scale_deployment"])
def test_a_deployment_deleted_meanwhile_fails_the_step(action: str) -> None:
    world = World()
    with_history(world)
    parameters = {
        "namespace": "ns",
        "deployment": "web",
        **({"replicas": 5} if action.startswith("scale") else {}),
    }
    steps = attempt(world, action, parameters, {})
    while not isinstance(next(steps), WaitUntil):
        pass
    del world.objects[WEB]
    with pytest.raises(ActionError, match="was deleted while"):
        list(steps)
