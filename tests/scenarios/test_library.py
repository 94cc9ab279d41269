from pathlib import Path

import pytest

import scenarios
from scenarios import Scenario
from scenarios.cluster_schema import ClusterFile, WorkloadsFile
from scenarios.document import read_file
from scenarios.problems import validated
from scenarios.shipped import LIBRARY

REQUIRED = {
    "high-throughput-orchestration": "BR-WORKFLOW-032",
    "state-consistency": "BR-WORKFLOW-032",
    "production-scale-steps": "BR-WORKFLOW-033",
    "optimised-under-constraints": "BR-WORKFLOW-034",
    "engine-nfr": "BR-PERF",
}
POINTS = {
    ("high-throughput-orchestration", "orchestration"): (
        {"load.burst": 5, "workflow.steps": 1},
        "makespan",
        30.0,
    ),
    ("high-throughput-orchestration", "each-workflow"): (
        {"load.burst": 5, "workflow.steps": 1},
        "execution_duration",
        25.0,
    ),
    ("production-scale-steps", "makespan"): ({"load.burst": 1, "workflow.steps": 10}, "makespan", 60.0),
    ("optimised-under-constraints", "each-workflow"): ({"load.burst": 3}, "execution_duration", 15.0),
    ("optimised-under-constraints", "all-workflows"): ({"load.burst": 3}, "makespan", 25.0),
}


@pytest.mark.parametrize("name", scenarios.shipped())
def test_every_shipped_scenario_loads_compiles_and_warns_of_nothing(name: str) -> None:
    scenario = scenarios.load(name)
    assert scenario.name == name
    assert scenario.description
    assert scenario.warnings == ()
    assert scenario.targets
    for point in scenario.points():
        assert scenarios.compile(scenario, point, 0).point == point.index


@pytest.mark.parametrize("name", scenarios.shipped())
def test_every_target_selects_a_point(name: str) -> None:
    scenario = scenarios.load(name)
    selections = [it.where for it in scenario.targets] + [it.where for it in scenario.comparisons]
    for where in selections:
        assert any(where.items() <= dict(point.coordinates).items() for point in scenario.points())


@pytest.mark.parametrize(("name", "requirement"), REQUIRED.items())
def test_requirement_scenarios_name_their_requirement_and_have_a_harder_variant(
    name: str, requirement: str
) -> None:
    scenario = scenarios.load(name)
    assert scenario.requirement == requirement
    assert all(target.requirement.startswith(requirement) for target in scenario.targets)
    assert scenarios.load(f"{name}-hard").requirement == requirement


@pytest.mark.parametrize(("key", "wanted"), POINTS.items(), ids=[" ".join(key) for key in POINTS])
def test_targets_stand_at_the_requirement_s_exact_point(
    key: tuple[str, str], wanted: tuple[dict[str, int], str, float]
) -> None:
    target = next(target for target in scenarios.load(key[0]).targets if target.id == key[1])
    assert (dict(target.where), target.metric, target.max) == wanted
    assert (target.attainment, target.severity) == (0.95, "error")


def test_all_nine_performance_requirements_have_a_target() -> None:
    found = {target.requirement for target in scenarios.load("engine-nfr").targets}
    assert found >= {f"BR-PERF-{number:03d}" for number in range(1, 10)}


def sweep_of(scenario: Scenario) -> dict[str, list[object]]:
    return {
        path: list(dict.fromkeys(p.coordinates[path] for p in scenario.points()))
        for path in scenario.sweep.paths
    }


def test_the_demo_sweeps_concurrency_and_steps() -> None:
    scenario = scenarios.load("high-throughput-orchestration")
    assert sweep_of(scenario) == {"load.burst": [1, 2, 5, 10, 20, 50, 100], "workflow.steps": [1, 5, 10, 20]}
    assert scenario.experiment.replications.min >= 10


def test_scaled_deployments_belong_to_no_autoscaler() -> None:
    for name in ("state-consistency", "optimised-under-constraints", "optimised-under-constraints-hard"):
        scenario = scenarios.load(name)
        spec = scenarios.compile(scenario, scenario.points()[0], 0)
        owned = [
            it["spec"]["scaleTargetRef"]["name"]
            for it in spec.cluster.objects
            if it["kind"] == "HorizontalPodAutoscaler"
        ]
        targets = spec.workload.targets.deployments if spec.workload.targets else ()
        assert not {target.split("/")[1] for target in targets} & set(owned)


PROFILES = [
    *((file, ClusterFile) for file in sorted((LIBRARY / "clusters").glob("*.yaml"))),
    *((file, WorkloadsFile) for file in sorted((LIBRARY / "workloads").glob("*.yaml"))),
]


@pytest.mark.parametrize(("file", "model"), PROFILES, ids=[file.stem for file, _ in PROFILES])
def test_every_profile_bears_the_name_of_its_file_and_names_its_assumptions(
    file: Path, model: type[ClusterFile] | type[WorkloadsFile]
) -> None:
    profile = validated(model, read_file(file))
    assert f"{profile.name}.yaml" == file.name
    assert profile.description
    parameters = getattr(profile, "parameters", {})
    for entry in profile.deployments if not parameters.get("kwok.nodes") else ():  # nothing starts up there
        assert entry.behaviour.source, entry.name
        assert entry.behaviour.startup
        assert entry.behaviour.exit


def test_the_door_knows_what_is_shipped() -> None:
    assert set(REQUIRED) | {"smoke", "must-fail", "infeasible", "quota-refusal"} <= set(scenarios.shipped())
    assert scenarios.shipped("cluster") == (
        "basic-development",
        "control-plane-bench",
        "disaster-simulation",
        "high-load-production",
        "monitoring-heavy",
        "multi-tenant-dev",
        "resource-constrained",
    )
    assert scenarios.shipped("workload profile") == (
        "aiml-workload",
        "high-throughput-services",
        "kubernaut-operator",
        "monitoring-workload",
        "web-application-stack",
    )
