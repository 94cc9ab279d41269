"""`headroom import`: what it writes, says and refuses, as a user sees it."""

import json
from pathlib import Path

from tests.headroom.command import headroom

MANIFEST = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: greet-}
spec:
  entrypoint: greet
  templates:
    - name: greet
      steps:
        - [{name: hello, template: say}]
        - [{name: again, template: say, when: "{{steps.hello.outputs.result}} == yes"}]
    - {name: say, script: {image: python, command: [python], source: "print(ask())"}}
"""
SCENARIO = """\
apiVersion: headroom/v1
name: greet
cluster: basic-development
workload: {workflow: greet.yaml, load: {burst: 1}}
experiment: {replications: 2}
"""
DECLARED = ("--declare", "say.result=[yes]", "--declare", "say.duration=3s")


def test_what_cannot_be_read_is_refused_with_what_to_declare(tmp_path: Path) -> None:
    (tmp_path / "argo.yaml").write_text(MANIFEST)
    result = headroom("import", "argo.yaml", "--out", "greet.yaml", cwd=tmp_path)
    assert result.returncode == 3
    assert (
        "argo.yaml:11:7: spec.templates.1: what template 'say' gives as result cannot be read"
        in result.stderr
    )
    assert "--declare say.result=" in result.stderr
    assert not (tmp_path / "greet.yaml").exists()


def test_an_imported_workflow_runs(tmp_path: Path) -> None:
    (tmp_path / "argo.yaml").write_text(MANIFEST)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    result = headroom("import", "argo.yaml", "--out", "greet.yaml", *DECLARED, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("greet.yaml: workflow greet, from an Argo Workflow\n")
    assert "image python is not run; a Job works 3 s, and ends with exit code 0" in result.stdout
    ran = headroom("run", "scenario.yaml", "--out", "run", "--quiet", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_without_out_the_file_goes_to_stdout_and_json_says_all(tmp_path: Path) -> None:
    (tmp_path / "argo.yaml").write_text(MANIFEST)
    plain = headroom("import", "argo.yaml", *DECLARED, cwd=tmp_path)
    assert plain.stdout.startswith("# Imported from argo.yaml, an Argo Workflow.\n")
    told = json.loads(headroom("import", "argo.yaml", "--json", *DECLARED, cwd=tmp_path).stdout)
    assert told["text"] == plain.stdout
    assert (told["workflow"], told["what"], told["out"]) == ("greet", "an Argo Workflow", None)
    assert told["notes"]


def test_a_wrong_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "argo.yaml").write_text(MANIFEST)
    assert headroom("import", "argo.yaml", "--format", "argu", cwd=tmp_path).returncode == 2
    result = headroom("import", "argo.yaml", "--format", "wfformat", cwd=tmp_path)
    assert (result.returncode, "this is not wfformat" in result.stderr) == (3, True)
    missing = headroom("import", "nothing.yaml", cwd=tmp_path)
    assert (missing.returncode, "cannot be read" in missing.stderr) == (3, True)
