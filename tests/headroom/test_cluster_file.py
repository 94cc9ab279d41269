"""`headroom cluster`: what it writes is a Kubernetes List, and reads back to the same cluster."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import scenarios
from engine.core.effects import Resource
from headroom.cluster_file import settled, write
from scenarios import Scenario
from scenarios.quantities import resource_amount
from scenarios.snapshot import without_nulls
from simulator import simulate
from tests.headroom.command import headroom

Objects = Iterable[Mapping[str, Any]]


def load(cluster: str, *overrides: str) -> Scenario:
    return scenarios.load("smoke", [f"cluster={cluster}", *overrides])


def by_name(objects: Objects) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    named = {}
    for item in objects:
        metadata = item["metadata"]
        key = (item["kind"], metadata.get("namespace", ""), metadata["name"])
        assert key not in named
        named[key] = item
    return named


@pytest.mark.parametrize("name", scenarios.shipped("cluster"))
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_what_is_written_reads_back_to_the_same_cluster(name: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"snap.{suffix}"
    spec, objects = settled(load(name))
    write(objects, file)
    again, later = settled(load(str(file)))
    assert by_name(later) == by_name(objects)
    assert again.kubernetes_version == spec.kubernetes_version
    assert set(again.behaviours) == set(spec.behaviours)


@pytest.mark.parametrize("name", scenarios.shipped("cluster"))
def test_a_written_cluster_is_what_an_api_server_could_have_told(name: str) -> None:
    objects = by_name(settled(load(name))[1])
    uids = {item["metadata"]["uid"]: item for item in objects.values()}
    assert len(uids) == len(objects)
    for (kind, _, _), item in objects.items():
        assert item["apiVersion"]
        assert item["metadata"]["creationTimestamp"]
        assert json.loads(json.dumps(item)) == item
        for owner in item["metadata"].get("ownerReferences", ()):
            known = uids[owner["uid"]]
            assert (owner["kind"], owner["name"]) == (known["kind"], known["metadata"]["name"])
            assert owner["apiVersion"] == known["apiVersion"]
        if kind in ("Deployment", "ReplicaSet", "StatefulSet"):
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert item["spec"]["selector"]["matchLabels"].items() <= labels.items()
            check_containers(item["spec"]["template"])
        elif kind == "Pod":
            check_containers(item)


def check_containers(pod: Resource) -> None:
    for container in pod["spec"]["containers"]:
        resources = container.get("resources", {})
        limits = resources.get("limits", {})
        for resource, amount in resources.get("requests", {}).items():
            size = resource_amount(resource, amount)
            assert size <= resource_amount(resource, limits.get(resource, amount))
            if "/" in resource:  # a device is not overcommitted
                assert size == resource_amount(resource, limits[resource])


def test_a_run_on_what_was_written_ends_as_one_on_the_original(tmp_path: Path) -> None:
    file = tmp_path / "snap.json"
    write(settled(load("basic-development"))[1], file)
    ends = [ends_of(cluster) for cluster in ("basic-development", str(file))]
    assert ends[0] == ends[1]
    assert len(ends[0]) == 2


def ends_of(cluster: str) -> list[int]:
    names = ("default/web-frontend", "default/api-backend", "default/cache")
    said = json.dumps({name: {"startup": "1s", "exit": "500ms", "image_mb": 1} for name in names})
    targets = f"workload.targets.deployments={json.dumps(names)}"  # in one order, whatever the file's
    scenario = load(f"{{profile: {cluster}, behaviours: {said}}}", targets)
    rows = simulate(scenarios.compile(scenario, scenario.points()[-1], 0)).rows
    return [row["ended_ns"] for row in rows if row["type"] == "execution"]


def test_the_command_says_what_it_wrote_and_what_is_pending(tmp_path: Path) -> None:
    file = tmp_path / "out" / "tight.yaml"
    arguments: list[str | Path] = ["cluster", "smoke", "--set", "cluster=resource-constrained", "--out", file]
    found = headroom(*arguments)
    assert found.returncode == 0, found.stderr
    assert f"{file}: resource-constrained, Kubernetes 1.34, 3" in found.stdout
    assert "pending: default/analytics-0" in found.stdout
    told = json.loads(headroom(*arguments, "--json").stdout)
    assert told["objects_count_by_kind"]["Pod"] == 11
    listed = json.loads(headroom("cluster", "smoke").stdout)
    assert (listed["kind"], listed["apiVersion"]) == ("List", "v1")
    assert headroom("validate", "smoke", "--set", f"cluster={file}").returncode == 0


@pytest.mark.oracle
def test_the_recorded_control_plane_comes_back_as_it_was(reference_data: Path, tmp_path: Path) -> None:
    recorded = reference_data / "control-plane" / "snapshot.json"
    workload = "workload={workflow: restart-pods, targets: {deployments: all}, load: {burst: 1}}"
    file = tmp_path / "again.json"
    write(settled(load(str(recorded), workload))[1], file)
    items = list(map(without_nulls, json.loads(recorded.read_text(encoding="utf-8"))["items"]))
    assert by_name(json.loads(file.read_text(encoding="utf-8"))["items"]) == by_name(items)
