"""The whole command on a small sweep: determinism, resuming, replaying, exit codes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.headroom.command import COMMAND, contents, environment, headroom

SMALL = """\
apiVersion: headroom/v1
name: small
requirement: REQ-1
cluster: high-load-production
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {burst: 2}
sweep: {load.burst: [1, 3], workflow.steps: [1, 2]}
experiment: {replications: 3}
targets:
  - {id: quick, metric: makespan, stat: max, max: MAX}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL.replace("MAX", "1h"))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a small run, made by one worker under hash seed 0."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(SMALL.replace("MAX", "1h"))
    env = {"PYTHONHASHSEED": "0"}
    result = headroom("run", "small.yaml", "--out", "run", "--workers", "1", "--history", cwd=folder, env=env)
    assert result.returncode == 0, result.stderr
    return folder / "run"


def test_hash_seed_and_workers_change_no_byte(finished: Path, scenario: Path) -> None:
    env = {"PYTHONHASHSEED": "1"}
    out = scenario.parent / "run"
    result = headroom("run", scenario, "--out", out, "--workers", "2", "--history", env=env)
    assert result.returncode == 0, result.stderr
    for folder in ("records", "histories"):
        assert len(contents(out / folder)) == 12
        assert contents(out / folder) == contents(finished / folder)
    assert contents(out, "points.csv") == contents(finished, "points.csv")
    assert contents(out, "summary.json") == contents(finished, "summary.json")


def test_another_seed_changes_the_records(finished: Path, scenario: Path) -> None:
    out = scenario.parent / "run"
    result = headroom("run", scenario, "--out", out, "--seed", "5")
    assert result.returncode == 0, result.stderr
    assert contents(out / "records") != contents(finished / "records")


def test_a_run_says_everything_in_its_directory(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["complete"] is True
    assert manifest["world"] == "simulated"
    assert {"simpy", "numpy"} <= manifest["dependencies"].keys()
    qps = next(row for row in manifest["parameters"] if row["name"] == "controller_manager.qps")
    assert qps["source"]
    assert qps["overridden_by"] == ""
    expected = {
        "summary.json",
        "points.csv",
        "report.html",
        "report.md",
        "junit.xml",
        "scenario.resolved.yaml",
    }
    assert expected <= {path.name for path in finished.iterdir()}
    assert not (finished / ".earlier").exists()


def test_json_is_all_that_stands_on_stdout(scenario: Path) -> None:
    result = headroom("run", scenario, "--out", scenario.parent / "run", "--json")
    summary = json.loads(result.stdout)
    assert summary["exit_code"] == result.returncode == 0
    assert [target["requirement"] for target in summary["targets"]] == ["REQ-1"]
    assert "runs: 12/12" in result.stderr


def test_quiet_says_nothing_on_stderr(scenario: Path) -> None:
    result = headroom("run", scenario, "--out", scenario.parent / "run", "--quiet")
    assert result.returncode == 0
    assert result.stderr == ""
    assert "quick" in result.stdout


def test_a_failed_target_is_exit_code_10(scenario: Path) -> None:
    scenario.write_text(SMALL.replace("MAX", "11s"))
    result = headroom("run", scenario, "--out", scenario.parent / "run")
    assert result.returncode == 10, result.stderr


def test_more_runs_than_before_keep_those_that_are_done(finished: Path, scenario: Path) -> None:
    out = scenario.parent / "run"
    assert headroom("run", scenario, "--out", out, "--replications", "2").returncode == 0
    result = headroom("run", scenario, "--out", out)
    assert "kept 8 runs" in result.stderr
    assert contents(out / "records") == contents(finished / "records")
    assert contents(out, "points.csv") == contents(finished, "points.csv")


def test_an_interrupted_run_resumes_to_the_same_bytes(scenario: Path) -> None:
    out, whole = scenario.parent / "run", scenario.parent / "whole"
    arguments = ["run", str(scenario), "--replications", "40", "--workers", "2"]
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--out", str(out)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: len(contents(out / "records")) >= 5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "the same command resumes: headroom run" in stderr
    done = contents(out / "records")
    assert 5 <= len(done) < 160
    assert json.loads((out / "manifest.json").read_text())["complete"] is False
    again = headroom(*arguments, "--out", out)
    assert f"kept {len(done)} runs" in again.stderr
    assert headroom(*arguments, "--out", whole).returncode == again.returncode == 0
    assert contents(out / "records") == contents(whole / "records")
    assert contents(out, "points.csv") == contents(whole, "points.csv")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def test_a_replay_gives_the_same_history(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "history.jsonl"
    arguments = ("replay", finished, "--point", "3", "--replication", "2", "--history", copy, "--json")
    result = headroom(*arguments, env={"PYTHONHASHSEED": "7"})
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["equal"]
    assert told["records_equal"]
    assert told["coordinates"] == {"load.burst": 3, "workflow.steps": 2}
    assert copy.read_bytes() == contents(finished / "histories")["p0003-r00002.jsonl"]


def test_a_replay_sees_a_changed_record(finished: Path, tmp_path: Path) -> None:
    twin = tmp_path / "run"
    (twin / "records").mkdir(parents=True)
    for name in ("manifest.json", "scenario.resolved.yaml"):
        (twin / name).write_bytes((finished / name).read_bytes())
    text = (finished / "records" / "p0000-r00000.jsonl").read_text()
    digest = json.loads(text.splitlines()[0])["history_digest"]
    (twin / "records" / "p0000-r00000.jsonl").write_text(text.replace(digest, digest[::-1]))
    result = headroom("replay", twin, "--point", "0")
    assert result.returncode == 4
    assert "DIFFERENT" in result.stdout


def test_a_replay_of_what_was_not_run_is_no_data(finished: Path) -> None:
    result = headroom("replay", finished, "--point", "99")
    assert result.returncode == 13
    assert "12 runs are there" in result.stderr


def test_a_report_can_be_written_again(finished: Path) -> None:
    documents = ("summary.json", "points.csv", "report.md", "report.html", "junit.xml")
    before = {name: (finished / name).read_bytes() for name in documents}
    result = headroom("report", finished.name, cwd=finished.parent)
    assert result.returncode == 0, result.stderr
    assert {name: (finished / name).read_bytes() for name in documents} == before


def test_a_plan_says_how_much_there_is(scenario: Path) -> None:
    result = headroom("plan", scenario, "--json", cwd=scenario.parent)
    plan = json.loads(result.stdout)
    assert (plan["points"], plan["runs"]) == (4, {"min": 12, "max": 12})
    assert plan["estimated_s"]["min"] > 0
    assert plan["infeasible"] == []
    assert [path.name for path in scenario.parent.iterdir()] == ["small.yaml"]  # it writes nothing


def test_the_schema_is_a_json_schema() -> None:
    result = headroom("schema")
    schema = json.loads(result.stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"name", "workload", "sweep", "targets"} <= schema["properties"].keys()


def test_the_doctor_finds_this_installation_sound() -> None:
    result = headroom("doctor", "--json")
    told = json.loads(result.stdout)
    by_name = {finding["name"]: finding for finding in told["findings"]}
    assert by_name["equal runs give equal bytes"]["ok"], told
    assert result.returncode == 0
    assert told["ok"]
