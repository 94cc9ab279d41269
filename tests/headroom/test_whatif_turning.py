"""What knobs come to in a scenario: settings in files, objects and snapshots, pools, and reasons why not."""

import json
from pathlib import Path
from typing import Any

import pytest

import scenarios
from headroom.whatif_knobs import GRACE, PROBES, RETRIES, Knob, Turn
from headroom.whatif_turning import Bench
from scenarios import RunSpec, Scenario
from scenarios.pinned import pinned

HEAD = """\
apiVersion: headroom/v1
name: it
workload: {workflow: restart-pods, targets: {deployments: all}, load: {burst: 1}}
"""
ADDED = """\
  add:
    objects:
      - apiVersion: apps/v1
        kind: Deployment
        metadata: {name: plain, namespace: default}
        spec:
          replicas: 1
          selector: {matchLabels: {app: plain}}
          template:
            metadata: {labels: {app: plain}}
            spec:
              containers:
                - name: it
                  image: "nginx:1"
                  readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 7}
"""
POOLS = """\
cluster:
  inline:
    apiVersion: headroom/v1
    kind: Cluster
    name: two-pools
    nodes:
      - {name: small, count: 2, cpu: 2000m, memory: 4Gi}
      - {name: large, count: 1, cpu: 8000m, memory: 32Gi}
    deployments: [{name: app, replicas: 1, image: "nginx:1"}]
"""


def written(folder: Path, cluster: str, more: str = "") -> Scenario:
    (folder / "it.yaml").write_text(HEAD + cluster + more)
    return scenarios.load(folder / "it.yaml")


def spec_of(scenario: Scenario | None) -> RunSpec:
    assert scenario is not None
    return scenarios.compile(scenario, scenario.points()[0], 0)


def pods_of(spec: RunSpec) -> dict[str, Any]:
    """Return the pod spec of each Deployment by name."""
    return {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]
        for item in spec.cluster.objects
        if item["kind"] == "Deployment"
    }


def knob(path: str, step: str) -> Knob:
    return Knob("it", (Turn(path, step),), "")


def snapshot(folder: Path) -> str:
    """Write the settled objects of a cluster as a Kubernetes List, and name it as a scenario's cluster."""
    from headroom import cluster_file

    spec, objects = cluster_file.settled(written(folder, "cluster: {profile: basic-development}\n"))
    assert spec.name == "basic-development"
    cluster_file.write(objects, folder / "pods.json")
    return f"cluster: {{files: [{json.dumps(str(folder / 'pods.json'))}]}}\n"


def test_grace_and_probes_are_turned_wherever_they_stand(tmp_path: Path) -> None:
    bench = Bench(written(tmp_path, "cluster:\n  profile: basic-development\n" + ADDED))
    before = pods_of(bench.spec)
    grace = pods_of(spec_of(bench.turn(knob(GRACE, "-50%")).scenario))
    assert sorted(grace) == ["api-backend", "cache", "plain", "web-frontend"]
    assert {pod["terminationGracePeriodSeconds"] for pod in grace.values()} == {15}
    probes = pods_of(spec_of(bench.turn(knob(PROBES, "-50%")).scenario))
    for name, pod in probes.items():
        period = before[name]["containers"][0]["readinessProbe"]["periodSeconds"]
        assert pod["containers"][0]["readinessProbe"]["periodSeconds"] == period // 2
    assert pods_of(bench.spec) == before, "and the scenario stays as it is"


def test_a_snapshot_is_turned_too(tmp_path: Path) -> None:
    bench = Bench(written(tmp_path, snapshot(tmp_path)))
    spec = spec_of(bench.turn(knob(GRACE, "-50%")).scenario)
    assert {pod["terminationGracePeriodSeconds"] for pod in pods_of(spec).values()} == {15}
    graces = [
        it["spec"]["terminationGracePeriodSeconds"] for it in spec.cluster.objects if it["kind"] == "Pod"
    ]
    assert graces
    assert set(graces) == {15}, "those that are there already, too"
    more = spec_of(bench.turn(next(it for it in bench.knobs() if it.name == "nodes")).scenario)
    assert sum(item["kind"] == "Node" for item in more.cluster.objects) == 2


def test_each_pool_of_nodes_is_a_knob_of_its_own(tmp_path: Path) -> None:
    bench = Bench(written(tmp_path, POOLS))
    small, large = bench.knobs()[:2]
    assert (small.name, large.name) == ("nodes of pool small", "nodes of pool large")
    for one, change, names in (
        (small, "cluster.nodes 2 → 3", ["large-0", "small-0", "small-1", "small-2"]),
        (large, "cluster.pools.large 1 → 2", ["large-0", "large-1", "small-0", "small-1"]),
    ):
        setting = bench.turn(one)
        assert setting.change == change
        nodes = [
            it["metadata"]["name"] for it in spec_of(setting.scenario).cluster.objects if it["kind"] == "Node"
        ]
        assert sorted(nodes) == names


def test_turning_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    scenario = written(tmp_path, "cluster: high-load-production\n", "faults: []\n")
    bench = Bench(scenario)
    base = bench.spec.to_json()
    assert base == spec_of(scenario).to_json(), "with everything explicit it is the same run"
    setting = bench.turn(knob("engine.client.qps", "x2"))
    assert setting.change == "engine.client.qps 20 → 40"
    after = spec_of(setting.scenario).to_json()
    assert after["engine"]["client_qps"] == 40
    after["engine"]["client_qps"] = base["engine"]["client_qps"]
    assert after == base


def test_every_knob_of_the_catalogue_turns_or_says_why_not() -> None:
    for name in ("smoke", "disaster-simulation", "optimised-under-constraints-hard"):
        scenario = scenarios.load(name)
        first = scenario.points()[0].coordinates
        bench = Bench(pinned(scenario, {path: first[path] for path in scenario.sweep.paths}, []))
        digests = {bench.spec.digest}
        names = [one.name for one in bench.knobs()]
        assert len(set(names)) == len(names)
        for one in bench.knobs():
            assert one.cost
            setting = bench.turn(one)
            assert bool(setting.reason) == (setting.scenario is None)
            if setting.scenario is not None:
                digest = spec_of(setting.scenario).digest
                assert digest not in digests, f"{one.name} is a run of its own"
                digests.add(digest)
        assert len(digests) > 20


@pytest.mark.parametrize(
    ("path", "step", "reason"),
    [
        ("engine.step_slots", "x2", "engine.step_slots: it is unlimited"),
        ("engine.rates.*.rate", "x2", "engine.rates.*.rate: there is none"),
        ("engine.reads", "api", "engine.reads: it is api already"),
        ("cluster.pools.gpu", "+1", "cluster.pools.gpu: it is not set"),
    ],
)
def test_a_knob_that_cannot_be_turned_says_why(path: str, step: str, reason: str, tmp_path: Path) -> None:
    setting = Bench(written(tmp_path, "cluster: high-load-production\n")).turn(knob(path, step))
    assert (setting.scenario, setting.reason) == (None, reason)


def test_retries_of_a_workflow_are_a_knob(tmp_path: Path) -> None:
    setting = Bench(written(tmp_path, "cluster: high-load-production\n")).turn(knob(RETRIES, "-50%"))
    (step,) = spec_of(setting.scenario).workload.workflow["steps"]
    assert step["retry"]["delay_ns"] == 500_000_000
    assert setting.change == "each step's retry.delay 1s → 500ms"
