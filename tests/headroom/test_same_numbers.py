"""One run, read from console, JSON, CSV, HTML and JUnit: the same values with unit, interval and n."""

import csv
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest

from reports.formats import ABSENT
from tests.headroom.command import headroom

SCENARIO = """\
apiVersion: headroom/v1
name: five-readers
requirement: REQ-5
cluster: high-load-production
workload: {workflow: restart-pods, targets: {deployments: all}, load: {burst: 20}}
sweep: {load.burst: [5, 20], workflow.steps: [1, 2]}
experiment: {replications: 6}
targets:
  - {id: slow, metric: makespan, stat: mean, max: 1h}
  - {id: most, metric: execution_duration, attainment: 40%, max: 10m}
  - {id: whole, metric: executions_completed_ratio, min: 1%}
  - {id: hopeless, metric: execution_duration, stat: p50, max: 1s, severity: warn}
"""
COLUMNS = {  # of the page's table -> name of the estimate, unit of the printed value
    "executions/s": ("executions_per_second", "1/s"),
    "steps/s": ("steps_per_second", "1/s"),
    "makespan, s": ("makespan", "s"),
    "p50, s": ("execution_duration_p50", "s"),
    "p95, s": ("execution_duration_p95", "s"),
    "p99, s": ("execution_duration_p99", "s"),
}
CSV_UNITS = {"s": "_s", "1/s": "", "1/min": "", "%": "_percent", "": ""}


