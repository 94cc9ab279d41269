"""The registry of runs and what `headroom history` tells of it."""

import json
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import scenarios
from headroom import history, registering, registry
from headroom.errors import HarnessError
from headroom.progress import Teller
from headroom.registry import Entry, Measure, enter, entries, key_of
from reports import exits
from tests.headroom.command import headroom

POINT = key_of({"load.burst": 5})


def entry(number: int, **given: object) -> Entry:
    blank = {
        "at": f"2026-11-{1 + number:02d}T08:00:00+00:00",
        "verb": "run",
        "scenario": "checkout",
        "scenario_digest": "5c",
        "code_digest": f"c0de{number // 5}" * 8,
        "version": "0.1.0",
        "seed": number,
        "overridden": False,
        "exit_code": 0,
        "path": "runs/checkout",
        "focus": POINT,
        "verdicts": "{}",
    }
    return Entry(**{**blank, **given})  # type: ignore[arg-type]


def measure(value: float, name: str = "makespan", point: str = POINT, error: float = 0.1) -> Measure:
    return Measure(point, name, "s", value, value - 2.26 * error, value + 2.26 * error, error, 10)


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "registry.sqlite"
    monkeypatch.setenv(registry.VARIABLE, str(path))
    for number in range(10):
        value = 20.0 + 0.02 * (number % 3) + (1.0 if number >= 5 else 0.0)
        enter(path, entry(number), [measure(value), measure(1.0, "makespan", key_of({"load.burst": 1}))])
    return path


@pytest.mark.usefixtures("filled")
def test_a_change_is_told_with_its_interval_and_what_came_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    history.history("checkout", "makespan", (), 4, everything=False, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["runs_count"], [run["run"] for run in told["runs"]]) == (10, [7, 8, 9, 10])
    [change] = told["changes"]
    assert (change["before"], change["after"]) == (5, 6)
    assert change["low"] < 0.05 < change["high"]
    assert change["with"] == ["code", "seed"]
    history.history("checkout", "makespan", (), 20, everything=False, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "checkout at load.burst=5: makespan in s"
    [marked] = [line for line in lines if line.lstrip().startswith(">")]
    assert marked.split()[1] == "6"
    assert any(line.startswith("between 5 and 6: +5") and line.endswith("code, seed") for line in lines)
    assert "20.04 ±0.23" in "\n".join(lines)


def test_the_same_run_again_proves_nothing(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for repeats in (1, 29):  # the last one computed over and over: one result, not thirty
        for _ in range(repeats):
            enter(filled, entry(30, seed=99, code_digest="new"), [measure(21.35, error=0.2)])
        history.history("checkout", "makespan", (), 50, everything=False, as_json=True)
        told.append(json.loads(capsys.readouterr().out))
    assert [it["runs_count"] for it in told] == [11, 40]
    assert [change["after"] for change in told[0]["changes"]] == [6]
    assert told[1]["changes"] == told[0]["changes"]


def test_another_point_and_what_is_not_there(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history.history("checkout", "makespan", ["load.burst=1"], 20, everything=False, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["coordinates"], told["changes"]) == ({"load.burst": 1}, [])
    asked = [
        ("chekout", "makespan", ()),
        ("checkout", "makspan", ()),
        ("checkout", "makespan", ["load.burst=7"]),
    ]
    words = ["did you mean 'checkout'", "did you mean 'makespan'", "load.burst=1; load.burst=5"]
    for (name, metric, at), expected in zip(asked, words, strict=True):
        with pytest.raises(HarnessError) as caught:
            history.history(name, metric, at, 20, everything=False, as_json=True)
        assert caught.value.code == exits.NO_DATA
        assert expected in caught.value.hint
    assert filled.is_file()


def test_explorations_are_left_out_unless_asked_for(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enter(filled, entry(11, overridden=True), [measure(99.0)])
    enter(filled, entry(12, scenario="tried", overridden=True), [measure(99.0)])
    history.history("checkout", "makespan", (), 50, everything=False, as_json=True)
    assert json.loads(capsys.readouterr().out)["runs_count"] == 10
    history.history("checkout", "makespan", (), 50, everything=True, as_json=True)
    assert json.loads(capsys.readouterr().out)["runs_count"] == 11
    with pytest.raises(HarnessError) as caught:
        history.history("tried", "makespan", (), 50, everything=False, as_json=True)
    assert "--all" in caught.value.hint


def test_without_a_name_every_scenario_is_listed(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enter(filled, entry(11, scenario="\x1b[31mevil", exit_code=10), [])
    history.history(None, "makespan", (), 50, everything=False, as_json=False)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "checkout" in text
    assert "evil" in text


def enter_one(path: Path, number: int) -> int:
    return enter(path, entry(number), [measure(20.0)])


def test_many_at_once_are_all_entered(tmp_path: Path) -> None:
    path = tmp_path / "new" / "registry.sqlite"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        numbers = list(pool.map(enter_one, [path] * 12, range(12)))
    assert sorted(numbers) == list(range(1, 13))
    assert [it.id for it in entries(path)] == list(range(1, 13))
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_what_is_no_registry_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("precious " * 100)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE mine (x)")
    database.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(HarnessError, match="registry") as caught:
            enter(path, entry(1), [])
        assert caught.value.code == exits.USAGE
        assert path.read_bytes() == before
    with pytest.raises(HarnessError, match="there is no registry of runs"):
        entries(tmp_path / "gone.sqlite")


def test_a_run_enters_itself_and_is_found_again(tmp_path: Path) -> None:
    place = {registry.VARIABLE: str(tmp_path / "r.sqlite")}
    for seed in ("1", "2"):
        done = headroom("run", "smoke", "--seed", seed, "--quiet", "--out", tmp_path / seed, env=place)
        assert done.returncode == 0, done.stderr
    told = json.loads(headroom("history", "smoke", "--json", env=place).stdout)
    summary = json.loads((tmp_path / "2" / "summary.json").read_text())
    recorded = summary["points"][0]["estimates"]["makespan"]
    last = told["runs"][-1]
    assert {key: last[key] for key in ("value", "low", "high", "half_width", "unit", "n")} == {
        key: recorded[key] for key in ("value", "low", "high", "half_width", "unit", "n")
    }
    assert [run["seed"] for run in told["runs"]] == [1, 2]
    assert len({run["scenario_digest"] for run in told["runs"]}) == 1, "other dice, the same question"


def test_a_registry_that_cannot_be_written_stops_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = {registry.VARIABLE: str(tmp_path / "file" / "r.sqlite")}
    done = headroom("run", "smoke", "--out", tmp_path / "run", env=place)
    assert done.returncode == 0, done.stderr
    assert "note: not entered into the registry of runs" in done.stderr


def test_other_verbs_enter_their_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.sqlite"
    monkeypatch.setenv(registry.VARIABLE, str(path))
    scenario = scenarios.load("smoke")
    found = {"answer": 26, "knob": {"path": "load.burst"}}
    registering.enter_capacity(found, scenario, tmp_path, 0, Teller(quiet=True))
    registering.enter_capacity({**found, "answer": None}, scenario, tmp_path, 10, Teller(quiet=True))
    registering.enter_answer("gate", scenario, tmp_path, 11, [], Teller(quiet=True))
    told_of = [(it.verb, it.exit_code) for it in entries(path)]
    assert told_of == [("capacity", 0), ("capacity", 10), ("gate", 11)]
    [(run, told)] = registry.measures(path, [1, 2, 3], key_of({}), "capacity:load.burst").items()
    assert (run, told.value, told.error) == (1, 26, None)
