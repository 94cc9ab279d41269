"""`headroom explain`: the decisive point, its worst replication, and the executions that made it so."""

import json
from pathlib import Path
from typing import Any

import pytest

import scenarios
from headroom import explaining
from reports import ReportError, read_run, summarise
from reports.explain import Explanation, explain
from tests.headroom.command import headroom

TARGETS = [
    {"id": "batch", "metric": "makespan", "stat": "mean", "max": "32s"},
    {"id": "each", "metric": "execution_duration", "attainment": "95%", "max": "5s"},
    {"id": "lively", "metric": "executions_per_second", "stat": "mean", "min": 0.1},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("explain") / "run"
    given = [f"targets={json.dumps(TARGETS)}", "load.burst=[1,12]", "engine.client={qps: 2, burst: 2}"]
    options = [word for value in given for word in ("--set", value)]
    done = headroom("run", "smoke", *options, "--replications", "4", "--quiet", "--out", path)
    assert done.returncode in (10, 12), done.stderr
    return path


@pytest.fixture(scope="module")
def summary(run: Path) -> Any:
    return summarise(read_run(run), scenarios.load(run / "scenario.resolved.yaml"))


def heads(found: Explanation) -> list[dict[str, Any]]:
    assert found.replication is not None
    rows = [json.loads(line) for line in found.replication.path.read_text().splitlines()]
    return [row for row in rows if row["type"] == "execution"]


def test_a_batch_is_explained_by_those_that_ended_last(summary: Any) -> None:
    found = explain(summary, "batch", None, 3)
    assert found.judgement.coordinates == {"load.burst": 12}, "the worst point"
    point = summary.run.point(found.judgement.point)
    assert found.replication is not None
    assert found.replication.run["makespan_ns"] == max(it.run["makespan_ns"] for it in point.replications)
    ends = sorted((row["ended_ns"] for row in heads(found)), reverse=True)
    by_name = {row["execution"]: row["ended_ns"] for row in heads(found)}
    assert [by_name[name] for name in found.executions] == ends[:3]


def test_durations_are_explained_by_the_slowest_and_rates_by_the_least(summary: Any) -> None:
    each = explain(summary, "each", None, 12)
    lengths = {row["execution"]: row["ended_ns"] - row["submitted_ns"] for row in heads(each)}
    assert [lengths[name] for name in each.executions] == sorted(lengths.values(), reverse=True)
    lively = explain(summary, "lively", 1, 1)
    assert lively.replication is not None
    rates = [12e9 / it.run["makespan_ns"] for it in summary.run.point(1).replications]
    assert lively.value == pytest.approx(min(rates))


def test_the_difference_to_the_median_is_the_difference_in_length(summary: Any) -> None:
    found = explain(summary, "each", 1, 1)
    head = next(row for row in heads(found) if row["execution"] == found.executions[0])
    assert found.median is not None
    longer = (head["ended_ns"] - head["submitted_ns"]) - (
        found.median["ended_ns"] - found.median["submitted_ns"]
    )
    assert sum(by for _, by in found.against_median(head)) == pytest.approx(longer / 1e9)


def test_who_asks_for_what_is_not_there_is_told(summary: Any) -> None:
    with pytest.raises(ReportError, match="no target 'bach'; did you mean 'batch'"):
        explain(summary, "bach", None, 1)
    with pytest.raises(ReportError, match="does not look at point 7; the points are: 0, 1"):
        explain(summary, "batch", 7, 1)


def test_a_person_reads_where_the_time_goes_and_how_to_look_closer(run: Path) -> None:
    done = headroom("explain", run, "batch", "--top", "2")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "FAIL  batch: makespan, asked mean ≤ 32 s"
    assert any(line.startswith("  client throttle at client.engine: ") and "n=4" in line for line in lines)
    assert sum(line.lstrip().startswith("* restart-0 |") for line in lines) == 2
    assert lines[-2].startswith(f"again: headroom replay {run} --point 1 --replication ")
    assert headroom(*lines[-2].removeprefix("again: headroom ").split()).returncode == 0


def test_a_program_gets_every_wait(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explaining.explain(run, "batch", None, 1, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["replication_value_unit"]) == ("FAIL", "s")
    [execution] = told["executions"]
    for step in execution["steps"]:
        assert step["waits"][0][1] == step["start_s"]
        assert step["waits"][-1][2] == step["end_s"]
    assert sum(execution["critical_path_s"].values()) == pytest.approx(execution["duration_s"])
    assert told["blame"][0]["cause"] in execution["critical_path_s"]


def test_where_nothing_was_recorded_there_is_nothing_to_look_at(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "records").mkdir()
    for name in ("manifest.json", "scenario.resolved.yaml"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    explaining.explain(tmp_path, "batch", None, 1, as_json=False)
    told = capsys.readouterr().out
    assert told.startswith("NO_DATA  batch")
    assert "nothing to look at" in told
