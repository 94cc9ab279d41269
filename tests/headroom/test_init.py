"""`headroom init`: the first scenario runs as it is; the workflow file is one that GitHub takes."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import scenarios
from headroom import initialise
from headroom.errors import HarnessError
from reports import exits
from tests.headroom.command import headroom


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("init") / "new"
    done = headroom("init", folder, "--ci", "github", "--json")
    assert done.returncode == 0, done.stderr
    assert [Path(name).relative_to(folder).as_posix() for name in json.loads(done.stdout)["files"]] == [
        "first-scenario.yaml",
        ".github/workflows/headroom.yml",
    ]
    return folder


def workflow(begun: Path) -> Any:
    return YAML(typ="safe", pure=True).load(begun / ".github" / "workflows" / "headroom.yml")


# What "Workflow syntax for GitHub Actions" allows at each place, as far as the file goes.
TOP = {"name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs"}
EVENTS = {"pull_request", "push", "workflow_dispatch", "schedule", "merge_group"}
JOB = {
    "name",
    "needs",
    "if",
    "permissions",
    "runs-on",
    "env",
    "timeout-minutes",
    "strategy",
    "steps",
    "outputs",
}
STEP = {"id", "if", "name", "uses", "run", "with", "env", "shell", "working-directory", "timeout-minutes"}
CONTEXTS = {"env": {"github", "secrets", "inputs", "vars"}, "concurrency": {"github", "inputs", "vars"}}


def test_the_workflow_has_the_structure_that_github_asks(begun: Path) -> None:
    file = workflow(begun)
    assert file.keys() <= TOP
    assert {"on", "jobs"} <= file.keys()
    assert file["on"].keys() <= EVENTS
    assert set(file["permissions"].items()) == {("contents", "read")}, "no more than it needs"
    assert file["concurrency"].keys() <= {"group", "cancel-in-progress"}
    for name, job in file["jobs"].items():
        assert re.fullmatch(r"[A-Za-z_][\w-]*", name)
        assert job.keys() <= JOB
        assert {"runs-on", "steps"} <= job.keys()
        for step in job["steps"]:
            assert step.keys() <= STEP
            assert ("uses" in step) != ("run" in step), "a step does one thing"
            assert "with" not in step or "uses" in step
            assert all(isinstance(value, str) for value in step.get("with", {}).values())
            assert re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step.get("uses", "a/b@v1"))
    text = (begun / ".github" / "workflows" / "headroom.yml").read_text()
    assert text.count("${{") == text.count("}}") == len(re.findall(r"\$\{\{ [^{}]+ \}\}", text))
    for place, known in CONTEXTS.items():
        used = re.findall(r"\$\{\{ (\w+)\.", json.dumps(file[place]))
        assert used
        assert set(used) <= known
    assert "@" not in json.dumps(file["env"]), "nothing was left to fill in"


def test_its_commands_run_and_the_first_scenario_passes(begun: Path) -> None:
    file = workflow(begun)
    [job] = file["jobs"].values()
    lines = [
        step["run"].replace("$SCENARIO", file["env"]["SCENARIO"]) for step in job["steps"] if "run" in step
    ]
    commands = [shlex.split(line) for line in lines if line.startswith("headroom ")]
    assert [words[1] for words in commands] == ["validate", "run"]
    for words in commands:
        done = headroom(*words[1:], cwd=begun, env={"HEADROOM_REGISTRY": ""})
        assert done.returncode == exits.OK, done.stdout + done.stderr
    [kept] = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert {"report.html", "junit.xml", "report.md"} <= {path.name for path in (begun / kept).iterdir()}


def test_every_command_that_the_scenario_names_is_a_verb(begun: Path) -> None:
    text = (begun / "first-scenario.yaml").read_text()
    verbs = re.findall(r"^#   headroom (\w+)", text, re.MULTILINE)
    helped = headroom("--help").stdout
    assert len(verbs) >= 4
    assert [verb for verb in verbs if f" {verb} " not in helped] == []


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    initialise.init(tmp_path, None, None, as_json=True)
    scenario = tmp_path / initialise.SCENARIO
    scenario.write_text("name: mine\n")
    with pytest.raises(HarnessError, match=r"first-scenario\.yaml is there already") as caught:
        initialise.init(tmp_path, None, None, as_json=True)
    assert caught.value.code == exits.USAGE
    initialise.init(tmp_path, "github", None, as_json=True)  # the pipeline of what is there
    assert scenario.read_text() == "name: mine\n"
    with pytest.raises(HarnessError, match=r"headroom\.yml is there already"):
        initialise.init(tmp_path, "github", None, as_json=True)


def test_a_pipeline_for_a_scenario_of_ones_own(tmp_path: Path) -> None:
    name = "it's mine: #1.yaml"
    (tmp_path / name).write_text("name: mine\n")
    initialise.init(tmp_path, "github", name, as_json=True)
    assert workflow(tmp_path)["env"]["SCENARIO"] == name
    assert not (tmp_path / initialise.SCENARIO).exists()


@pytest.mark.parametrize(
    ("ci", "scenario", "words"),
    [
        ("gitub", None, "--ci gitub: unknown: did you mean 'github'"),
        ("github", "gone.yaml", "gone.yaml: there is no such scenario"),
        (None, "first.yaml", "--scenario without --ci"),
    ],
)
def test_what_cannot_be_begun_is_told(
    tmp_path: Path, ci: str | None, scenario: str | None, words: str
) -> None:
    with pytest.raises(HarnessError) as caught:
        initialise.init(tmp_path, ci, scenario, as_json=True)
    assert caught.value.code == exits.USAGE
    assert words in f"{caught.value}: {caught.value.hint}"
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_directory_and_an_expression_no_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="is a file"):
        initialise.init(tmp_path / "file", None, None, as_json=True)
    evil = "${{ secrets.TOKEN }}.yaml"
    (tmp_path / evil).write_text("")
    with pytest.raises(HarnessError, match="cannot stand in a workflow file"):
        initialise.init(tmp_path, "github", evil, as_json=True)


def test_the_first_scenario_has_neither_warnings_nor_notes() -> None:
    scenario = scenarios.load(initialise.STARTER / initialise.SCENARIO)
    assert (scenario.warnings, scenario.notes) == ((), ())
