import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.errors import ReportError
from reports.read import read_run
from tests.reports.synthetic import run_rows, write_rows, write_run

POINT = {"load.burst": 3, "workflow.steps": 2}
NAME = "records/p0000-r00000.jsonl"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path, [POINT], 2, detail_points=[0])


def test_rows_become_columns(run: Path) -> None:
    data = read_run(run)
    [point] = data.points
    item = point.replications[0]
    rows = [json.loads(line) for line in (run / NAME).read_text().splitlines()]
    durations = [row["ended_ns"] / 1e9 for row in rows if row["type"] == "execution"]
    assert point.coordinates == POINT
    assert item.execution_duration_s.tolist() == durations
    assert len(item.steps.duration_s) == 6
    assert item.steps.completed_count == 6
    assert set(item.stations) == {"engine.executions", "client.engine", "api.workload-low", "scheduler"}


def test_a_file_read_before_is_not_read_again(run: Path) -> None:
    first = read_run(run)
    (run / NAME).write_text("spoilt")
    assert read_run(run, first).points[0].replications[0] is first.points[0].replications[0]
    with pytest.raises(ReportError):
        read_run(run)


def test_a_failed_execution_never_has_a_duration(tmp_path: Path) -> None:
    data = read_run(write_run(tmp_path, [POINT], 1, failures={0: 1.0}))
    assert np.isinf(data.points[0].replications[0].execution_duration_s).all()


def test_a_skipped_step_and_a_group_have_no_duration(tmp_path: Path) -> None:
    rows = run_rows(0, POINT, 0, random.Random(1))
    steps = [row for row in rows if row["type"] == "step"]
    steps[0]["kind"] = "parallel"
    steps[1] |= {"state": "skipped", "ready_ns": -1, "ended_ns": -1, "causes": {}}
    (tmp_path / "records").mkdir()
    write_rows(tmp_path / NAME, rows)
    [item] = read_run(tmp_path).points[0].replications
    assert len(item.steps.duration_s) == len(steps) - 2


def spoil(lines: list[str], how: str) -> str:
    row: dict[str, Any] = json.loads(lines[0])
    text = "\n".join(lines) + "\n"
    return {
        "empty": "",
        "cut": text[: len(text) // 2],
        "no end": text[:-1],
        "no JSON": text.replace(lines[2], "{broken"),
        "no object": text.replace(lines[2], "[1]"),
        "unknown type": text + '{"type":"surprise"}\n',
        "mixed": text + lines[0] + "\n",
        "no run row": "\n".join(lines[1:]) + "\n",
        "other schema": json.dumps(row | {"schema": 99}) + "\n",
        "lacking field": json.dumps({key: row[key] for key in row if key != "makespan_ns"})
        + "\n"
        + json.dumps({"type": "execution", "execution": "x"})
        + "\n",
    }[how]


@pytest.mark.parametrize(
    ("how", "line", "words"),
    [
        ("empty", None, "empty"),
        ("cut", "last", "cut"),
        ("no end", "last", "cut"),
        ("no JSON", 3, "not a JSON row"),
        ("no object", 3, "JSON object"),
        ("unknown type", "last", "surprise"),
        ("mixed", "last", "mixed"),
        ("no run row", 1, "schema"),
        ("other schema", 1, "99"),
        ("lacking field", None, "lacks a field"),
    ],
)
def test_a_spoilt_file_is_named_with_its_line(
    run: Path, how: str, line: int | str | None, words: str
) -> None:
    path = run / NAME
    path.write_text(spoil(path.read_text().splitlines(), how))
    with pytest.raises(ReportError, match=words) as caught:
        read_run(run)
    assert str(caught.value).startswith(str(path))
    if line == "last":
        assert caught.value.line == len(path.read_text().splitlines())
    else:
        assert caught.value.line == line


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"replication": 0}, "replication 0 is in p0000-r00000.jsonl too"),
        ({"coordinates": {"load.burst": 4}}, "coordinates differ"),
        ({"scenario": "another"}, "another"),
    ],
)
def test_files_that_contradict_each_other_are_refused(run: Path, change: dict[str, Any], words: str) -> None:
    path = run / "records/p0000-r00001.jsonl"
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | change), *rest]) + "\n")
    with pytest.raises(ReportError, match=words):
        read_run(run)


def test_no_records_is_an_error_and_no_files_is_an_empty_run(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no such directory"):
        read_run(tmp_path)
    (tmp_path / "records").mkdir()
    assert read_run(tmp_path).points == ()


def test_a_broken_manifest_is_named(run: Path) -> None:
    (run / "manifest.json").write_text("[]")
    with pytest.raises(ReportError, match=r"manifest.json: expected a JSON object"):
        read_run(run)
