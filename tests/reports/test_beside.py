"""Several runs side by side: paired at the points that they share, each with its interval and n."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reports.beside import Beside, Side, beside, beside_json, change_text
from reports.beside_console import render_beside
from reports.beside_html import beside_html
from reports.paired import Finding
from reports.read import read_run
from reports.summary import summarise
from tests.reports.hostile import HOSTILE, hostile_run
from tests.reports.synthetic import scenario, standard_targets, write_run

BURSTS = [{"load.burst": burst, "workflow.steps": 1} for burst in (1, 5, 20)]


def side(directory: Path, name: str, points: list[dict[str, Any]], **given: Any) -> Side:
    configuration = given.pop("configuration", {})
    summary = summarise(
        read_run(write_run(directory / name, points, **given)), scenario(points, standard_targets())
    )
    return Side(name, summary, configuration)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Beside:
    """A run, the same one again, and one with fewer slots that lacks a point and has another."""
    root = tmp_path_factory.mktemp("three")
    return beside(
        [
            side(root, "first", BURSTS, configuration={"engine.slots": 10}),
            side(root, "again", BURSTS, configuration={"engine.slots": 10}),
            side(root, "narrow", [*BURSTS[1:], {"load.burst": 30, "workflow.steps": 1}], slots=4,
                 configuration={"engine.slots": 4}),
        ]
    )  # fmt: skip


def change_of(found: Beside, burst: int, measure: str, at: int) -> Any:
    [row] = [it for it in found.rows if it.coordinates["load.burst"] == burst and it.measure == measure]
    return row.changes[at]


def test_the_same_run_has_not_changed_and_a_slower_one_has(three: Beside) -> None:
    for row in three.rows:
        assert row.changes[0] is None
    same = change_of(three, 20, "makespan", 1)
    assert (same.change, same.finding, same.n) == (0.0, Finding.EQUIVALENT, 10)
    slower = change_of(three, 20, "makespan", 2)
    assert slower.finding is Finding.HIGHER
    assert slower.low < slower.change < slower.high
    assert change_text(slower).endswith(f"n={slower.n}")
    assert change_of(three, 20, "executions_per_second", 2).finding is Finding.LOWER


def test_a_point_that_a_run_lacks_is_told(three: Beside) -> None:
    there = {it.coordinates["load.burst"]: [found is not None for found in it.estimates] for it in three.rows}
    assert there == {
        1: [True, True, False],
        5: [True, True, True],
        20: [True, True, True],
        30: [False, False, True],
    }
    assert change_of(three, 1, "makespan", 2) is None
    assert change_of(three, 30, "makespan", 2) is None


def test_what_differs_is_told_of_each_run(three: Beside) -> None:
    assert [[item.text for item in differing] for differing in three.differing] == [
        [], [], ["engine.slots: 10 → 4"],
    ]  # fmt: skip


def test_page_console_and_json_say_the_same(three: Beside) -> None:
    console = Console(width=400, file=io.StringIO())
    render_beside(three, console)
    assert isinstance(console.file, io.StringIO)
    printed, page = console.file.getvalue(), beside_html(three)
    told = json.loads(json.dumps(beside_json(three), allow_nan=False))
    compared = 0
    for row, found in zip(told["rows"], three.rows, strict=True):
        for number, (estimate, change) in enumerate(zip(row["estimates"], row["changes"], strict=True)):
            known = found.estimates[number]
            if known is None:
                assert estimate is None
                continue
            assert f"{known.text} n={estimate['n']}" in printed
            if change is not None and change["change_percent"] is not None:
                assert change["text"] in printed
                assert change["text"] in page
                assert float(change["text"].split()[0]) == pytest.approx(change["change_percent"], rel=1e-12)
                compared += 1
    assert compared == 3 * 3 + 2 * 3


def test_the_page_is_whole_and_names_are_text(three: Beside, tmp_path: Path) -> None:
    page = beside_html(three)
    assert "The runs over each other" in page
    hostile = hostile_run(tmp_path)
    page = beside_html(beside([Side(name, hostile, {name: name, "side": name}) for name in HOSTILE[:3]]))
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert len(page.encode()) < 2_000_000
