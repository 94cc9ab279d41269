"""Pods of higher priority make room for themselves: who has to go, in which order, and what is said of it."""

from typing import Any

import pytest

from tests.simulator.cluster.objects import Object, bare_pod, budget, node
from tests.simulator.cluster.rig import EXIT, Rig, S, name_of, node_of


def running(name: str, on: str, priority: int = 0, cpu: str = "1", since: int = 0, **labels: str) -> Object:
    pod = bare_pod(name, cpu=cpu, labels=labels, nodeName=on, priority=priority)
    ready = [{"type": "Ready", "status": "True"}]
    started = f"2025-01-01T00:00:{since:02d}Z"
    return {**pod, "status": {"phase": "Running", "startTime": started, "conditions": ready}}


def leaving(rig: Rig) -> list[str]:
    return [name_of(pod) for pod in rig.pods() if "deletionTimestamp" in pod["metadata"]]


def condition(rig: Rig, pod: str, kind: str) -> Any:
    conditions = rig.get("Pod", pod)["status"].get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), None)


def test_a_victim_goes_in_peace_and_the_pod_takes_its_place() -> None:
    rig = Rig(node("n1", "1"), running("old", "n1"))
    rig.create(bare_pod("new", cpu="1", priority=10))
    rig.run(1 * S)
    assert leaving(rig) == ["old"]
    assert condition(rig, "old", "DisruptionTarget")["reason"] == "PreemptionByScheduler"
    assert rig.get("Pod", "new")["status"]["nominatedNodeName"] == "n1"
    assert not node_of(rig.get("Pod", "new"))
    marked = rig.now
    rig.run_until(lambda: bool(node_of(rig.get("Pod", "new"))))
    assert marked < rig.now < marked + EXIT + 1 * S
    assert [name_of(pod) for pod in rig.pods()] == ["new"]
    assert rig.checker.violations["node_overcommitted"] == 0


def test_equals_and_those_who_never_preempt_wait() -> None:
    rig = Rig(node("n1", "1"), running("old", "n1", 5))
    rig.create(bare_pod("equal", cpu="1", priority=5))
    rig.create(bare_pod("gentle", cpu="1", priority=9, preemptionPolicy="Never"))
    rig.run(5 * S)
    assert not leaving(rig)
    assert condition(rig, "equal", "PodScheduled")["message"] == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 No preemption victims found for incoming pod."
    )
    assert condition(rig, "gentle", "PodScheduled")["message"] == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
    )


def test_nothing_leaves_a_node_that_would_not_do_even_empty() -> None:
    rig = Rig(node("n1", "1"), running("old", "n1"))
    rig.create(bare_pod("huge", cpu="2", priority=10))
    rig.run(5 * S)
    assert not leaving(rig)
    assert condition(rig, "huge", "PodScheduled")["message"].endswith(
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )


@pytest.mark.parametrize(
    ("pods", "victims"),
    [
        # The lowest of the highest priorities goes.
        ([running("a", "n1", 3), running("b", "n2", 2)], ["b"]),
        # Equal ones: the fewer, also by the sum of their priorities.
        ([running("a", "n1", 2, "500m"), running("b", "n1", 2, "500m"), running("c", "n2", 2)], ["c"]),
        # Equal in all: the one that began last.
        ([running("a", "n1", 2, since=1), running("b", "n2", 2, since=9)], ["b"]),
        # Equal in all that counts: the first node.
        ([running("a", "n1", 2), running("b", "n2", 2)], ["a"]),
    ],
)
def test_the_least_important_have_to_go(pods: list[Object], victims: list[str]) -> None:
    rig = Rig(node("n1", "1"), node("n2", "1"), *pods)
    rig.create(bare_pod("new", cpu="1", priority=10))
    rig.run(1 * S)
    assert leaving(rig) == victims


def test_only_as_many_go_as_have_to_and_the_more_important_stay() -> None:
    rig = Rig(
        node("n1", "2"), running("low", "n1", 1, "500m"), running("middle", "n1", 2, "500m"),
        running("high", "n1", 3, "1"),
    )  # fmt: skip
    rig.create(bare_pod("new", cpu="500m", priority=10))
    rig.run(1 * S)
    assert leaving(rig) == ["low"]


def test_budgets_are_respected_where_there_is_a_choice_and_violated_where_there_is_none() -> None:
    pods = [running("kept", "n1", 1, app="web"), running("spare", "n2", 5, app="other")]
    rig = Rig(node("n1", "1"), node("n2", "1"), *pods, budget("web", minAvailable=1))
    rig.create(bare_pod("new", cpu="1", priority=10))
    rig.run(1 * S)
    assert leaving(rig) == ["spare"]  # of higher priority, but nothing protects it
    rig.create(bare_pod("newer", cpu="1", priority=10))
    rig.run(1 * S)
    assert leaving(rig) == ["kept", "spare"]


def test_the_place_is_kept_from_less_important_pods() -> None:
    rig = Rig(node("n1", "1"), running("old", "n1", cpu="1"))
    rig.create(bare_pod("new", cpu="1", priority=10))
    rig.run(1 * S)
    rig.create(bare_pod("sneak", cpu="1", priority=1))
    rig.run(20 * S)
    assert node_of(rig.get("Pod", "new")) == "n1"
    assert not node_of(rig.get("Pod", "sneak"))


def test_priorities_come_from_classes() -> None:
    classes = [
        {"kind": "PriorityClass", "metadata": {"name": "urgent"}, "value": 100},
        {"kind": "PriorityClass", "metadata": {"name": "usual"}, "value": 7, "globalDefault": True},
        {"kind": "PriorityClass", "metadata": {"name": "calm"}, "value": 90, "preemptionPolicy": "Never"},
    ]
    rig = Rig(node("n1", "1"), running("old", "n1", 7), *classes)
    rig.create(bare_pod("usual", cpu="1"))  # the default class: an equal
    rig.create(bare_pod("calm", cpu="1", priorityClassName="calm"))
    rig.run(5 * S)
    assert not leaving(rig)
    rig.create(bare_pod("urgent", cpu="1", priorityClassName="urgent"))
    rig.run(1 * S)
    assert leaving(rig) == ["old"]
    rig.run(30 * S)
    assert node_of(rig.get("Pod", "urgent")) == "n1"