class Tables(HTMLParser):
    """The cells of every table of a page, by the name of its region."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._name = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("role") == "region":
            self._name = str(given["aria-label"])
            self.found[self._name] = []
        if self._name and tag == "tr":
            self.found[self._name].append([])
        if self._name and tag in ("td", "th") and self.found[self._name]:
            self.found[self._name][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._name = "" if tag == "table" else self._name

    def handle_data(self, data: str) -> None:
        if self._name and self.found[self._name] and self.found[self._name][-1]:
            self.found[self._name][-1][-1] += data


@dataclass(frozen=True)
class Readings:
    """What each of the five says."""

    console: str
    told: dict[str, Any]
    rows: list[dict[str, str]]
    tables: dict[str, list[list[str]]]
    cases: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Readings:
    folder = tmp_path_factory.mktemp("five")
    (folder / "five.yaml").write_text(SCENARIO)
    result = headroom("run", "five.yaml", "--out", "run", "--quiet", cwd=folder)
    assert result.returncode == 0, result.stderr + result.stdout
    run = folder / "run"
    cases = {
        str(case.get("name")): {
            str(item.get("name")): str(item.get("value")) for item in case.iter("property")
        }
        | {"text": "".join(case.itertext())}
        for case in ET.parse(run / "junit.xml").iter("testcase")
    }
    return Readings(
        result.stdout,
        json.loads((run / "summary.json").read_text()),
        list(csv.DictReader((run / "points.csv").read_text().splitlines())),
        Tables((run / "report.html").read_text()).found,
        cases,
    )


def shown(value: float | None, text: str) -> bool:
    """Tell whether a printed number is that of the JSON."""
    return text == ABSENT if value is None else float(text) == pytest.approx(value, rel=1e-12)


def test_every_estimate_of_every_point_is_the_same_in_json_csv_and_page(read: Readings) -> None:
    table = read.tables["All points"]
    heads = [re.sub(r"\s+", " ", head).strip() for head in table[0]]
    compared = 0
    for point, row, cells in zip(read.told["points"], read.rows, table[1:], strict=True):
        assert row["n"] == str(point["n"]) == cells[-1].strip()
        for name, found in point["estimates"].items():
            head = name + CSV_UNITS[found["unit"]]
            for end, key in (("", "value"), ("_low", "low"), ("_high", "high")):
                assert row[head + end] == ("" if found[key] is None else repr(found[key]))
            assert row[f"{head}_n"] == str(found["n"])
        for head, cell in zip(heads, cells, strict=True):
            if head not in COLUMNS:
                continue
            name, unit = COLUMNS[head]
            found = point["estimates"][name]
            assert found["unit"] == unit
            value, *rest = cell.split(" ", 1)
            assert shown(found["value"], value.rstrip("†"))
            bounds = re.search(r"\[(.+), (.+)\]", rest[0] if rest else "")
            assert (bounds is None) == (found["low"] is None)
            if bounds is not None:
                assert shown(found["low"], bounds[1])
                assert shown(found["high"], bounds[2])
                compared += 1
    assert compared >= 4 * 4


def test_the_console_shows_the_values_with_the_half_widths_of_the_json(read: Readings) -> None:
    rows = re.findall(r"^ +(\d+) +(\d+) +(\S+) +(\S+) +(\S+) +(\S+) +(.*?)(\d+)$", read.console, re.MULTILINE)
    assert len(rows) == 4
    names = [
        "executions_per_second", "execution_duration_p50", "execution_duration_p95", "execution_duration_p99",
    ]  # fmt: skip
    head = next(line for line in read.console.splitlines() if "exec/s" in line)
    assert head.split()[:9] == ["burst", "steps", "exec/s", "p50", "s", "p95", "s", "p99", "s"]
    for point, row in zip(read.told["points"], rows, strict=True):
        assert [int(row[0]), int(row[1])] == list(point["coordinates"].values())
        assert int(row[-1]) == point["n"]
        for name, text in zip(names, row[2:6], strict=True):
            found = point["estimates"][name]
            value, _, width = text.rstrip("p").partition("±")
            assert shown(found["value"], value)
            assert width == "" if found["half_width"] is None else float(width) == found["half_width"]
        neck = point["bottleneck"]
        share = neck["share"]["value"]
        assert row[6].strip().startswith(neck["cause"])
        assert float(re.findall(r"(\d+)%", row[6])[0]) == pytest.approx(share, abs=0.5)


def test_every_target_is_the_same_in_all(read: Readings) -> None:
    table = {cells[1].split("REQ-5")[0]: cells for cells in read.tables["Targets"][1:]}
    assert len(read.told["targets"]) == len(table) == 4
    for target in read.told["targets"]:
        worst = target["worst"]
        console = read.console.split(f" {target['id']}  REQ-5")[1].split("\n", 2)[1]
        assert f"{target['metric']}: {worst['text']}, asked {target['limit']}, n={worst['n']}" in console
        cells = table[target["id"]]
        assert cells[0] == target["verdict"]
        assert cells[3].startswith(worst["text"])
        assert cells[4] == str(worst["n"])
        for item in target["points"]:
            numbers = re.findall(r"[\d.]+", item["text"])
            known = [item[key] for key in ("value", "low", "high") if item[key] is not None]
            assert [float(number) for number in numbers] == pytest.approx(known, rel=1e-12)
            assert item["unit"] in item["text"].split("[")[0]
            place = ", ".join(f"{path}={value}" for path, value in item["coordinates"].items())
            case = read.cases[f"REQ-5 {target['id']} [{place}]"]
            assert (case["value"], case["n"]) == (item["text"], str(item["n"]))
            assert (case["verdict"], case["limit"]) == (item["verdict"], target["limit"])
            assert f"{item['text']}, asked {target['limit']}, n={item['n']}" in case["text"]


def test_a_mean_that_is_judged_is_the_mean_of_the_table(read: Readings) -> None:
    """The same makespan in all five: judged in console, page and JUnit, estimated in JSON, CSV and page."""
    [judged] = [target for target in read.told["targets"] if target["id"] == "slow"]
    for item, point, row in zip(judged["points"], read.told["points"], read.rows, strict=True):
        assert item["value"] == point["estimates"]["makespan"]["value"] == float(row["makespan_s"])
        assert item["n"] == point["estimates"]["makespan"]["n"] == int(row["makespan_s_n"])
        assert item["unit"] == "s"
