"""The remediation workflows of kubernaut: action types as actions of ours, run on the shipped cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import scenarios
from scenarios import ScenarioError
from scenarios.importers import import_file
from simulator import simulate

DEPLOYMENT = {"TARGET_RESOURCE_NAMESPACE": "default", "TARGET_RESOURCE_NAME": "user-service"}
HPA = {
    "TARGET_RESOURCE_NAMESPACE": "default",
    "TARGET_RESOURCE_NAME": "api-gateway-hpa",
    "NEW_MAX_REPLICAS": 17,
}
NODE = {"TARGET_RESOURCE_NAME": "node-1"}
FILES: dict[str, tuple[Mapping[str, Any], list[str]]] = {
    "autoscale": ({}, ["run_job"]),
    "crashloop": (DEPLOYMENT, ["rollback_deployment"]),
    "disk-pressure-emptydir": ({}, ["run_job", "run_job", "run_job"]),
    "gitops-drift": ({}, ["run_job"]),
    "hpa-maxed": (HPA, ["update_hpa"]),
    "memory-leak": (DEPLOYMENT, ["rollout_restart"]),
    "node-notready": (NODE, ["cordon_node", "drain_node"]),
    "stuck-rollout": (DEPLOYMENT, ["rollback_deployment"]),
}
# A rollback needs a rollout before it: the imported file is called by a workflow that makes one.
CALLER = """\
apiVersion: headroom/v1
name: remediation
cluster: high-load-production
workload:
  variables: {variables}
  load: {{burst: 1}}
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: caller
    steps:
      - {{id: before, action: rollout_restart, parameters: {{namespace: default, deployment: user-service}}}}
      - {{id: remediate, kind: subflow, workflow: {file}, needs: [before], parameters: {parameters}}}
experiment: {{replications: 1}}
"""


def test_all_files_are_run(reference_data: Path) -> None:
    found = sorted(file.stem for file in (reference_data / "k8s" / "kubernaut_workflows").iterdir())
    assert found == sorted(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_remediation_does_what_its_action_type_says(
    name: str, reference_data: Path, tmp_path: Path
) -> None:
    variables, actions = FILES[name]
    imported = import_file(reference_data / "k8s" / "kubernaut_workflows" / f"{name}.yaml")
    (tmp_path / f"{name}.yaml").write_text(imported.to_yaml(), encoding="utf-8")
    given = "{" + ", ".join(f"{key}: {value}" for key, value in variables.items()) + "}"
    passed = "{" + ", ".join(f'{key}: "${{{key}}}"' for key in variables) + "}"
    text = CALLER.format(variables=given, parameters=passed, file=f"{name}.yaml")
    (tmp_path / "scenario.yaml").write_text(text, encoding="utf-8")
    scenario = scenarios.load(tmp_path / "scenario.yaml")
    rows = simulate(scenarios.compile(scenario, scenario.points()[0], 0)).rows
    steps = [row for row in rows if row["type"] == "step"]
    assert [row["state"] for row in rows if row["type"] == "execution"] == ["completed"]
    assert [row["action"] for row in steps if row["step"].startswith("remediate/")] == actions
    assert {row["state"] for row in steps} == {"completed"}


@pytest.mark.parametrize("name", FILES)
def test_what_the_image_would_do_beyond_is_said(name: str, reference_data: Path) -> None:
    notes = import_file(reference_data / "k8s" / "kubernaut_workflows" / f"{name}.yaml").notes
    assert "which is opaque" in notes[0]
    assert any("ServiceAccount, ClusterRole" in note for note in notes)
    if name in ("autoscale", "gitops-drift", "disk-pressure-emptydir"):
        assert any("a Job" in note or "Jobs" in note for note in notes[1:])


FILE = """\
apiVersion: kubernaut.ai/v1alpha1
kind: RemediationWorkflow
metadata: {name: w}
spec:
  actionType: %s
  parameters: %s
"""


@pytest.mark.parametrize(
    ("action_type", "parameters", "said"),
    [
        ("RestartDeploymnt", "[]", "w.yaml:5:15: spec.actionType: no action of ours does 'RestartDeploymnt'"),
        ("RestartDeploymnt", "[]", "did you mean 'RestartDeployment'?"),
        ("ScaleReplicas", "[]", "w.yaml:6:15: spec.parameters: scale_deployment needs 'replicas'"),
        ("PatchHPA", "[]\n  extra: 1", "w.yaml:7:3: spec.extra: unknown key 'extra'"),
    ],
)
def test_what_cannot_be_expressed_is_refused(
    action_type: str, parameters: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("w.yaml").write_text(FILE % (action_type, parameters))
    with pytest.raises(ScenarioError) as caught:
        import_file(Path("w.yaml"))
    assert said in str(caught.value)


def test_a_default_becomes_a_parameter_and_the_rest_variables(tmp_path: Path) -> None:
    rows = "[{name: REPLICAS, default: 5, description: how many}]"
    (tmp_path / "w.yaml").write_text(FILE % ("ScaleReplicas", rows))
    imported = import_file(tmp_path / "w.yaml")
    assert imported.data["parameters"]["REPLICAS"] == {"default": 5, "summary": "how many"}
    assert imported.data["steps"][0]["parameters"]["replicas"] == "{{ REPLICAS }}"
