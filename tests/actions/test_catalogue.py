"""The actions that restart and scale: fast path, missing target, already as wanted, interference."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.actions import CATALOGUE
from engine.core.effects import Ref
from engine.core.errors import ActionError, TargetMissing, TargetRefused
from tests.actions import contract
from tests.actions.test_crashes import CASES, start
from tests.actions.world import World, run

FEWEST: Mapping[str, str] = {
    "restart by ordinal": "Get List Delete",
    "restart by name": "Get Get Delete",
    "evict": "Get List Evict Evict Evict",
    "scale up": "Get List Patch",
    "scale down": "Get Patch",
    "rollout": "Get Patch",
    "rollback to previous": "Get List Patch",
    "rollback to revision": "Get List Patch",
    "job": "Create",
    "count guarded": "Get Patch",
    "count unguarded": "Get Patch",
    "silence": "",
    "create an alert": "",
    "create an alert that fires": "",
    "acknowledge": "",
    "escalate": "",
    "notify": "",
    "webhook": "",
    "assess": "Get",
    "diagnose a deployment": "Get List List ReadLogs ReadLogs ReadLogs",
    "diagnose a pod's state": "Get",
    "wait": "",
    "log": "",
}


@pytest.mark.parametrize("case", CASES)
def test_calls_of_the_fast_path(case: str) -> None:
    world, action, parameters = start(case)
    run(world, action, **parameters)
    assert " ".join(world.calls) == FEWEST[case]


@pytest.mark.parametrize("action", CATALOGUE)
def test_calls_min_is_the_fewest_of_a_first_attempt(action: str) -> None:
    calls = [len(FEWEST[case].split()) for case in CASES if CASES[case][1] == action]
    calls += [
        len(case.calls.split()) for case in contract.CASES.values() if case.calls and case.action == action
    ]
    assert CATALOGUE[action].calls_min == min(calls)
    assert CATALOGUE[action].name == action


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("restart_pod", {"deployment": "absent"}),
        ("restart_pod", {"pod": "absent"}),
        ("scale_deployment", {"deployment": "absent", "replicas": 2}),
        ("rollout_restart", {"deployment": "absent"}),
        ("rollback_deployment", {"deployment": "absent"}),
        ("rollback_deployment", {"deployment": "web", "revision": 7}),
        ("rollback_deployment", {"deployment": "web"}),
        ("run_job", {"namespace": "absent", "name": "j", "duration_s": 1}),
        ("update_counter", {"name": "absent", "key": "k"}),
    ],
)
def test_a_missing_target_is_said_and_not_retried(action: str, parameters: Mapping[str, Any]) -> None:
    world = World()
    world.deployment("web", 2)
    with pytest.raises(TargetMissing) as caught:
        run(world, action, **{"namespace": "ns", **parameters})
    assert not caught.value.retryable
    assert world.mutations == []


@pytest.mark.parametrize(
    ("action", "parameters", "reason"),
    [
        ("restart_pod", {}, "InvalidParameters"),
        ("restart_pod", {"deployment": "web", "pod": "p"}, "InvalidParameters"),
        ("restart_pod", {"deployment": "web", "method": "kill"}, "InvalidParameters"),
        ("scale_deployment", {"deployment": "web", "replicas": -1}, "InvalidParameters"),
        ("scale_deployment", {"deployment": "web", "replicas": 1, "autoscaled": "x"}, "InvalidParameters"),
        ("scale_deployment", {"deployment": "web"}, "InvalidParameters"),
        ("run_job", {"name": "Not_A_Name", "duration_s": 1}, "InvalidParameters"),
        ("run_job", {"name": "x" * 47, "duration_s": 1}, "InvalidParameters"),
        ("run_job", {"name": "j", "duration_s": -1}, "InvalidParameters"),
    ],
)
def test_parameters_are_checked_before_anything_is_called(
    action: str, parameters: Mapping[str, Any], reason: str
) -> None:
    world = World()
    with pytest.raises(ActionError) as caught:
        run(world, action, **{"namespace": "ns", **parameters})
    assert (caught.value.reason, caught.value.retryable) == (reason, False)
    assert world.calls == []
    with pytest.raises(ActionError, match="must not be negative"):
        run(world, "wait", duration_s=-0.5)


def test_wait_and_log_do_what_they_say() -> None:
    world = World()
    run(world, "wait", duration_s=0.25)
    run(world, "log", message="hello")
    assert world.slept_ns == [(250_000_000, False)]
    assert world.logged == ["hello"]


@pytest.mark.parametrize("action", ["rollout_restart", "rollback_deployment"])
def test_a_paused_deployment_is_refused(action: str) -> None:
    world = World()
    world.deployment("web", 2, paused=True)
    with pytest.raises(TargetRefused) as caught:
        run(world, action, namespace="ns", deployment="web")
    assert caught.value.reason == "Paused"
    assert world.mutations == []


def test_selectors_that_labels_cannot_express_are_refused() -> None:
    world = World()
    world.deployment("web", 1)
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}
    world.objects[Ref("Deployment", "web", "ns")]["spec"]["selector"] = selector
    with pytest.raises(TargetRefused) as caught:
        run(world, "restart_pod", namespace="ns", deployment="web")
    assert caught.value.reason == "UnsupportedSelector"
