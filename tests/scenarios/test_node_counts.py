"""How many nodes there are, as a knob: of a profile, of pools by name, of a snapshot."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import scenarios
from scenarios import Scenario, ScenarioError

Write = Callable[[str, str], str]
Load = Callable[..., Scenario]
POOLS = (
    "{profile: basic-development, "
    "nodes: [{name: a, profile: gpu, count: 1}, {name: b, profile: standard, count: 2}]}"
)


@pytest.fixture
def load(write: Write, sound_text: str) -> Load:
    def build(cluster: str, *overrides: str) -> Scenario:
        file = write("scenario.yaml", sound_text.replace("cluster: basic-development", f"cluster: {cluster}"))
        return scenarios.load(file, overrides)

    return build


def nodes(scenario: Scenario, point: int = 0) -> list[str]:
    spec = scenarios.compile(scenario, scenario.points()[point], 0)
    return [item["metadata"]["name"] for item in spec.cluster.objects if item["kind"] == "Node"]


def snapshot(*names: str, **last: Any) -> str:
    """A snapshot of ready nodes as JSON; `last` is put into the spec of the last one."""
    items = [
        {
            "apiVersion": "v1", "kind": "Node",
            "metadata": {
                "name": name, "uid": f"uid-{name}", "labels": {"kubernetes.io/hostname": name, "x": "y"},
            },
            "spec": {"podCIDR": "10.0.0.0/24"} | (last if name == names[-1] else {}),
            "status": {
                "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "50"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
        for name in names
    ]  # fmt: skip
    items += [
        {
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "i"}]},
                },
            },
        }
    ]  # fmt: skip
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def test_a_number_is_that_of_the_first_pool_wherever_the_pools_are_listed(load: Load) -> None:
    assert nodes(load("basic-development", "cluster.nodes=3")) == ["node-0", "node-1", "node-2"]
    assert nodes(load(POOLS, "cluster.nodes=2")) == ["a-0", "a-1", "b-0", "b-1"]


def test_a_pool_is_sized_by_its_name_and_the_others_stay(load: Load) -> None:
    scenario = load(POOLS, "cluster.pools.b=1", "cluster.pools.a=2")
    assert nodes(scenario) == ["a-0", "a-1", "b-0"]
    assert scenarios.node_knobs(scenario) == {"cluster.nodes": 2, "cluster.pools.b": 1}
    size = scenarios.compile(scenario, scenario.points()[0], 0).cluster.objects
    assert [it["status"]["capacity"]["cpu"] for it in size if it["kind"] == "Node"] == [
        "8000m",
        "8000m",
        "2000m",
    ]


@pytest.mark.parametrize(
    ("cluster", "sweep"),
    [
        ("basic-development", "cluster.nodes: [1, 4]"),
        ("basic-development", "cluster.pools.node: [1, 4]"),
        (POOLS, "cluster.nodes: [1, 4], cluster.pools.b: [1, 2]"),
        (POOLS, "cluster.pools.a: [1, 4]"),
    ],
)
def test_a_swept_number_survives_the_resolved_form(
    write: Write, sound_text: str, cluster: str, sweep: str
) -> None:
    text = sound_text.replace("cluster: basic-development", f"cluster: {cluster}")
    scenario = scenarios.load(write("scenario.yaml", text.replace("sweep: {", f"sweep: {{{sweep}, ")))
    again = scenarios.load(write("again.yaml", scenario.resolved_yaml()))
    digests = [[scenarios.compile(it, point, 0).digest for point in it.points()] for it in (scenario, again)]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == len(digests[0])
    assert again.resolved_yaml() == scenario.resolved_yaml()


def test_nodes_added_to_a_snapshot_are_like_its_last_sound_one(load: Load, write: Write) -> None:
    write("snap.json", snapshot("n1", "added-1", "n3", unschedulable=True))
    scenario = load("snap.json", "cluster.nodes=5")
    spec = scenarios.compile(scenario, scenario.points()[0], 0)
    found = [dict(item) for item in spec.cluster.objects if item["kind"] == "Node"]
    assert [it["metadata"]["name"] for it in found] == ["added-1", "n1", "n3", "added-2", "added-3"]
    added = found[-1]
    assert added["metadata"]["labels"] == {"kubernetes.io/hostname": "added-3", "x": "y"}
    assert "uid" not in added["metadata"]
    assert added["spec"] == {}  # neither cordoned as the last one, nor with the addresses of the one before
    assert added["status"]["allocatable"]["cpu"] == "4"
    assert scenarios.node_knobs(scenario) == {"cluster.nodes": 5}
    assert scenarios.node_knobs(load("snap.json")) == {"cluster.nodes": 3}


def test_a_swept_number_of_a_snapshots_nodes_survives_the_resolved_form(
    write: Write, sound_text: str
) -> None:
    write("snap.json", snapshot("n1"))
    text = sound_text.replace("cluster: basic-development", "cluster: {profile: snap.json, nodes: 3}")
    scenario = scenarios.load(write("s.yaml", text.replace("sweep: {", "sweep: {cluster.nodes: [1, 2, 3], ")))
    again = scenarios.load(write("again.yaml", scenario.resolved_yaml()))
    counts = [len(nodes(scenario, point.index)) for point in scenario.points()]
    assert sorted(set(counts)) == [1, 2, 3]
    assert counts == [len(nodes(again, point.index)) for point in again.points()]


@pytest.mark.parametrize(
    ("cluster", "override", "message"),
    [
        (POOLS, "cluster.pools.c=1", "no pool 'c' of nodes; expected one of a, b"),
        ("basic-development", "cluster.pools.nodes=1", "did you mean 'node'?"),
        ("basic-development", "cluster.pools.node=0", "found 0; expected at least 1"),
        ("basic-development", "cluster.nodes=1.5", "cluster.nodes"),
        ("{profile: basic-development, nodes: 2}", "cluster.pools.node=3", "beside cluster.nodes: 2"),
        ("snap.json", "cluster.nodes=1", "1 nodes beside a snapshot of 2; expected 2 or more"),
        ("snap.json", "cluster.pools.node=3", "a snapshot has no pools; expected cluster.nodes"),
        ("tainted.json", "cluster.nodes=2", "no node of the snapshot to copy"),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_said(
    load: Load, write: Write, cluster: str, override: str, message: str
) -> None:
    write("snap.json", snapshot("n1", "n2"))
    write("tainted.json", snapshot("n1", taints=[{"key": "k", "effect": "NoSchedule"}]))
    with pytest.raises(ScenarioError) as caught:
        load(cluster, override)
    assert message in str(caught.value)
