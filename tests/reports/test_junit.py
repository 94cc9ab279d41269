"""JUnit files: the structure that readers expect, whatever the names, and one case a verdict."""

from pathlib import Path

from reports.junit import junit_text
from reports.junit_gate import gate_junit_text
from reports.read import read_run
from reports.summary import summarise
from tests.reports.gates import row, view
from tests.reports.junit_schema import check
from tests.reports.synthetic import standard_run

HOSTILE = "<script>\x00\x1b[31m ]]> \ud800 \u202e & \"'"


def test_a_run_has_a_case_for_each_target_at_each_point(tmp_path: Path) -> None:
    directory, scenario = standard_run(tmp_path)
    summary = summarise(read_run(directory), scenario)
    root = check(junit_text(summary))
    cases = [case for case in root.iter("testcase") if not case.attrib["classname"].endswith(".self-check")]
    assert len(cases) == len(summary.judgements)


def test_verdicts_become_failures_errors_and_skips() -> None:
    rows = [row(f"r{number}", factor=factor) for number, factor in enumerate((1.0, 1.025, 1.2))]
    found = view(rows, unjudged=("the baseline has more",))
    assert [item.verdict.value for item in found.rows] == ["PASS", "INCONCLUSIVE", "FAIL"]
    root = check(gate_junit_text(found))
    tags = [[child.tag for child in case if child.tag != "properties"] for case in root.iter("testcase")]
    assert tags == [["system-out"], ["skipped"], ["failure"], ["error"]]


def test_names_cannot_break_it() -> None:
    found = view([row(HOSTILE, {"variables.x": HOSTILE}), row("x" * 10_000)], unjudged=(HOSTILE,))
    root = check(gate_junit_text(found))
    names = [case.attrib["name"] for case in root.iter("testcase")]
    assert names[0].startswith("<script>\ufffd\ufffd[31m ]]>")
    assert len(names[1]) > 10_000
