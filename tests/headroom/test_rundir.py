"""Run directories: nothing is half written, earlier results are set aside, others are refused."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headroom.errors import HarnessError
from headroom.rundir import LOCK, RunDirectory, record_name, write_text
from reports import exits
from tests.headroom.command import environment


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


def begun(path: Path, code: str, **more: object) -> RunDirectory:
    directory = RunDirectory(path)
    directory.begin({"code_digest": code, **more}, "name: x\n")
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


@pytest.mark.parametrize("other", [{"dependencies": {"simpy": "4.2"}}, {"python": "CPython 3.12.1"}])
def test_results_of_other_versions_are_dropped(other: dict[str, object], tmp_path: Path) -> None:
    made_by: dict[str, object] = {"dependencies": {"simpy": "4.1"}, "python": "CPython 3.11.2"}
    begun(tmp_path / "run", "c0de", **made_by).record(0, 1).write_text("stale\n")
    assert list(begun(tmp_path / "run", "c0de", **{**made_by, **other}).earlier.iterdir()) == []


def test_results_of_the_same_versions_are_kept(tmp_path: Path) -> None:
    made_by: dict[str, object] = {"dependencies": {"simpy": "4.1"}, "python": "CPython 3.11.2"}
    begun(tmp_path / "run", "c0de", **made_by).record(0, 1).write_text("kept\n")
    again = begun(tmp_path / "run", "c0de", **made_by, wall_seconds=3)
    assert [file.name for file in again.earlier.iterdir()] == [record_name(0, 1)]


HOLD = """
import sys
from pathlib import Path
from headroom.rundir import RunDirectory
with RunDirectory(Path(sys.argv[1])).alone():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused = pytest.raises(HarnessError, match=f"in use by process {holder.pid}$")
        with refused as caught, RunDirectory(tmp_path / "run").alone():
            pass
        assert caught.value.code == exits.USAGE
        holder.kill()
    with RunDirectory(tmp_path / "run").alone():
        RunDirectory(tmp_path / "run").check_usable()  # a lock alone is nothing that could be lost
        assert (tmp_path / "run" / LOCK).read_text() == f"{os.getpid()}\n"


def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        yield "one\n"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as caught:
        write_text(tmp_path / "a.jsonl", lines())
    assert caught.value.filename == str(tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []


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
