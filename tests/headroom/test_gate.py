"""The gate through the real command: red, green, and closed wherever nothing can be compared."""

import json
import shutil
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import scenarios
from headroom import baselines, gating
from headroom.errors import HarnessError
from reports.exits import exit_code
from reports.gate import concluded
from reports.read import read_run
from tests.headroom.command import headroom

SCENARIO = """\
apiVersion: headroom/v1
name: guarded
requirement: REQ-7
cluster: basic-development
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {burst: 2}
sweep: {load.burst: [1, 2]}
experiment: {replications: 10, seed: 1}
regressions:
  baseline: kept/guarded.json
  rules:
    - {metric: makespan, where: {load.burst: 2}}
    - {id: calls, metric: client_requests_count}
"""
SLOW = ("--set", "engine.client.qps=1", "--set", "engine.client.burst=1")


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a scenario, a run of it, and its baseline."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "guarded.yaml").write_text(SCENARIO)
    assert headroom("run", "guarded.yaml", "-q", cwd=folder).returncode == 13  # there is no baseline yet
    words = ("--reason", "the first values", "--out", "kept/guarded.json")
    result = headroom("baseline", "accept", "runs/guarded", *words, "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["points"], told["series"], told["replications"]) == (2, 3, {"min": 10, "max": 10})
    return folder


@pytest.fixture
def folder(accepted: Path, tmp_path: Path) -> Path:
    """Return a copy that a test may change."""
    shutil.copytree(accepted / "kept", tmp_path / "kept")
    (tmp_path / "guarded.yaml").write_text(SCENARIO)
    return tmp_path


def gate(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    result = headroom("gate", "guarded.yaml", "--out", "out", "--json", *arguments, cwd=folder, env=env)
    told: dict[str, Any] = json.loads(result.stdout)
    assert told["exit_code"] == result.returncode, result.stderr
    return result.returncode, told


def changed(folder: Path, **given: Any) -> None:
    """Edit the baseline."""
    file = folder / "kept" / "guarded.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **given}))


def test_the_same_code_is_green_and_its_histories_are_the_same(folder: Path) -> None:
    code, told = gate(folder)
    assert code == 0
    assert told["identical"] == {"replications": 20, "of": 20}
    assert {row["verdict"] for row in told["rows"]} == {"PASS"}
    assert {row["change_percent"] for row in told["rows"]} == {0}
    assert told["configuration"]["differences"] == []


@pytest.mark.slow
def test_the_answer_does_not_depend_on_workers_or_hash_seed(folder: Path) -> None:
    answers = []
    for workers, seed in (("1", "0"), ("2", "7")):
        gate(folder, *SLOW, "--workers", workers, env={"PYTHONHASHSEED": seed})
        answers.append(
            [(folder / "out" / f"regressions.{end}").read_bytes() for end in ("json", "xml", "md")]
        )
    assert answers[0] == answers[1]


def test_a_smaller_bucket_is_red_and_the_configuration_says_why(folder: Path) -> None:
    code, told = gate(folder, *SLOW)
    assert code == 11
    row = told["rows"][0]
    assert (row["rule"], row["verdict"], row["finding"]) == ("makespan-mean", "FAIL", "worse")
    assert row["low_percent"] > 3
    assert row["n"] == 10
    paths = [item["path"] for item in told["configuration"]["differences"]]
    assert paths == ["engine.client.qps", "engine.client.burst"]


def test_what_got_better_beyond_belief_is_red_too(folder: Path) -> None:
    changed(folder, points=scaled(folder, 3.0))
    code, told = gate(folder)
    assert code == 11
    assert {row["finding"] for row in told["rows"]} == {"better beyond belief"}


@pytest.mark.slow
def test_a_small_improvement_passes_and_is_worth_a_new_baseline(folder: Path) -> None:
    changed(folder, points=scaled(folder, 1.1))
    code, told = gate(folder)
    assert code == 0
    assert any("accept it as the baseline" in note for note in told["notes"])


def scaled(folder: Path, factor: float) -> list[dict[str, Any]]:
    """Return the baseline's points with every value multiplied."""
    points: list[dict[str, Any]] = json.loads((folder / "kept" / "guarded.json").read_text())["points"]
    for point in points:
        for series in point["values"]:
            series["per_replication"] = [value * factor for value in series["per_replication"]]
    return points


def test_a_missing_baseline_is_no_data(folder: Path) -> None:
    code, told = gate(folder, "--baseline", "nowhere.json")
    assert code == 13
    assert {row["verdict"] for row in told["rows"]} == {"NO_DATA"}
    assert "there is no baseline nowhere.json" in told["causes"][0]["message"]


def test_a_changed_environment_is_no_data(folder: Path) -> None:
    prints = json.loads((folder / "kept" / "guarded.json").read_text())["fingerprint"]
    changed(folder, fingerprint={**prints, "simpy": "4.0.0"})
    code, told = gate(folder)
    assert code == 13
    assert [(item["path"], item["before"]) for item in told["environment"]] == [("simpy", "4.0.0")]


@pytest.mark.slow
def test_another_seed_cannot_be_paired(folder: Path) -> None:
    code, told = gate(folder, "--seed", "2")
    assert code == 13
    assert [item["path"] for item in told["environment"]] == ["seed"]


@pytest.mark.parametrize(
    ("found", "by", "words"),
    [
        ("metric: client_requests_count", "metric: client_request_count", "there is no metric"),
        ("metric: client_requests_count", "metric: api_requests_count", "accept a new one"),
        ("    - {id: calls, metric: client_requests_count}\n", "", "no rule looks there"),
        ("where: {load.burst: 2}", "where: {load.burst: 3}", "no point of the sweep lies where"),
        ("load.burst: [1, 2]", "load.burst: [2]", "a point that the sweep lacks"),
        ("load.burst: [1, 2]", "load.burst: [1, 2, 3]", "the baseline does not have this point"),
        ("metric: client_requests_count", "metric: recovery", "accept a new one"),
        ("name: guarded", "name: renamed", "the baseline"),
    ],
)
def test_what_was_renamed_or_emptied_is_no_data(
    accepted: Path, folder: Path, found: str, by: str, words: str
) -> None:
    (folder / "guarded.yaml").write_text(SCENARIO.replace(found, by))
    scenario = scenarios.load(folder / "guarded.yaml")
    run = read_run(accepted / "runs" / "guarded")
    baseline = gating.read(folder / "kept" / "guarded.json")
    now = gating.now_of(scenario, gating.here())
    told = gating.judged(now, baseline, Path("kept/guarded.json"), run, date(2026, 1, 1))
    causes = concluded(told, (), allow_inconclusive=True).causes
    assert exit_code(causes) == 13
    assert any(words in cause.message for cause in causes if cause.code == 13), causes


def test_a_renamed_metric_is_no_data_for_the_command(folder: Path) -> None:
    (folder / "guarded.yaml").write_text(SCENARIO.replace("client_requests_count", "client_request_count"))
    code, told = gate(folder)
    assert code == 13
    assert any("there is no metric" in cause["message"] for cause in told["causes"])


def test_a_metric_that_has_no_values_any_more_is_no_data(folder: Path) -> None:
    (folder / "guarded.yaml").write_text(SCENARIO.replace("client_requests_count", "recovery"))
    points = json.loads((folder / "kept" / "guarded.json").read_text())["points"]
    for point in points:
        for series in point["values"]:
            series["metric"] = series["metric"].replace("client_requests_count", "recovery")
    changed(folder, points=points)
    code, told = gate(folder)
    assert code == 13
    assert "10 of 10 replications have no value any more" in str(told["causes"])


def test_a_waiver_holds_until_its_day_and_no_longer(folder: Path) -> None:
    waiver = (
        "  waivers:\n    - {rule: makespan-mean, until: 2026-06-30, reason: the bucket is being halved}\n"
    )
    waiver += "    - {rule: calls, until: 2026-06-30, reason: retries after refusals}\n"
    (folder / "guarded.yaml").write_text(SCENARIO + waiver)
    code, told = gate(folder, *SLOW, "--on", "2026-06-30")
    assert code == 0
    assert told["rows"][0]["waived"]
    assert "the bucket is being halved" in str(told["notes"])
    code, told = gate(folder, *SLOW, "--on", "2026-07-01")
    assert code == 11
    assert "its waiver expired on 2026-06-30" in told["rows"][0]["reason"]
    code, told = gate(folder, "--on", "2026-06-01")
    assert code == 0
    assert "not needed any more" in told["notes"][0]


def test_a_damaged_baseline_is_refused_with_its_place(folder: Path) -> None:
    points = json.loads((folder / "kept" / "guarded.json").read_text())["points"]
    points[0]["values"][0]["per_replication"].pop()
    changed(folder, points=points)
    result = headroom("gate", "guarded.yaml", cwd=folder)
    assert result.returncode == 3
    assert (
        "kept/guarded.json: the baseline is damaged: client_requests_count mean has 9 values" in result.stderr
    )


def test_the_junit_file_and_the_console_say_what_the_json_says(folder: Path) -> None:
    _, told = gate(folder, *SLOW)
    suite = ET.parse(folder / "out" / "regressions.xml").getroot().find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert int(suite.attrib["tests"]) == len(cases) == len(told["rows"])
    assert int(suite.attrib["failures"]) == sum(row["verdict"] == "FAIL" for row in told["rows"])
    console = headroom("gate", "guarded.yaml", "--out", "out", *SLOW, cwd=folder).stdout
    page = (folder / "out" / "regressions.md").read_text()
    for row, case in zip(told["rows"], cases, strict=True):
        properties = {item.attrib["name"]: item.attrib["value"] for item in case.iter("property")}
        assert properties["change"] == row["change"]
        assert properties["before"] == row["before"]["text"]
        for text in (row["change"], row["before"]["text"], row["after"]["text"]):
            assert text in console
            assert text.replace("[", "\\[").replace("]", "\\]") in page


def test_a_run_judges_its_rules_by_its_own_records(folder: Path) -> None:
    result = headroom("run", "guarded.yaml", "--out", "run", *SLOW, cwd=folder)
    assert result.returncode == 11, result.stdout
    assert "REGRESSIONS against kept/guarded.json" in result.stdout
    again = headroom("report", "run", cwd=folder)
    assert again.returncode == 11
    junit = ET.parse(folder / "run" / "junit.xml").getroot()
    assert junit.attrib["failures"] == "1"
    narrow = headroom("run", "guarded.yaml", "--out", "run", "--json", cwd=folder)
    assert (narrow.returncode, json.loads(narrow.stdout)["causes"]) == (0, [])


def test_github_is_told_on_the_line_of_the_rule(folder: Path) -> None:
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_WORKSPACE": str(folder),
    }
    result = headroom("gate", "guarded.yaml", "--out", "out", "-q", "--json", *SLOW, cwd=folder, env=env)
    assert json.loads(result.stdout)["exit_code"] == 11  # stdout is JSON alone
    [error] = [line for line in result.stderr.splitlines() if line.startswith("::error ")]
    line = SCENARIO.splitlines().index("    - {metric: makespan, where: {load.burst: 2}}") + 1
    assert error.startswith(f"::error file=guarded.yaml,line={line},title=FAIL makespan-mean::load.burst=2: ")
    assert "❌ guarded: REGRESSION" in (folder / "summary.md").read_text()
    quiet = headroom("gate", "guarded.yaml", "--no-github", "--out", "out", *SLOW, cwd=folder, env=env)
    assert "::error" not in quiet.stderr


def test_the_selftest_proves_each_colour(tmp_path: Path) -> None:
    result = headroom("gate", "selftest", "smoke", "--json", "-q", cwd=tmp_path)
    told = json.loads(result.stdout)
    assert result.returncode == told["exit_code"] == 0, result.stderr
    found = {proof["name"]: proof["found"] for proof in told["proofs"]}
    assert found == {
        "no change": "green",
        "slower action": "red",
        "one call more per step": "red",
        "a lost retry": "red",
        "a smaller bucket": "red",
        "a missing baseline": "closed",
        "an emptied baseline": "closed",
        "a renamed metric": "closed",
        "a changed environment": "closed",
        "another scenario's baseline": "closed",
    }


@pytest.mark.slow
def test_a_blind_gate_fails_its_selftest_and_says_what_would_see(folder: Path) -> None:
    (folder / "guarded.yaml").write_text(
        SCENARIO.replace("    - {id: calls, metric: client_requests_count}\n", "").replace(
            "{metric: makespan,", "{metric: makespan, worse_than: 100%, better_than: 90%,"
        )
    )
    result = headroom("gate", "selftest", "guarded.yaml", "--out", "out", "-q", cwd=folder)
    assert result.returncode == 4
    assert "BAD one call more per step" in result.stdout
    assert "a rule on client_requests_count sees it" in result.stdout
    assert "the gate is blind to: " in result.stdout


@pytest.mark.slow
def test_what_is_not_there_cannot_be_lost(folder: Path) -> None:
    free = ("--set", "engine.client=unlimited", "--set", "workflow.attempts=1")
    arguments = ("gate", "selftest", "guarded.yaml", "--out", "out", "--json", "-q", *free)
    told = json.loads(headroom(*arguments, cwd=folder).stdout)
    found = {proof["name"]: proof["found"] for proof in told["proofs"]}
    assert (found["a lost retry"], found["a smaller bucket"]) == ("not applicable", "not applicable")


def test_a_baseline_is_written_where_the_scenario_looks_for_it(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "guarded.yaml").write_text(SCENARIO)
    headroom("run", "scenarios/guarded.yaml", "-q", "--out", "run", cwd=tmp_path)
    refused = headroom("baseline", "accept", "run", "--reason", " ", cwd=tmp_path)
    assert (refused.returncode, "a baseline without a reason" in refused.stderr) == (2, True)
    result = headroom("baseline", "accept", "run", "--reason", "the first", cwd=tmp_path)
    assert result.stdout.startswith("scenarios/kept/guarded.json: 3 series at 2 points, 10 replications each")
    again = (tmp_path / "scenarios" / "kept" / "guarded.json").read_bytes()
    headroom("baseline", "accept", "run", "--reason", "the first", cwd=tmp_path)
    assert (tmp_path / "scenarios" / "kept" / "guarded.json").read_bytes() == again
    passed = headroom("gate", "scenarios/guarded.yaml", "--out", "out", "-q", cwd=tmp_path)
    assert passed.returncode == 0, passed.stdout


def test_an_unfinished_run_is_no_baseline(accepted: Path, tmp_path: Path) -> None:
    shutil.copytree(accepted / "runs" / "guarded", tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (tmp_path / "run" / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    with pytest.raises(HarnessError, match="was not finished") as error:
        baselines.accept(tmp_path / "run", "a good reason", None, 80)
    assert error.value.code == 13
    shutil.rmtree(tmp_path / "run" / "records")
    (tmp_path / "run" / "records").mkdir()
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(HarnessError, match="holds nothing to compare with"):
        baselines.accept(tmp_path / "run", "a good reason", None, 80)


STEADY = """\
apiVersion: headroom/v1
name: stream
cluster: basic-development
engine: {max_concurrency: 10}
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {open: {rate: 0.2/s, for: 10m}}
experiment: {kind: steady, warmup: WARMUP, replications: 4, seed: 1}
regressions:
  baseline: stream.json
  rules:
    - {metric: execution_duration}
"""


@pytest.mark.parametrize("warmup", ["auto", "30s"])
def test_both_sides_of_a_steady_experiment_count_from_the_same_instant(tmp_path: Path, warmup: str) -> None:
    (tmp_path / "stream.yaml").write_text(STEADY.replace("WARMUP", warmup))
    headroom("run", "stream.yaml", "-q", "--out", "run", cwd=tmp_path)
    accepted = headroom("baseline", "accept", "run", "--reason", "the first", cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    [point] = json.loads((tmp_path / "stream.json").read_text())["points"]
    assert point["cut_ns"] == 30_000_000_000 or warmup == "auto"
    result = headroom("gate", "stream.yaml", "--json", "-q", "--out", "out", cwd=tmp_path)
    told = json.loads(result.stdout)
    assert (result.returncode, told["rows"][0]["change_percent"]) == (0, 0), told["causes"]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    value = summary["points"][0]["estimates"]["execution_duration_mean"]["value"]
    assert told["rows"][0]["after"]["value"] == value


def test_a_run_annotates_the_line_of_the_target_that_failed(folder: Path) -> None:
    lines = [*SCENARIO.splitlines(), "targets:", "  - {id: quick, metric: makespan, stat: mean, max: 5100ms}"]
    (folder / "guarded.yaml").write_text("\n".join(lines) + "\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    result = headroom("run", "guarded.yaml", "--out", "run", "-q", "--json", cwd=folder, env=env)
    assert result.returncode == json.loads(result.stdout)["exit_code"] == 10
    errors = [line for line in result.stderr.splitlines() if line.startswith("::error ")]
    assert len(errors) == 2  # one a point
    assert all(f"file=guarded.yaml,line={len(lines)},title=FAIL REQ-7 quick::" in line for line in errors)
    summary = (folder / "summary.md").read_text()
    assert "TARGET FAILED" in summary
    assert "## Regressions" in summary


@pytest.mark.slow
def test_without_a_margin_a_three_per_cent_slower_api_server_is_red_and_nothing_is_green(
    folder: Path,
) -> None:
    strict = SCENARIO.replace("{metric: makespan,", "{metric: makespan, worse_than: 0%,")
    (folder / "guarded.yaml").write_text(strict)
    slower = ("--set", "cluster.parameters.assumptions.api_scale=1.03")
    code, told = gate(folder, *slower)
    assert code == 11
    assert told["rows"][0]["finding"] == "worse"
    assert told["rows"][0]["high_percent"] < 1  # a thirtieth of a per cent, and surely
    assert gate(folder)[0] == 0
