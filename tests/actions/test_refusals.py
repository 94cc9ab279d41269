"""What the Kubernetes catalogue refuses, says and never says: missing targets, rules, waits without end."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from engine.actions import CATALOGUE
from engine.actions.deployments import RolloutFailed
from engine.actions.quantities import enlarged, milli
from engine.core.action import InvalidParameters
from engine.core.effects import Get, Patch, Ref, WaitUntil
from engine.core.errors import ActionError, NotFound, TargetMissing, TargetRefused
from tests.actions.bench import ModelBench, StuckError, attempt, bound, roll_back, run
from tests.actions.contract import CASES
from tests.actions.town import NEW, OLD
from tests.simulator.cluster.objects import bare_pod, budget, job
from tests.simulator.cluster.rig import S

JOB_ACTIONS = ("backup_data", "cleanup_storage", "compact_storage")


def test_every_action_says_what_it_promises() -> None:
    for name, spec in CATALOGUE.items():
        assert spec.name == name
        assert spec.summary, name
        assert spec.precondition, name
        assert spec.post_condition, name
        assert (spec.rollback is None) == bool(spec.irreversible), name
        assert all(parameter.summary for parameter in spec.parameters.values()), name
        assert spec.target is None or spec.target({}) is None, f"{name}: nothing is named yet"
        if spec.rbac and name != "run_job":
            assert spec.target is not None, name


ABSENT: Mapping[str, Mapping[str, Any]] = {
    "delete_pod": {"pod": "absent"},
    "quarantine_pod": {"pod": "absent"},
    "scale_deployment": {"deployment": "absent", "replicas": 1},
    "scale_statefulset": {"statefulset": "absent", "replicas": 1},
    "rollout_restart": {"deployment": "absent"},
    "restart_statefulset": {"statefulset": "absent"},
    "restart_daemonset": {"daemonset": "absent"},
    "rollback_deployment": {"deployment": "absent"},
    "restart_pod": {"deployment": "absent"},
    "cordon_node": {"node": "absent"},
    "uncordon_node": {"node": "absent"},
    "drain_node": {"node": "absent"},
    "increase_resources": {"deployment": "absent", "percent": 10},
    "expand_pvc": {"pvc": "absent", "size": "20Gi"},
    "backup_data": {"pvc": "data", "backup_pvc": "absent"},
    "cleanup_storage": {"pvc": "absent", "older_than_days": 1},
    "compact_storage": {"pvc": "absent", "older_than_days": 1},
    "update_hpa": {"hpa": "absent", "min_replicas": 2},
    "update_network_policy": {"policy": "absent", "spec": {"podSelector": {}}, "create": False},
    "rotate_secrets": {"secret": "absent", "value_from": "incoming"},
    "update_counter": {"name": "absent", "key": "hits"},
}


def test_every_kubernetes_action_of_the_contract_is_asked_for_an_absent_target() -> None:
    assert {case.action for case in CASES.values()} - {"run_job"} == set(ABSENT)


@pytest.mark.parametrize("action", ABSENT)
def test_a_missing_target_is_said_and_not_retried(action: str) -> None:
    bench = ModelBench()
    with pytest.raises(TargetMissing, match="absent") as caught:
        run(bench, action, **ABSENT[action])
    assert not caught.value.retryable
    assert bench.mutations == []


INVALID: list[tuple[str, Mapping[str, Any], str]] = [
    ("delete_pod", {"pod": "p", "grace_s": -1}, "grace_s"),
    ("scale_statefulset", {"statefulset": "db", "replicas": -1}, "replicas"),
    ("increase_resources", {"deployment": "web"}, "percent"),
    ("increase_resources", {"deployment": "web", "percent": 5, "cpu": "1"}, "percent"),
    ("increase_resources", {"deployment": "web", "percent": -5}, "negative"),
    ("increase_resources", {"deployment": "web", "cpu": "1", "method": "magic"}, "method"),
    ("expand_pvc", {"pvc": "data", "size": "many"}, "quantity"),
    ("expand_pvc", {"pvc": "data", "size": "0"}, "more than 0"),
    ("backup_data", {"pvc": "data", "backup_pvc": "data"}, "another claim"),
    ("backup_data", {"pvc": "data", "backup_pvc": "backup", "path": "../etc"}, "inside the volume"),
    ("cleanup_storage", {"pvc": "data", "older_than_days": 1, "path": "/etc"}, "inside the volume"),
    ("cleanup_storage", {"pvc": "data", "older_than_days": -1}, "negative"),
    ("compact_storage", {"pvc": "data", "older_than_days": 1, "duration_s": -1}, "negative"),
    ("run_job", {"name": "j", "duration_s": 1, "exit_code": 256}, "exit_code"),
    ("update_hpa", {"hpa": "other"}, "at least one"),
    ("update_hpa", {"hpa": "other", "min_replicas": 0}, "at least 1"),
    ("update_network_policy", {"policy": "closed", "spec": {}}, "podSelector"),
    ("rotate_secrets", {"secret": "incoming", "value_from": "incoming"}, "another Secret"),
]


@pytest.mark.parametrize(("action", "parameters", "message"), INVALID)
def test_parameters_are_checked_before_anything_is_written(
    action: str, parameters: Mapping[str, Any], message: str
) -> None:
    bench = ModelBench()
    with pytest.raises(InvalidParameters, match=message):
        run(bench, action, **parameters)
    assert bench.calls == []


def lower(bench: ModelBench) -> None:
    spec = bench.get("Deployment", "web")["spec"]["template"]["spec"]
    limited = {**spec["containers"][0], "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}}
    bench.change("Deployment", "web", {"spec": {"template": {"spec": {"containers": [limited]}}}})
    bench.settle()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cpu": "500m"}, "lowered from 1 to 500m"),
        ({"cpu": "2"}, "above its limit"),
        ({"percent": 10, "container": "x"}, "no container"),
    ],
)
def test_resources_are_only_increased(parameters: Mapping[str, Any], message: str) -> None:
    bench = ModelBench()
    lower(bench)
    with pytest.raises(ActionError, match=message):
        run(bench, "increase_resources", deployment="web", **parameters)
    assert bench.mutations == []


def partitioned(bench: ModelBench) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    bench.change("StatefulSet", "db", {"spec": {"updateStrategy": strategy}})


def on_delete(kind: str, name: str) -> Callable[[ModelBench], None]:
    strategy = {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}
    return lambda bench: bench.change(kind, name, strategy)


def paused(bench: ModelBench) -> None:
    bench.change("Deployment", "login", {"spec": {"paused": True}})


def stray(bench: ModelBench) -> None:
    bench.put(bare_pod("stray", labels={"app": "stray"}))


def working(bench: ModelBench) -> None:
    bench.put(job("work", 1000))
    bench.settle()


REFUSED: list[tuple[Callable[[ModelBench], None], str, Mapping[str, Any], str]] = [
    (stray, "delete_pod", {"pod": "stray"}, "Unmanaged"),
    (stray, "quarantine_pod", {"pod": "stray"}, "Unmanaged"),
    (lambda _: None, "quarantine_pod", {"pod": "db-0"}, "Unmanaged"),
    (lambda _: None, "scale_deployment", {"deployment": "other", "replicas": 2}, "Autoscaled"),
    (partitioned, "restart_statefulset", {"statefulset": "db"}, "Partitioned"),
    (on_delete("StatefulSet", "db"), "restart_statefulset", {"statefulset": "db"}, "NotRolledOut"),
    (on_delete("DaemonSet", "agent"), "restart_daemonset", {"daemonset": "agent"}, "NotRolledOut"),
    (lambda _: None, "expand_pvc", {"pvc": "rigid", "size": "20Gi"}, "NotExpandable"),
    (
        lambda bench: bench.put({**bench.rig.get("PersistentVolumeClaim", "data"), "metadata": {
            "name": "late", "namespace": "default"}, "status": {"phase": "Pending"}}),
        "expand_pvc", {"pvc": "late", "size": "20Gi"}, "NotBound",
    ),
    (
        lambda bench: bench.change("Secret", "credentials", {"immutable": True}),
        "rotate_secrets", {"secret": "credentials", "value_from": "incoming"}, "Immutable",
    ),
    (paused, "rotate_secrets", {"secret": "credentials", "value_from": "incoming"}, "Paused"),
    (
        lambda _: None,
        "rotate_secrets",
        {"secret": "credentials", "value_from": "incoming", "keys": ["token"]},
        "ValueMissing",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "action", "parameters", "reason"), REFUSED)
def test_a_target_that_is_refused_is_left_alone(
    before: Callable[[ModelBench], None], action: str, parameters: Mapping[str, Any], reason: str
) -> None:
    bench = ModelBench()
    before(bench)
    with pytest.raises(TargetRefused) as caught:
        run(bench, action, **parameters)
    assert caught.value.reason == reason
    assert bench.mutations == []


def test_a_pod_of_the_same_name_is_not_the_one_to_be_quarantined() -> None:
    bench = ModelBench()
    pod = bench.of_kind("Pod", app="web")[0]["metadata"]
    memory = {"pod": {"uid": "of an earlier life", "labels": dict(pod["labels"])}}
    with pytest.raises(TargetMissing, match="replaced by another"):
        run(bench, "quarantine_pod", memory, pod=pod["name"])
    assert bench.mutations == []
    assert roll_back(bench, "quarantine_pod", memory, {}, pod=pod["name"])["undone"] is True
    assert bench.get("Pod", pod["name"])["metadata"]["labels"] == pod["labels"], "another's labels stay"


def test_drain_names_every_pod_that_may_not_go_and_evicts_none() -> None:
    bench = ModelBench()
    bench.put(bare_pod("stray", nodeName="n1", volumes=[{"name": "scratch", "emptyDir": {}}]))
    bench.put(bare_pod("alone", nodeName="n1"))
    bench.put(bare_pod("mirror", nodeName="n1"))
    bench.change("Pod", "mirror", {"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}})
    bench.settle()
    with pytest.raises(TargetRefused) as caught:
        run(bench, "drain_node", node="n1")
    told = str(caught.value)
    assert "default/alone has no owner" in told
    assert "default/stray keeps data in an emptyDir" in told
    assert "is managed by a DaemonSet" in told
    assert "mirror" not in told
    assert bench.mutations == ["patch Node n1"]
    run(bench, "drain_node", node="n1", ignore_daemonsets=True, force=True, delete_emptydir_data=True)
    left = [one["metadata"]["name"] for one in bench.of_kind("Pod") if one["spec"].get("nodeName") == "n1"]
    assert left[1:] == ["mirror"]
    assert left[0].startswith("agent-")


def test_drain_tries_what_a_budget_forbids_again_every_five_seconds() -> None:
    bench = ModelBench()
    bench.put(budget("other", maxUnavailable=0))
    node = next(one for one in bench.of_kind("Pod", app="other"))["spec"]["nodeName"]
    bench.settle()
    steps = attempt(
        bench,
        CATALOGUE["drain_node"].run,
        bound("drain_node", {"node": node, "ignore_daemonsets": True}),
        {},
        [],
    )
    began = bench.rig.now
    while bench.calls.count("Evict") < 12:
        next(steps)
    assert bench.rig.now - began >= 5 * 5 * S, "one pod stays, the others went at once"
    bench.change("PodDisruptionBudget", "other", {"spec": {"maxUnavailable": 1}})
    for _ in steps:
        pass
    assert all(one["spec"].get("nodeName") != node for one in bench.of_kind("Pod", app="other"))


def test_resizing_in_place_needs_the_version_and_falls_back_or_says_so() -> None:
    bench = ModelBench("v1.32.8")
    with pytest.raises(TargetRefused, match=r"v1\.32\.8"):
        run(bench, "increase_resources", deployment="web", cpu="300m", method="in-place")
    assert run(bench, "increase_resources", deployment="web", cpu="300m")["method"] == "rolling"
    bench = ModelBench("v1.33.1")
    assert run(bench, "increase_resources", deployment="web", cpu="300m")["method"] == "in-place"


def test_pods_that_have_no_node_yet_start_with_more() -> None:
    bench = ModelBench()
    for name in ("n1", "n2", "n3"):
        bench.change("Node", name, {"spec": {"unschedulable": True}})
    bench.change("Deployment", "web", {"spec": {"replicas": 4}})
    bench.settle()
    assert run(bench, "increase_resources", deployment="web", cpu="300m")["method"] == "in-place"
    requests = [
        pod["spec"]["containers"][0]["resources"]["requests"] for pod in bench.of_kind("Pod", app="web")
    ]
    assert [one["cpu"] for one in requests] == ["300m"] * 4


def test_a_pod_whose_node_is_gone_is_not_resized_in_place() -> None:
    bench = ModelBench()
    node = bench.of_kind("Pod", app="web")[0]["spec"]["nodeName"]
    del bench.rig.store.objects["Node"]["", node]
    with pytest.raises(TargetRefused, match=f"Node {node} runs Kubernetes of an unknown version"):
        run(bench, "increase_resources", deployment="web", cpu="300m", method="in-place")


def test_what_its_node_can_never_hold_is_rolled_or_refused() -> None:
    bench = ModelBench()
    with pytest.raises(TargetRefused) as caught:
        run(bench, "increase_resources", deployment="web", cpu="5", method="in-place")
    assert caught.value.reason == "Infeasible"
    with pytest.raises(RolloutFailed, match="exceeded its progress deadline"):
        run(ModelBench(), "increase_resources", deployment="web", cpu="5")


@pytest.mark.parametrize(
    ("action", "parameters", "purpose"),
    [
        ("scale_statefulset", {"statefulset": "db", "replicas": 200}, "exactly 200 pods"),
        ("run_job", {"name": "large", "duration_s": 1, "cpu": "100"}, "to be complete"),
        ("delete_pod", {"pod": "db-0", "grace_s": 0}, ""),
    ],
)
def test_what_never_comes_is_waited_for_by_name(
    action: str, parameters: Mapping[str, Any], purpose: str
) -> None:
    if purpose:
        with pytest.raises(StuckError, match=purpose):
            run(ModelBench(), action, **parameters)
    else:
        assert run(ModelBench(), action, **parameters)["pod"] == "db-0"


def test_a_claim_that_nobody_mounts_is_expanded_offline_only() -> None:
    bench = ModelBench()
    with pytest.raises(StuckError, match="capacity asked for"):
        run(bench, "expand_pvc", pvc="backup", size="20Gi")
    assert run(bench, "expand_pvc", pvc="backup", size="20Gi", offline=True) == {
        "pvc": "backup", "capacity": "10Gi"
    }  # fmt: skip


def test_no_value_of_a_secret_is_written_down_anywhere() -> None:
    bench, memory = ModelBench(), dict[str, Any]()
    parameters = bound("rotate_secrets", {"secret": "credentials", "value_from": "incoming"})
    outputs: list[Mapping[str, Any]] = []
    shown = [
        repr(effect)
        for effect in attempt(bench, CATALOGUE["rotate_secrets"].run, parameters, memory, outputs)
        if not isinstance(effect, WaitUntil)
    ]
    for text in (*shown, repr(memory), repr(outputs), repr(parameters)):
        assert NEW not in text
        assert OLD not in text
    assert sum("values, not shown" in text for text in shown) >= 4, "before and after each of two writes"


def test_a_rotation_whose_old_values_were_not_kept_cannot_be_undone() -> None:
    bench, memory = ModelBench(), dict[str, Any]()
    parameters = {"secret": "credentials", "value_from": "incoming", "keep_previous": False}
    outputs = run(bench, "rotate_secrets", memory, **parameters)
    with pytest.raises(TargetRefused) as caught:
        roll_back(bench, "rotate_secrets", memory, outputs, **parameters)
    assert caught.value.reason == "NothingKept"


@pytest.mark.parametrize("action", [*JOB_ACTIONS, "run_job"])
def test_a_job_goes_when_its_attempt_is_cancelled(action: str) -> None:
    bench, memory = ModelBench(), dict[str, Any]()
    case = next(case for case in CASES.values() if case.action == action)
    coroutine = CATALOGUE[action].run(_context(memory), bound(action, case.parameters))
    answer: Any = None
    while not isinstance(effect := coroutine.send(answer), WaitUntil):
        answer = bench.perform(effect) if type(effect).__name__ != "Remember" else None
    effect = coroutine.throw(ActionError("the step was cancelled", reason="Cancelled"))
    bench.perform(effect)
    with pytest.raises(ActionError, match="was cancelled"):
        coroutine.send(None)
    bench.settle()
    assert bench.of_kind("Job") == []
    assert not [one for one in bench.of_kind("Pod") if one["metadata"]["name"].startswith("collect")]


def _context(memory: dict[str, Any]) -> Any:
    from engine.core.action import ActionContext

    return ActionContext("run-1", "step-1", 1, memory, "headroom/run-1/step-1")


def test_a_job_that_is_declared_to_fail_fails() -> None:
    with pytest.raises(ActionError) as caught:
        run(ModelBench(), "run_job", name="bad", duration_s=2, exit_code=3)
    assert caught.value.reason == "JobFailed"


def test_somebody_elses_change_is_not_undone() -> None:
    bench, memory = ModelBench(), dict[str, Any]()
    parameters = {"deployment": "web", "replicas": 5}
    outputs = run(bench, "scale_deployment", memory, **parameters)
    bench.change("Deployment", "web", {"spec": {"replicas": 4}})
    assert roll_back(bench, "scale_deployment", memory, outputs, **parameters) == {"undone": False}
    assert bench.get("Deployment", "web")["spec"]["replicas"] == 4


def test_a_conflict_reads_again() -> None:
    bench, disturbed = ModelBench(), list[Patch]()
    perform = bench.perform

    def disturbing(effect: Any) -> Any:
        if isinstance(effect, Patch) and not disturbed:
            disturbed.append(effect)
            bench.change("HorizontalPodAutoscaler", "other", {"spec": {"minReplicas": 2}})
        return perform(effect)

    bench.perform = disturbing  # type: ignore[method-assign]  # somebody else comes first
    outputs = run(bench, "update_hpa", hpa="other", max_replicas=9)
    assert outputs == {"hpa": "other", "min_replicas": 2, "max_replicas": 9}
    assert bench.calls == ["Get", "Patch", "Get", "Patch"]


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [("1", 1000), ("500m", 500), ("0.5", 500), ("1Ki", 1_024_000), ("2e3", 2_000_000), ("1.0001m", 2)],
)
def test_quantities_are_exact_and_rounded_up(text: str, thousandths: int) -> None:
    assert milli(text) == thousandths


@pytest.mark.parametrize(
    ("text", "percent", "larger"),
    [
        ("200m", 50, "300m"),
        ("1", 50, "1500m"),
        ("2", 100, "4"),
        ("64Mi", 50, "96Mi"),
        ("1Gi", 10, "1181116007"),
    ],
)
def test_a_share_more_is_rounded_up(text: str, percent: int, larger: str) -> None:
    assert enlarged(text, percent) == larger


def test_the_bench_is_a_cluster() -> None:
    with pytest.raises(NotFound):
        ModelBench().perform(Get(Ref("Pod", "absent", "default")))
