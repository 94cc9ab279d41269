"""Bad input: a clear message, the stated exit code, nothing half written."""

import json
from pathlib import Path

import pytest

from tests.headroom.command import headroom

GOOD = """\
apiVersion: headroom/v1
name: small
cluster: high-load-production
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {burst: 1}
sweep: {load.burst: [1, 2]}
experiment: {replications: 2}
targets:
  - {id: quick, metric: makespan, stat: max, max: 300s, where: {load.burst: 2}}
"""
CYCLE = """\
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: circle
    steps:
      - {id: a, action: log, needs: [b], parameters: {message: hello}}
      - {id: b, action: log, needs: [a], parameters: {message: hello}}
"""
UNKNOWN_NEED = """\
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: lost
    steps:
      - {id: first, action: log, needs: [frist], parameters: {message: hello}}
"""
WORKFLOW = "  workflow: restart-pods\n  targets: {deployments: all}\n"
THOUSAND = list(range(1, 1001))
CUBE = f"{{load.burst: {THOUSAND}, workflow.steps: {THOUSAND}, engine.max_concurrency: {THOUSAND}}}"
BOMB = "x: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"x{n}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
BAD: dict[str, tuple[str, int, str]] = {  # what is wrong -> text, exit code, what the message says
    "unknown key": (GOOD.replace("sweep:", "sweeep:"), 3, "did you mean 'sweep'"),
    "wrong unit": (GOOD.replace("300s", "300 parsecs"), 3, "duration"),
    "bare number for a duration": (GOOD.replace("300s", "300"), 3, "300s"),
    "cycle in needs": (GOOD.replace(WORKFLOW, CYCLE), 3, "cycle"),
    "unknown step": (GOOD.replace(WORKFLOW, UNKNOWN_NEED), 3, "frist"),
    "empty sweep": (GOOD.replace("[1, 2]", "[]"), 3, "no values"),
    "a billion points": (GOOD.replace("{load.burst: [1, 2]}", CUBE), 3, "1,000,000,000 points"),
    "alias bomb": (GOOD + BOMB, 3, "alias"),
    "duplicate key": (GOOD + "name: again\n", 3, "name"),
    "no yaml at all": ("a: b: c", 3, "scenario.yaml:1:"),
    "empty file": ("", 3, "scenario.yaml"),
    "unknown metric": (GOOD.replace("metric: makespan", "metric: makespam"), 13, "did you mean 'makespan'"),
    "unknown point": (GOOD.replace("where: {load.burst: 2}", "where: {load.burst: 7}"), 13, "7"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", BAD)
def test_bad_scenarios_are_refused(wrong: str, tmp_path: Path) -> None:
    text, code, words = BAD[wrong]
    (tmp_path / "scenario.yaml").write_text(text)
    result = headroom("run", "scenario.yaml", "--out", "out", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


def test_the_good_one_is_good(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    result = headroom("validate", "scenario.yaml", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["points"] == 2


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "scenario.yaml").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    result = headroom("run", "scenario.yaml", "--out", "out", cwd=tmp_path)
    assert result.returncode == 3
    assert "10,000,000 bytes" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_bytes(GOOD.replace("small", "gr\u00f6sse").encode("latin-1"))
    result = headroom("run", "scenario.yaml", "--out", "out", cwd=tmp_path)
    assert result.returncode == 3
    assert "UTF-8" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_mistyped_name_gets_a_suggestion(tmp_path: Path) -> None:
    result = headroom("run", "high-troughput-orchestration", cwd=tmp_path)
    assert result.returncode == 3
    assert "did you mean 'high-throughput-orchestration'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_override_gets_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    result = headroom("run", "scenario.yaml", "--set", "engine.max_concurency=3", cwd=tmp_path)
    assert result.returncode == 3
    assert "did you mean 'max_concurrency'" in result.stderr or "engine.max_concurrency" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


def test_errors_are_json_too(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD.replace("sweep:", "sweeep:"))
    result = headroom("validate", "scenario.yaml", "--json", cwd=tmp_path)
    told = json.loads(result.stdout)
    assert told["exit_code"] == result.returncode == 3
    [problem] = told["error"]["problems"]
    assert (problem["line"], problem["column"]) == (8, 1)
    assert "did you mean" in problem["hint"]


def test_an_override_without_a_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    result = headroom("validate", "scenario.yaml", "--set", "load.burst", cwd=tmp_path)
    assert result.returncode in (2, 3)
    assert "load.burst" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_directory_with_other_things_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    result = headroom("run", "scenario.yaml", "--out", ".", cwd=tmp_path)
    assert result.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


@pytest.mark.parametrize("verb", [("report",), ("replay", "--point", "0")])
def test_what_is_no_run_directory_is_refused(verb: tuple[str, ...], tmp_path: Path) -> None:
    result = headroom(verb[0], str(tmp_path), *verb[1:])
    assert result.returncode == 3
    assert "not a run directory" in result.stderr


def test_a_place_that_cannot_be_written_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    (tmp_path / "file").write_text("")
    result = headroom("run", "scenario.yaml", "--out", "file/run", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "file/run: Not a directory"
    assert "Traceback" not in result.stderr


def test_a_missing_folder_for_a_history_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "scenario.yaml").write_text(GOOD)
    assert headroom("run", "scenario.yaml", "--out", "run", cwd=tmp_path).returncode in (0, 10, 11)
    result = headroom("replay", "run", "--point", "0", "--history", "gone/h.jsonl", cwd=tmp_path)
    assert result.returncode == 2
    assert "gone/h.jsonl: No such file or directory" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_bad_value_late_in_a_sweep_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    values = [*range(1, 230), 0]
    (tmp_path / "scenario.yaml").write_text(GOOD)
    sweep = f"sweep={{load.burst: {values}}}"
    result = headroom("run", "scenario.yaml", "--out", "out", "--set", sweep, cwd=tmp_path)
    assert result.returncode == 3, result.stderr
    assert "burst" in result.stderr
    assert not (tmp_path / "out").exists()
