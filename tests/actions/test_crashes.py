"""Crash at every effect boundary, restart with what was remembered: the same end, and nothing done twice."""

import copy
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from engine.actions import CATALOGUE
from engine.core.effects import Ref
from tests.actions.world import World, attempt


def plain(world: World) -> None:
    world.deployment("web", 3)
    world.deployment("other", 2)


def with_history(world: World) -> None:
    plain(world)
    ref = next(ref for ref in world.objects if ref.kind == "Deployment" and ref.name == "web")
    for image in ("a:2", "a:3"):
        changed = copy.deepcopy(world.objects[ref])
        changed["spec"]["template"]["spec"]["containers"][0]["image"] = image
        changed["metadata"]["generation"] += 1
        world.put(changed)
        world.settle()


def with_counter(world: World) -> None:
    world.put(
        {"kind": "ConfigMap", "metadata": {"name": "shared", "namespace": "ns"}, "data": {"hits": "41"}}
    )


def with_refused_evictions(world: World) -> None:
    plain(world)
    world.evictions_refused = 2


def with_alert(world: World) -> None:
    plain(world)
    world.outside.fire(alertname="PodsNotReady", namespace="ns", severity="warning")


def with_logs(world: World) -> None:
    plain(world)
    for pod in world.of_kind("Pod"):
        ref = Ref("Pod", pod["metadata"]["name"], "ns")
        world.outside.logs[ref, "c"] = f"{ref.name} begins\nand goes on\n"


CASES: Mapping[str, tuple[Callable[[World], None], str, Mapping[str, Any]]] = {
    "restart by ordinal": (plain, "restart_pod", {"deployment": "web", "ordinal": 4}),
    "restart by name": (plain, "restart_pod", {"pod": "web-h1-002"}),
    "evict": (with_refused_evictions, "restart_pod", {"deployment": "web", "method": "evict"}),
    "scale up": (plain, "scale_deployment", {"deployment": "web", "replicas": 5}),
    "scale down": (plain, "scale_deployment", {"deployment": "web", "replicas": 1, "autoscaled": "ignore"}),
    "rollout": (plain, "rollout_restart", {"deployment": "web"}),
    "rollback to previous": (with_history, "rollback_deployment", {"deployment": "web"}),
    "rollback to revision": (with_history, "rollback_deployment", {"deployment": "web", "revision": 1}),
    "job": (plain, "run_job", {"name": "collect", "duration_s": 5}),
    "count guarded": (with_counter, "update_counter", {"name": "shared", "key": "hits"}),
    "count unguarded": (with_counter, "update_counter", {"name": "shared", "key": "hits", "guarded": False}),
    "silence": (plain, "silence_alert", {"name": "PodsNotReady", "labels": {"namespace": "ns"}}),
    "create an alert": (plain, "create_alert", {"name": "Mine", "labels": {"team": "a"}}),
    "create an alert that fires": (
        with_alert,
        "create_alert",
        {"name": "PodsNotReady", "labels": {"namespace": "ns"}},
    ),
    "acknowledge": (with_alert, "acknowledge_alert", {"name": "PodsNotReady"}),
    "escalate": (with_alert, "escalate_alert", {"name": "PodsNotReady", "channel": "ops"}),
    "notify": (plain, "notification", {"channel": "ops", "message": "hello"}),
    "webhook": (plain, "webhook", {"url": "https://hooks.example.com/x", "body": {"a": 1}}),
    "assess": (plain, "assess_target", {"kind": "Deployment", "name": "web"}),
    "diagnose a deployment": (with_logs, "collect_diagnostics", {"deployment": "web", "tail_lines": 1}),
    "diagnose a pod's state": (
        plain,
        "collect_diagnostics",
        {"pod": "web-h1-002", "tail_lines": 0, "events": False},
    ),
    "wait": (plain, "wait", {"duration_s": 2}),
    "log": (plain, "log", {"message": "hello"}),
}


def start(case: str) -> tuple[World, str, Mapping[str, Any]]:
    prepare, action, parameters = CASES[case]
    world = World()
    prepare(world)
    world.mutations.clear()
    if "namespace" in CATALOGUE[action].parameters:
        parameters = {"namespace": "ns", **parameters}
    return world, action, parameters


def play(case: str, crashes: tuple[int, ...], *, world_moves_on: bool) -> tuple[World, Any, int]:
    """Crash each attempt at its boundary, then run to the end; return it and the last run's boundaries."""
    world, action, parameters = start(case)
    memory: dict[str, Any] = {}
    for number, boundary in enumerate(crashes, 1):
        steps = attempt(world, action, parameters, memory, number)
        for _ in range(boundary):
            next(steps)
        steps.close()
        if world_moves_on:
            world.settle()
    steps, boundaries = attempt(world, action, parameters, memory, len(crashes) + 1), 0
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            world.settle()
            return world, stop.value, boundaries
        boundaries += 1


def state(world: World) -> list[Any]:
    """All objects, alerts and silences; which version a write got is no part of the end."""
    objects = [
        (ref, {**one, "metadata": {**one["metadata"], "resourceVersion": ""}})
        for ref, one in sorted(world.objects.items())
    ]
    return [*objects, *world.outside.state()]


@pytest.mark.parametrize("case", CASES)
def test_a_crash_at_any_boundary_changes_nothing(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    reference, outputs, boundaries = play(case, (), world_moves_on=False)
    points = 0
    for world_moves_on in (False, True):
        for first in range(boundaries + 1):
            _, _, remaining = play(case, (first,), world_moves_on=world_moves_on)
            for crashes in ((first,), *((first, second) for second in range(remaining + 1))):
                world, found, _ = play(case, crashes, world_moves_on=world_moves_on)
                told = f"{case}: crashes at {crashes}, moves on: {world_moves_on}"
                assert world.mutations == reference.mutations, told
                assert state(world) == state(reference), told
                assert found == outputs, told
                points += 1
    with capsys.disabled():
        sys.stdout.write(f"\n{case}: {points} crash points, {boundaries // 2} effects")
