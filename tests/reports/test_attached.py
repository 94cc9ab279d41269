"""Answers of other verbs in the page: shown where they are about this scenario, and only there."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.html import html_text
from reports.page.told import lines_of, tables_of, text_of
from reports.read import read_run
from reports.summary import summarise
from tests.reports.attached import ANSWERS, ESTIMATE, write_answers
from tests.reports.hostile import HOSTILE
from tests.reports.synthetic import scenario, standard_targets, write_run

POINT = {"load.burst": 5, "workflow.steps": 1}


def page(directory: Path) -> str:
    return html_text(summarise(read_run(directory), scenario([POINT], standard_targets())))


def section(text: str, name: str) -> str:
    return text.split(f'<section id="{name}"')[1].split("</section>", maxsplit=1)[0]


def test_capacity_and_regressions_are_shown_and_answer_their_questions(tmp_path: Path) -> None:
    write_answers(write_run(tmp_path, [POINT]), ["capacity", "regressions"])
    text = page(tmp_path)
    statement = str(ANSWERS["capacity"]["statement"])
    assert statement in section(text, "verdict")
    found = section(text, "capacity")
    for words in (statement, "18, 19", "12.50 s [12.10, 12.90] n=40", "31.25 s [12.10, 12.90] n=40"):
        assert words in found
    assert "headroom verify" in found
    found = section(text, "regressions")
    assert "REGRESSION against baselines/x.json" in section(text, "verdict")
    assert found.index("makespan-mean") < found.index(">still<")  # failures first
    assert "engine.client.qps: 20 → 10" in found
    assert "<svg" in found
    assert "9.25 %" in found


@pytest.mark.parametrize("name", ["capacity", "regressions"])
def test_an_answer_about_another_version_is_not_shown(tmp_path: Path, name: str) -> None:
    write_answers(write_run(tmp_path, [POINT]), [name], scenario_digest="0" * 64)
    text = page(tmp_path)
    assert "another version of" in section(text, name)
    assert f"headroom {name.replace('regressions', 'gate')} " in section(text, name)
    assert str(ANSWERS["capacity"]["statement"]) not in text
    assert "engine.client.qps: 20" not in text


@pytest.mark.parametrize("name", ["capacity", "regressions"])
@pytest.mark.parametrize("value", [None, 7, "<script>alert(1)</script>", [1, [2]], {"a": {"b": [{}]}}])
def test_no_answer_breaks_the_page(tmp_path: Path, name: str, value: Any) -> None:
    write_run(tmp_path, [POINT])
    write_answers(tmp_path, [name], **dict.fromkeys(ANSWERS[name], value))
    assert page(tmp_path).count("<script>") == 1


def test_hostile_answers_are_text(tmp_path: Path) -> None:
    write_run(tmp_path, [POINT])
    write_answers(tmp_path, ["capacity"], **{name: name for name in HOSTILE}, statement=HOSTILE[0])
    text = page(tmp_path)
    assert text.count("<script>") == 1
    assert "<img" not in text
    assert len(text.encode()) < 1_000_000


def test_numbers_of_an_answer_are_written_with_unit_interval_and_n() -> None:
    assert text_of(ESTIMATE) == "12.50 s [12.10, 12.90] n=40"
    assert text_of({"text": "as it says"}) == "as it says"
    assert text_of({"a_b": True, "none": None}) == "a b: yes"
    assert lines_of({"one": 1, "rows": [{"a": 1}], "empty": None}) == [("one", "1")]
    [table] = tables_of({"one": 1, "rows": [{"a_b": 1}, {"c": json.loads("2.5")}]})
    assert (table.heads, table.rows) == (("a b", "c"), (("1", ""), ("", "2.500")))
