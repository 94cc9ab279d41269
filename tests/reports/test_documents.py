"""The same numbers in console, JSON, CSV, HTML, Markdown and JUnit; and the same bytes each time."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reports.console import render_console
from reports.documents import points_csv, summary_json, summary_text
from reports.html import html_text
from reports.junit import junit_text
from reports.markdown import markdown_text
from reports.read import read_run
from reports.summary import MEASURES, Summary, summarise
from reports.write import write
from tests.reports.hostile import HOSTILE, hostile_run
from tests.reports.synthetic import grid, scenario, standard_targets, target, write_run


def console_text(summary: Summary, width: int = 80, **given: Any) -> str:
    console = Console(width=width, file=io.StringIO(), **given)
    render_console(summary, console, "run/report.html")
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return hostile_run(Path(tmp_path_factory.mktemp("hostile")))


def test_every_document_is_written_whole(standard: Summary, tmp_path: Path) -> None:
    paths = write(tmp_path, standard)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "junit.xml", "points.csv", "report.html", "report.md", "summary.json",
    ]  # fmt: skip
    assert set(paths) == {path.name for path in tmp_path.iterdir()}


def test_the_bytes_are_the_same_each_time(standard: Summary) -> None:
    for make in (summary_text, points_csv, html_text, markdown_text, junit_text, console_text):
        assert make(standard) == make(standard)


def test_the_keys_of_the_summary_are_stable(standard: Summary) -> None:
    found = summary_json(standard)
    assert list(found) == [
        "schema", "scenario", "requirement", "confidence", "looks", "exit_code", "exit_name", "causes",
        "targets",
        "points", "curves", "comparisons", "sensitivity", "infeasible", "checks",
    ]  # fmt: skip
    assert found["schema"] == 1
    assert list(found["points"][0]["estimates"]) == list(MEASURES)
    assert json.loads(summary_text(standard)) == found
    assert found["targets"][0]["requirement"] == "BR-WORKFLOW-032"


def test_all_documents_show_the_same_numbers(standard: Summary) -> None:
    """At the requirement's point: throughput, p50, p95, p99 with their intervals, and the targets' values."""
    found = summary_json(standard)
    index = next(number for number, point in enumerate(standard.points) if point.n == 80)
    rows = list(csv.DictReader(io.StringIO(points_csv(standard))))
    console, page, mark = console_text(standard, 200), html_text(standard), markdown_text(standard)
    junit = junit_text(standard)
    for name, column in (
        ("executions_per_second", "executions_per_second"),
        ("execution_duration_p50", "execution_duration_p50_s"),
        ("execution_duration_p95", "execution_duration_p95_s"),
        ("execution_duration_p99", "execution_duration_p99_s"),
    ):
        value = found["points"][index]["estimates"][name]
        for end, key in (("", "value"), ("_low", "low"), ("_high", "high")):
            assert float(rows[index][column + end]) == value[key]
        assert re.search(rf"\b{value['value']}0*p?±", console)
        assert re.search(rf"\b{value['value']}0*p? ±", mark)
        assert re.search(rf">{value['value']}0* <small>\[{value['low']}0*, {value['high']}0*\]", page)
    for result in found["targets"]:
        text = result["worst"]["text"]
        assert text in console
        assert text in page
        assert text.replace("[", "\\[").replace("]", "\\]") in mark
        assert text in junit
        assert str(result["worst"]["value"]) in text


def test_every_point_is_a_row_of_the_table(standard: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(points_csv(standard))))
    assert [(int(row["load.burst"]), int(row["workflow.steps"])) for row in rows] == [
        (point["load.burst"], point["workflow.steps"]) for point in grid()
    ]
    assert {row["n"] for row in rows} == {"10", "80"}


def test_junit_is_a_case_per_target_and_point(standard: Summary) -> None:
    root = ET.fromstring(junit_text(standard))
    [suite] = root
    cases = suite.findall("testcase")
    names = [case.get("name") for case in cases]
    assert "BR-WORKFLOW-032 orchestration [load.burst=5, workflow.steps=1]" in names
    assert len([case for case in cases if case.get("classname", "").endswith(".map")]) == 20
    properties = {item.get("name"): item.get("value") for item in cases[0].iter("property")}
    assert properties["requirement"] == "BR-WORKFLOW-032"
    assert properties["verdict"] == "PASS"
    assert root.get("tests") == str(len(cases))
    assert (root.get("failures"), root.get("errors")) == ("0", "0")  # the map is info: it fails nothing


def test_junit_marks_each_verdict(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"load.burst": 5}]
    targets = [
        target("passes", "makespan", stat="mean", max=30),
        target("fails", "makespan", stat="mean", max=1),
        target("open", "makespan", attainment=0.95, max=30),
        target("nothing", "makespan", max=1, where={"load.burst": 9}),
        target("warned", "makespan", stat="mean", max=1, severity="warn"),
    ]
    root = ET.fromstring(
        junit_text(summarise(read_run(write_run(tmp_path, points)), scenario(points, targets)))
    )
    marks = {
        str(case.get("classname")).rpartition(".")[2]: [
            child.tag for child in case if child.tag != "properties"
        ]
        for case in root.iter("testcase")
    }
    assert marks["passes"] == ["system-out"]
    assert marks["fails"] == ["failure"]
    assert marks["open"] == ["skipped"]
    assert marks["nothing"] == ["error"]
    assert marks["warned"] == ["system-out"]
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("1", "1", "1")


def test_hostile_names_are_text_in_the_page(hostile: Summary) -> None:
    page = html_text(hostile)
    assert page.count("<script>") == 1  # our own
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }}" in page
    assert not re.search(r"<[^>&]*onerror", page)
    assert len(page) < 1_000_000


def test_hostile_names_leave_the_xml_and_the_csv_whole(hostile: Summary) -> None:
    root = ET.fromstring(junit_text(hostile))
    assert root.find("testsuite") is not None
    assert HOSTILE[0] in {item.get("value") for item in root.iter("property")}
    rows = list(csv.DictReader(io.StringIO(points_csv(hostile))))
    assert [row["workflow.name"] for row in rows] == [
        str(point.coordinates["workflow.name"]) for point in hostile.points
    ]


def test_hostile_names_make_no_markup_in_markdown(hostile: Summary) -> None:
    mark = markdown_text(hostile)
    assert "<script>" not in mark.replace("\\<script\\>", "").replace(f"`{HOSTILE[0]}`", "")
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in mark.splitlines() if line.startswith("|")]
    assert set(widths) == {10, 9}  # nine columns of targets, eight of points: no name makes one more
    assert len(mark) < 1_000_000


def test_hostile_names_send_no_escape_codes_to_the_terminal(hostile: Summary) -> None:
    assert "\x1b" not in console_text(hostile)
    assert "\x00" not in console_text(hostile)


def test_markdown_of_500_points_stays_below_a_mebibyte(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [
        {"load.burst": 1, "workflow.steps": 1, "x": number} for number in range(520)
    ]
    summary = summarise(
        read_run(write_run(tmp_path, points, 2)), scenario(points, standard_targets(), minimum=2, maximum=2)
    )
    text = markdown_text(summary)
    assert len(text.encode()) < 2**20
    assert "and 20 more" in text


def test_the_console_is_plain_and_narrow_where_it_is_no_terminal(standard: Summary) -> None:
    text = console_text(standard)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 80
    rows = [line for line in text.splitlines() if re.match(r" +\d+ +\d+ ", line)]
    assert len(rows) == 20


def test_the_console_shows_each_part_in_its_order(standard: Summary) -> None:
    text = console_text(standard)
    parts = ["POINTS", "TARGETS", "SENSITIVITY", "SELF-CHECKS", "exit code 0", "report: run/report.html"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "BR-WORKFLOW-032" in text
    assert "worst of 20 points load.burst=50, workflow.steps=20" in text


def test_the_console_tells_a_terminal_by_colour(standard: Summary) -> None:
    assert "\x1b[" in console_text(standard, force_terminal=True)


GOLDEN = """\
high-throughput-orchestration  BR-WORKFLOW-032
2 points, 10 replications each, simulated

POINTS
burst       exec/s        p50 s        p95 s p99 s bottleneck       n
    5 0.7067±0.12  5.521±0.47            -     - readiness 51%  10
   20  1.145±0.095  10.12±1.3 16.62±0.84p     - admission 34%  10
"""


def test_the_console_of_a_small_sweep(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"load.burst": 5}, {"load.burst": 20}]
    targets = [
        target("fast", "makespan", stat="mean", max=10),
        target("open", "makespan", attainment=0.95, max=30),
    ]
    summary = summarise(read_run(write_run(tmp_path, points)), scenario(points, targets))
    text = console_text(summary)
    assert [line.replace("\N{EN DASH}", "-").split() for line in text.splitlines()[:7]] == [
        line.split() for line in GOLDEN.splitlines()
    ]
    assert "FAIL         fast  BR-WORKFLOW-032" in text
    assert "INCONCLUSIVE open  BR-WORKFLOW-032" in text
    assert "TARGET FAILED  exit code 10, 2 targets: 1 fail, 1 inconclusive" in text
    assert "  12 inconclusive: BR-WORKFLOW-032 open at load.burst=5: needs 80 replications" in text
