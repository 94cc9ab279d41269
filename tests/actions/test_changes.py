"""Scaling, rolling out, rolling back, jobs and counters, when others interfere."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actions.patching import difference
from engine.actions.update_counter import TRIES_MAX, WRITERS_MAX
from engine.core.effects import Ref
from engine.core.errors import ActionError, Conflict, TargetMissing, TargetRefused
from tests.actions.test_crashes import with_history
from tests.actions.world import RESTARTED_AT, StuckError, World, merged, run

WEB = Ref("Deployment", "web", "ns")
SHARED = Ref("ConfigMap", "shared", "ns")


@pytest.fixture
def world() -> World:
    world = World()
    world.deployment("web", 3)
    return world


def change(world: World, ref: Ref, **spec: Any) -> None:
    """Change a spec as somebody else would."""
    changed = merged(world.objects[ref], {"spec": spec})
    changed["metadata"]["generation"] += 1
    world.put(changed)


def autoscaler(target: str, kind: str = "Deployment") -> dict[str, Any]:
    metadata = {"name": f"{target}-hpa", "namespace": "ns"}
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {"scaleTargetRef": {"kind": kind, "name": target}},
    }


def test_scale_refuses_what_an_autoscaler_owns(world: World) -> None:
    world.put(autoscaler("other"))
    world.put(autoscaler("web", kind="StatefulSet"))
    run(world, "scale_deployment", namespace="ns", deployment="web", replicas=4)
    world.put(autoscaler("web"))
    with pytest.raises(TargetRefused) as caught:
        run(world, "scale_deployment", namespace="ns", deployment="web", replicas=2)
    assert caught.value.reason == "Autoscaled"
    run(world, "scale_deployment", namespace="ns", deployment="web", replicas=2, autoscaled="ignore")
    assert world.objects[WEB]["spec"]["replicas"] == 2


def test_scale_already_as_wanted_writes_nothing(world: World) -> None:
    outputs = run(world, "scale_deployment", namespace="ns", deployment="web", replicas=3)
    assert outputs == {"deployment": "web", "replicas": 3, "replicas_before": 3}
    assert (world.calls, world.mutations) == (["Get", "List"], [])


def test_scale_waits_for_ready_pods_and_for_surplus_ones_to_go(world: World) -> None:
    run(world, "scale_deployment", namespace="ns", deployment="web", replicas=1)
    assert len(world.of_kind("Pod")) == 1
    world.pods_become_ready = False
    with pytest.raises(StuckError, match="Deployment ns/web to have exactly 4 pods, all ready"):
        run(world, "scale_deployment", namespace="ns", deployment="web", replicas=4)


def test_scale_notices_that_somebody_else_scaled(world: World) -> None:
    undo = world.step

    def scaled_back() -> bool:
        world.step = undo  # type: ignore[method-assign]  # once
        change(world, WEB, replicas=9)
        return True

    world.step = scaled_back  # type: ignore[method-assign]  # somebody else comes first
    with pytest.raises(ActionError) as caught:
        run(world, "scale_deployment", namespace="ns", deployment="web", replicas=4)
    assert caught.value.reason == "Superseded"


def test_rollout_replaces_every_pod_and_is_not_done_before(world: World) -> None:
    before = {pod["metadata"]["uid"] for pod in world.of_kind("Pod")}
    run(world, "rollout_restart", namespace="ns", deployment="web")
    after = world.of_kind("Pod")
    assert len(after) == 3
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in after)
    assert {pod["metadata"]["annotations"][RESTARTED_AT] for pod in after} == {"run-1/step-1"}


def test_rollout_by_somebody_else_since_it_first_looked_counts(world: World) -> None:
    memory = {"restarted_at_before": ""}
    template = world.objects[WEB]["spec"]["template"]
    change(world, WEB, template=merged(template, {"metadata": {"annotations": {RESTARTED_AT: "theirs"}}}))
    run(world, "rollout_restart", memory, namespace="ns", deployment="web")
    assert world.mutations == []


def test_rollout_restarted_by_others_after_its_own_write_is_not_written_again(world: World) -> None:
    memory: dict[str, Any] = {}
    run(world, "rollout_restart", memory, namespace="ns", deployment="web")
    template = world.objects[WEB]["spec"]["template"]
    change(world, WEB, template=merged(template, {"metadata": {"annotations": {RESTARTED_AT: "theirs"}}}))
    world.mutations.clear()
    run(world, "rollout_restart", memory, namespace="ns", deployment="web")
    assert world.mutations == []


def test_rollout_that_exceeds_its_deadline_fails(world: World) -> None:
    stuck = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}
    world.pods_become_ready = False
    world.objects[WEB]["status"].update(stuck)
    with pytest.raises(ActionError) as caught:
        run(world, "rollout_restart", namespace="ns", deployment="web")
    assert (caught.value.reason, caught.value.retryable) == ("ProgressDeadlineExceeded", True)


def image(world: World) -> str:
    text: str = world.objects[WEB]["spec"]["template"]["spec"]["containers"][0]["image"]
    return text


def test_rollback_goes_to_the_previous_or_the_wanted_revision() -> None:
    for revision, expected in ((0, "a:2"), (1, "a:1"), (2, "a:2"), (3, "a:3")):
        world = World()
        with_history(world)
        world.mutations.clear()
        run(world, "rollback_deployment", namespace="ns", deployment="web", revision=revision)
        assert image(world) == expected
        assert "pod-template-hash" not in world.objects[WEB]["spec"]["template"]["metadata"]["labels"]
        pods = [pod for pod in world.of_kind("Pod") if pod["metadata"]["labels"]["app"] == "web"]
        assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {expected}
        assert bool(world.mutations) == (revision != 3), "already there: nothing is written"


def test_rollback_twice_goes_forward_again_as_kubectl_does() -> None:
    world = World()
    with_history(world)
    for expected in ("a:2", "a:3"):
        run(world, "rollback_deployment", namespace="ns", deployment="web")
        world.settle()
        assert image(world) == expected


def test_rollback_reads_again_when_the_deployment_changed_between() -> None:
    world = World()
    with_history(world)
    world.calls.clear()
    world.before_call[3] = lambda: change(world, WEB, minReadySeconds=1)
    run(world, "rollback_deployment", namespace="ns", deployment="web")
    assert world.calls == ["Get", "List", "Patch", "Get", "Patch"]
    assert image(world) == "a:2"


def test_rollback_whose_revision_was_removed_says_so() -> None:
    world = World()
    with_history(world)
    with pytest.raises(TargetMissing) as caught:
        run(world, "rollback_deployment", {"replica_set": "gone"}, namespace="ns", deployment="web")
    assert caught.value.reason == "RevisionMissing"


trees = st.recursive(
    st.integers(0, 2) | st.text("ab", max_size=1),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("xyz"), trees, max_size=3)


@given(objects, objects)
def test_difference_is_the_merge_patch_from_one_to_the_other(before: Any, after: Any) -> None:
    changes = difference(before, after)
    assert merged(before, changes) == after
    assert bool(changes) == (before != after)


def test_a_job_that_failed_is_run_anew_by_the_next_attempt(world: World) -> None:
    memory: dict[str, Any] = {}
    world.job_outcome = "Failed"
    with pytest.raises(ActionError) as caught:
        run(world, "run_job", memory, namespace="ns", name="collect", duration_s=1.5)
    assert (caught.value.reason, caught.value.retryable) == ("JobFailed", True)
    world.job_outcome = "Complete"
    outputs = run(world, "run_job", memory, namespace="ns", name="collect", duration_s=1.5)
    first, second = world.of_kind("Job")
    assert outputs["job"] in (first["metadata"]["name"], second["metadata"]["name"])
    container = second["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["sleep", "1.5"]
    assert container["resources"] == {"requests": {"cpu": "100m", "memory": "64Mi"}}


def test_a_jobs_name_taken_by_somebody_else_is_refused_and_one_that_vanished_is_said(world: World) -> None:
    memory: dict[str, Any] = {}
    name = run(world, "run_job", memory, namespace="ns", name="collect", duration_s=1)["job"]
    ref = Ref("Job", name, "ns")
    job = world.objects.pop(ref)
    with pytest.raises(ActionError) as caught:
        run(world, "run_job", memory, namespace="ns", name="collect", duration_s=1)
    assert caught.value.reason == "JobDisappeared"
    world.put({**job, "metadata": {**job["metadata"], "labels": {}}})
    with pytest.raises(TargetRefused) as refused:
        run(world, "run_job", namespace="ns", name="collect", duration_s=1)
    assert refused.value.reason == "NameTaken"


def counter(world: World, value: str = "41") -> None:
    world.put(
        {"kind": "ConfigMap", "metadata": {"name": "shared", "namespace": "ns"}, "data": {"hits": value}}
    )


def add_ten(world: World) -> None:
    found = world.objects[SHARED]
    world.put(merged(found, {"data": {"hits": str(int(found["data"]["hits"]) + 10)}}))


def count(world: World, memory: dict[str, Any] | None = None, /, **parameters: Any) -> int:
    outputs = run(world, "update_counter", memory, namespace="ns", name="shared", key="hits", **parameters)
    value: int = outputs["value"]
    return value


def test_a_guarded_counter_loses_no_update_and_an_unguarded_one_does(world: World) -> None:
    counter(world)
    world.before_call[2] = lambda: add_ten(world)
    assert count(world) == 52
    assert world.calls == ["Get", "Patch", "Get", "Patch"]
    counter(world)
    world.calls.clear()
    world.before_call[2] = lambda: add_ten(world)
    assert count(world, guarded=False) == 42
    assert world.objects[SHARED]["data"]["hits"] == "42"


def test_a_counter_that_always_changes_gives_up_retryably(world: World) -> None:
    counter(world)
    for call in range(2, 2 * TRIES_MAX + 1, 2):
        world.before_call[call] = lambda: add_ten(world)
    with pytest.raises(Conflict) as caught:
        count(world)
    assert caught.value.retryable
    assert len(world.calls) == 2 * TRIES_MAX


def test_a_second_attempt_finds_its_write_even_after_others_wrote(world: World) -> None:
    counter(world)
    memory: dict[str, Any] = {}
    count(world, memory, increment=5)
    add_ten(world)
    assert count(world, memory, increment=5) == 46
    assert world.objects[SHARED]["data"]["hits"] == "56"


def test_an_annotation_of_an_earlier_run_does_not_count_as_this_ones(world: World) -> None:
    counter(world)
    assert count(world) == 42
    assert count(world) == 43, "a first attempt remembers nothing, whatever an earlier run of that name left"


def test_a_missing_key_is_zero_and_text_is_refused(world: World) -> None:
    counter(world)
    assert run(world, "update_counter", namespace="ns", name="shared", key="new", increment=-2) == {
        "value": -2
    }
    counter(world, "many")
    with pytest.raises(TargetRefused) as caught:
        count(world)
    assert caught.value.reason == "NotANumber"


def test_writers_annotations_are_limited_and_the_oldest_go(world: World) -> None:
    counter(world)
    writers = {f"headroom.dev/wrote-{i:03}": f"{i}@{1000 - i}" for i in range(WRITERS_MAX + 2)}
    found = copy.deepcopy(world.objects[SHARED])
    found["metadata"]["annotations"] = {**writers, "theirs": "kept"}
    world.put(found)
    count(world)
    left = world.objects[SHARED]["metadata"]["annotations"]
    assert len(left) == WRITERS_MAX + 1
    assert left["theirs"] == "kept"
    assert [f"headroom.dev/wrote-{i}" in left for i in (498, 499, 500, 501)] == [True, False, False, False]
