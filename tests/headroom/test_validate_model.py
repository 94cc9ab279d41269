"""`headroom validate-model`: what its rows say, and what the command does with them."""

import json
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Any

import pytest

from headroom.validation.pack import PARTS
from headroom.validation.row import Row, Settings
from headroom.validation.table import markdown_table, to_json
from tests.headroom.command import headroom


def row(**changes: Any) -> Row:
    fields: dict[str, Any] = {
        "id": "V0", "metric": "time", "unit": "s", "reference": 10.0, "kind": "prediction", "model": 10.5,
        "low": None, "high": None, "n": 1, "aim": (0.9, 1.1), "source": "somebody",
    }  # fmt: skip
    return Row(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "PASS"),
        ({"model": 11.1}, "FAIL"),
        ({"model": 8.9}, "FAIL"),
        ({"kind": "fit", "model": 11.1}, "does not fit"),
        ({"kind": "fit"}, "fits"),
        ({"kind": "bound", "aim": (1.0, inf), "model": 99.0}, "PASS"),
        ({"kind": "bound", "aim": (1.0, inf), "model": 9.99}, "FAIL"),
        ({"kind": "exact", "low": 9.0, "high": 11.0, "model": 10.8}, "PASS"),
        ({"kind": "exact", "low": 10.1, "high": 11.0, "model": 10.5}, "FAIL"),
        ({"reference": 0.0, "model": 0.0}, "PASS"),
        ({"reference": 0.0, "model": 0.1}, "FAIL"),
    ],
)
def test_a_verdict_follows_from_the_figures(changes: dict[str, Any], verdict: str) -> None:
    assert row(**changes).verdict == verdict


def test_a_table_escapes_what_would_break_it_and_json_knows_no_infinity() -> None:
    open_ended = row(metric="a | b", kind="bound", aim=(1.0, inf), reference=0.0)
    assert "a / b" in markdown_table([open_ended])
    assert json.loads(json.dumps(to_json(open_ended), allow_nan=False))["aim"] == [1.0, None]


def test_the_command_prints_rows_and_writes_the_table(tmp_path: Path) -> None:
    file = tmp_path / "table.md"
    found = headroom("validate-model", "controllers", "--json", "--quiet", "--markdown", file)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["exit_code"] == 0
    assert {one["id"] for one in told["rows"]} == {"V11", "V13", "V14"}
    assert {one["verdict"] for one in told["rows"]} == {"PASS", "fits"}
    assert file.read_text().count("\n| V14 |") == 2
    again = headroom("validate-model", "controllers", "--json", "--quiet")
    assert again.stdout == found.stdout


def test_mistakes_are_told(tmp_path: Path) -> None:
    unknown = headroom("validate-model", "contrllers")
    assert unknown.returncode == 2
    assert "no part 'contrllers'" in unknown.stderr
    assert "controllers" in unknown.stderr
    empty = headroom("validate-model", "drains", "--data", tmp_path)
    assert empty.returncode == 2
    assert "no manifest.csv" in empty.stderr


def test_parts_that_need_the_reference_data_are_left_out_without_it() -> None:
    for part in ("schedules", "queueing"):
        assert list(import_module(PARTS[part]).rows(Settings(None))) == []


@pytest.mark.oracle
def test_schedules_are_near_the_proven_optima(reference_data: Path) -> None:
    rows = list(import_module(PARTS["schedules"]).rows(Settings(reference_data)))
    assert len(rows) == 13
    assert [one for one in rows if not one.holds] == []


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.parametrize("part", ["drains", "argo", "queueing"])
def test_every_row_that_counts_holds(part: str, reference_data: Path) -> None:
    rows = list(import_module(PARTS[part]).rows(Settings(reference_data)))
    assert len(rows) >= 7
    assert [one for one in rows if one.counts and not one.holds] == []
