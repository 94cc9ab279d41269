"""Run directories: nothing is half written, earlier results are set aside, others are refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headroom.errors import HarnessError
from headroom.rundir import RunDirectory, record_name, write_text
from reports import exits


def cut_short() -> Iterator[str]:
    yield "one\n"
    raise RuntimeError("the disk is full")


def test_a_file_that_cannot_be_finished_does_not_appear(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        write_text(tmp_path / "a.jsonl", cut_short())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path) -> None:
    write_text(tmp_path / "a.jsonl", ["old\n"])
    with pytest.raises(RuntimeError):
        write_text(tmp_path / "a.jsonl", cut_short())
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert (tmp_path / "a.jsonl").read_text() == "old\n"


def begun(path: Path, code: str) -> RunDirectory:
    directory = RunDirectory(path)
    directory.begin({"code_digest": code}, "name: x\n", code)
    return directory


def test_results_of_the_same_code_wait_for_whoever_asks(tmp_path: Path) -> None:
    directory = begun(tmp_path / "run", "c0de")
    directory.record(0, 1).write_text("kept\n")
    again = begun(tmp_path / "run", "c0de")
    assert list(again.records.iterdir()) == []
    assert (again.earlier / record_name(0, 1)).read_text() == "kept\n"
    again.end({"complete": True})
    assert not again.earlier.exists()


def test_an_interrupted_start_loses_nothing_of_the_one_before(tmp_path: Path) -> None:
    first = begun(tmp_path / "run", "c0de")
    first.record(0, 0).write_text("first\n")
    second = begun(tmp_path / "run", "c0de")  # ends before it asks for anything
    second.record(0, 1).write_text("second\n")
    third = begun(tmp_path / "run", "c0de")
    assert sorted(path.name for path in third.earlier.iterdir()) == [record_name(0, 0), record_name(0, 1)]


def test_results_of_other_code_are_dropped(tmp_path: Path) -> None:
    directory = begun(tmp_path / "run", "c0de")
    directory.record(0, 1).write_text("stale\n")
    assert list(begun(tmp_path / "run", "0ther").earlier.iterdir()) == []


def test_documents_of_an_earlier_run_do_not_stay_beside_new_records(tmp_path: Path) -> None:
    directory = begun(tmp_path / "run", "c0de")
    for name in ("summary.json", "points.csv", "report.html", "infeasible.json", "sensitivity.json"):
        (directory.path / name).write_text("[]")
    begun(tmp_path / "run", "c0de")
    left = sorted(path.name for path in directory.path.iterdir() if path.is_file())
    assert left == ["manifest.json", "scenario.resolved.yaml"]
    assert json.loads((directory.path / "manifest.json").read_text()) == {"code_digest": "c0de"}


def test_a_directory_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(HarnessError, match="holds no run") as caught:
        RunDirectory(tmp_path).check_usable()
    assert caught.value.code == exits.USAGE
    with pytest.raises(HarnessError, match="is a file"):
        RunDirectory(tmp_path / "thesis.tex").check_usable()


def test_an_empty_a_new_and_an_earlier_directory_are_usable(tmp_path: Path) -> None:
    RunDirectory(tmp_path).check_usable()
    RunDirectory(tmp_path / "new" / "deep").check_usable()
    RunDirectory(begun(tmp_path / "run", "c0de").path).check_usable()
