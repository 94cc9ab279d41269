"""`headroom compare` through the real command: runs, baselines, scenarios, and settings of one scenario."""

import json
from pathlib import Path
from typing import Any

import pytest

from headroom import comparing
from headroom.comparing import Asked
from headroom.errors import HarnessError
from headroom.progress import Teller
from tests.headroom.command import headroom

SCENARIO = """\
apiVersion: headroom/v1
name: compared
cluster: basic-development
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {burst: 2}
sweep: {load.burst: [1, 2]}
experiment: {replications: 6, seed: 1}
"""
BUCKET = ("--second", "engine.client.qps=1", "--second", "engine.client.burst=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a scenario, two runs of it, and a baseline of the first."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "compared.yaml").write_text(SCENARIO)
    slow = ("--set", "engine.client.qps=1", "--set", "engine.client.burst=1")
    assert headroom("run", "compared.yaml", "--out", "first", "-q", cwd=folder).returncode == 0
    assert headroom("run", "compared.yaml", "--out", "second", "-q", *slow, cwd=folder).returncode == 0
    accepted = headroom("baseline", "accept", "first", "--reason", "kept", "--out", "kept.json", cwd=folder)
    assert accepted.returncode == 0, accepted.stderr
    return folder


def compare(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    result = headroom("compare", *arguments, "--json", "-q", cwd=folder)
    assert result.returncode == code, result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def makespans(told: dict[str, Any]) -> list[Any]:
    rows = [row for row in told["rows"] if (row["metric"], row["stat"]) == ("makespan", "mean")]
    return [(row["coordinates"], row["finding"], row["change_percent"], row["n"]) for row in rows]


def test_two_runs_and_two_settings_and_a_baseline_give_the_same_answer(folder: Path) -> None:
    runs = compare(folder, "first", "second")
    settings = compare(folder, "compared.yaml", *BUCKET)
    kept = compare(folder, "kept.json", "second")
    assert makespans(runs) == makespans(settings) == makespans(kept)
    assert [row[:2] for row in makespans(runs)] == [
        ({"load.burst": 1}, "higher"),
        ({"load.burst": 2}, "higher"),
    ]
    changes = [(item["path"], item["after"]) for item in runs["configuration"]["differences"]]
    assert changes == [("engine.client.qps", "1"), ("engine.client.burst", "1")]
    assert settings["configuration"] == runs["configuration"] == kept["configuration"]
    assert not (folder / "runs" / ".compare").exists()


@pytest.mark.slow
def test_the_other_way_round_is_the_inverse(folder: Path) -> None:
    there, back = compare(folder, "first", "second"), compare(folder, "second", "first")
    for one, other in zip(makespans(there), makespans(back), strict=True):
        assert (1 + one[2] / 100) * (1 + other[2] / 100) == pytest.approx(1, rel=1e-3)


def test_the_same_is_the_same(folder: Path) -> None:
    told = compare(folder, "first", "kept.json")
    assert {row["finding"] for row in told["rows"]} == {"equivalent"}
    assert {row["change_percent"] for row in told["rows"]} == {0}
    assert not any(row["differs"] for row in told["rows"])
    assert told["configuration"]["differences"] == told["environment"] == []


@pytest.mark.slow
def test_points_may_differ_in_what_is_varied(folder: Path) -> None:
    told = compare(folder, "compared.yaml", "--first", "load.burst=1", "--second", "load.burst=40")
    assert [row[:2] for row in makespans(told)] == [({}, "higher")]


@pytest.mark.slow
def test_what_only_one_side_has_is_named(folder: Path) -> None:
    told = compare(folder, "compared.yaml", "first", "--set", "load.burst=[2, 3]")
    assert told["only_first"] == [{"load.burst": 3}]
    assert told["only_second"] == [{"load.burst": 1}]


def test_a_metric_that_is_asked_for_and_not_there_is_no_data(folder: Path) -> None:
    told = compare(folder, "kept.json", "second", "--metric", "step_duration:p95", code=13)
    assert "the first side has no step_duration p95" in told["causes"][0]["message"]


@pytest.mark.parametrize(
    ("second", "given", "words"),
    [
        (None, {}, "with what?"),
        ("second", {"both": ("load.burst=1",)}, "is measured already"),
        ("second", {"only_second": ("load.burst=1",)}, "is measured already"),
        ("second", {"metrics": ("makespam",)}, "did you mean 'makespan'?"),
        ("second", {"metrics": ("makespan:p33",)}, "one of mean, p50"),
        (".", {}, "is no run directory"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    folder: Path, second: str | None, given: dict[str, tuple[str, ...]], words: str
) -> None:
    asked = Asked(str(folder / "first"), second and str(folder / second), **given)  # type: ignore[arg-type]
    with pytest.raises(HarnessError) as error:
        comparing.compare(asked, folder, 1, Teller(quiet=True))
    assert error.value.code in (2, 3)
    assert words in f"{error.value} {error.value.hint}"


def test_a_three_per_cent_slower_api_server_is_seen(folder: Path) -> None:
    """On shared dice ten replications are enough for a change that the noise of one run would bury."""
    slower = "cluster.parameters.assumptions.api_scale=1.03"
    metric = "cause.API service"
    told = compare(folder, "compared.yaml", "--second", slower, "--replications", "10", "--metric", metric)
    assert [(row["n"], row["differs"]) for row in told["rows"]] == [(10, True), (10, True)]
    assert all(0 < row["low_percent"] <= row["high_percent"] < 6 for row in told["rows"])
