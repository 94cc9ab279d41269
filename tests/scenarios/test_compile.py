import dataclasses
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios
from scenarios import LoadSpec, RunSpec, Scenario

Write = Callable[[str, str], str]
GOLDEN = Path(__file__).parent / "digests.json"


def specs(scenario: Scenario) -> list[RunSpec]:
    return [
        scenarios.compile(scenario, point, replication)
        for point in scenario.points()
        for replication in (0, 1)
    ]


def test_a_spec_says_everything(write: Write, sound_text: str) -> None:
    scenario = scenarios.load(write("scenario.yaml", sound_text))
    spec = scenarios.compile(scenario, scenario.points()[3], 1)
    assert (spec.scenario, spec.requirement, spec.point, spec.replication, spec.seed) == (
        "example",
        "BR-1",
        3,
        1,
        7,
    )
    assert spec.coordinates == {"load.burst": 5, "workflow.steps": 2}
    assert spec.engine.step_timeout_ns == 30_000_000_000
    assert spec.engine.step_slots is None
    assert spec.workload.load == LoadSpec("burst", count=5)
    assert len(spec.workload.workflow["steps"]) == 2
    assert spec.workload.targets is not None
    assert spec.workload.targets.replicas == (2, 2, 1)
    assert set(spec.cluster.parameters) == set(scenarios.CATALOGUE)
    everything = dataclasses.asdict(spec)
    assert not everything.pop("faults")  # what a run is not given is left out
    assert not everything["cluster"].pop("pools")
    assert not everything["workload"]["load"].pop("gaps")
    assert json.loads(json.dumps(spec.to_json())) == json.loads(json.dumps(everything))


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (
            "{closed: {users: 3, think: 2s, for: 1m}}",
            LoadSpec("closed", users=3, think_ns=2 * 10**9, for_ns=60 * 10**9),
        ),
        ("{open: {rate: 30/min, for: 10m}}", LoadSpec("open", rate_per_s=0.5, for_ns=600 * 10**9)),
    ],
)
def test_loads(write: Write, sound_text: str, load: str, expected: LoadSpec) -> None:
    text = sound_text.replace("load: {burst: 5}", f"load: {load}").replace("load.burst: [1, 5], ", "")
    scenario = scenarios.load(write("s.yaml", text.replace("load.burst: 5, ", "")))
    assert scenarios.compile(scenario, scenario.points()[0], 0).workload.load == expected


def test_every_run_has_a_digest_of_its_own_and_a_pickled_scenario_gives_the_same() -> None:
    scenario = scenarios.load("smoke")
    again = pickle.loads(pickle.dumps(scenario))
    digests = [spec.digest for spec in specs(scenario)]
    assert len(set(digests)) == len(digests)
    assert [spec.digest for spec in specs(again)] == digests


def test_digests_are_those_of_the_golden_file() -> None:
    """The same file means the same run in every version; a change here parts us from stored runs."""
    found = {name: specs(scenarios.load(name))[0].digest for name in scenarios.shipped()}
    assert found == json.loads(GOLDEN.read_text())


def test_digests_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "import scenarios; s = scenarios.load('smoke'); print(scenarios.compile(s, s.points()[0], 0).digest)"
    )
    root = Path(__file__).parents[2]
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(printed) == 1


def test_one_parameter_can_be_changed_in_a_spec() -> None:
    scenario = scenarios.load("smoke")
    spec = scenarios.compile(scenario, scenario.points()[0], 0)
    changed = scenarios.with_parameter(spec, "assumptions.exit_scale", 2, "sensitivity")
    assert changed.cluster.parameters["assumptions.exit_scale"] == 2
    assert changed.cluster.overrides == {"assumptions.exit_scale": "sensitivity"}
    assert spec.cluster.parameters["assumptions.exit_scale"] == 1
    assert changed.digest != spec.digest


def test_a_variable_that_claims_success_is_only_a_variable(write: Write, sound_text: str) -> None:
    """What decides is taken from records; a variable travels into the spec and nowhere else."""
    claim = "variables: {dependency_resolution_success: true}\n  load: {burst: 5}"
    with_claim = scenarios.load(write("a.yaml", sound_text.replace("load: {burst: 5}", claim)))
    without = scenarios.load(write("b.yaml", sound_text))
    assert with_claim.targets == without.targets
    for one, other in zip(specs(with_claim), specs(without), strict=True):
        workload = dataclasses.replace(one.workload, variables={})
        assert dataclasses.replace(one, workload=workload) == other
