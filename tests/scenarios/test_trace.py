"""Arrivals from a recording: read to the nanosecond, cut, played at a speed; what is wrong has its line."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios
from scenarios import LoadSpec, ScenarioError
from scenarios.trace import BYTES_MAX, gaps_of, offsets_of
from scenarios.units import SECOND_NS

SCENARIO = """
apiVersion: headroom/v1
name: recorded
cluster: basic-development
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {trace: TRACE}
"""
MS = 1_000_000


def load_of(folder: Path, text: str, trace: str = "arrivals.csv", *overrides: str) -> LoadSpec:
    """The load of a scenario that stands beside a recording."""
    (folder / "arrivals.csv").write_text(text, encoding="utf-8")
    file = folder / "recorded.yaml"
    file.write_text(SCENARIO.replace("TRACE", trace), encoding="utf-8")
    scenario = scenarios.load(file, overrides)
    return scenarios.compile(scenario, scenario.points()[0], 0).workload.load


def arrivals(folder: Path, text: str, trace: str = "arrivals.csv", *overrides: str) -> list[int]:
    return offsets_of(load_of(folder, text, trace, *overrides).gaps)


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        ("0\n1.5\n4\n", "arrivals.csv"),
        ("at\n0\n1.5\n4\n", "arrivals.csv"),
        ("name,at\nx,10\ny,11.5\nz,14\n", "{file: arrivals.csv, column: at}"),
        ("10000\n11500\n14000\n", "{file: arrivals.csv, unit: ms}"),
        ("1326956520.0\n1326956521.5\n1326956524.0\n", "arrivals.csv"),
        (
            "TIMESTAMP\n2023-11-16 18:17:03\n2023-11-16 18:17:04.5000000\n2023-11-16 18:17:07\n",
            "arrivals.csv",
        ),
        ("2026-11-24T08:00:00Z\n2026-11-24T10:00:01.5+02:00\n2026-11-24T08:00:04Z\n", "arrivals.csv"),
        ("\ufeffat\r\n4\r\n\r\n0\r\n1.5\r\n", "arrivals.csv"),  # of a spreadsheet, and out of order
    ],
)
def test_three_arrivals_however_they_are_written(tmp_path: Path, text: str, trace: str) -> None:
    found = load_of(tmp_path, text, trace)
    assert found.kind == "trace"
    assert offsets_of(found.gaps) == [0, 1500 * MS, 4000 * MS]
    assert found.for_ns == 4000 * MS + 1


def test_no_digit_of_an_instant_is_lost(tmp_path: Path) -> None:
    text = "2023-11-16 18:17:03.9799600\n2023-11-16 18:17:04.031960001\n"
    assert arrivals(tmp_path, text) == [0, 52_000_001]


@pytest.mark.parametrize(
    ("options", "expected", "window"),
    [
        ("speed: 2", [0, 500, 1000, 1500, 2000], None),
        ("speed: 0.5", [0, 2000, 4000, 6000, 8000], None),
        ("from: 1s", [0, 1000, 2000, 3000], None),
        ("from: 1500ms", [500, 1500, 2500], None),
        ("for: 2s", [0, 1000], 2000),  # the end does not belong to it
        ("from: 1s, for: 2500ms, speed: 2", [0, 500, 1000], 1250),
    ],
)
def test_a_window_is_cut_and_then_played(
    tmp_path: Path, options: str, expected: list[int], window: int | None
) -> None:
    found = load_of(tmp_path, "0\n1\n2\n3\n4\n", f"{{file: arrivals.csv, {options}}}")
    assert offsets_of(found.gaps) == [at * MS for at in expected]
    assert found.for_ns == (expected[-1] * MS + 1 if window is None else window * MS)


@pytest.mark.parametrize(
    ("text", "trace", "message"),
    [
        (
            "at\n1\nx\n",
            "arrivals.csv",
            "arrivals.csv:3:1: 'x' is no instant; expected a number, as the first",
        ),
        (
            "at\n2026-01-01T00:00:00Z\n7\n",
            "arrivals.csv",
            "arrivals.csv:3:1: '7' is no instant; expected an inst",
        ),
        ("at\n1\nnan\n", "arrivals.csv", "arrivals.csv:3:1: 'nan' is no instant"),
        ("at,x\n,1\n", "arrivals.csv", "arrivals.csv:2:1: '' is no instant; expected an instant such as"),
        (
            "when,x\n1,2\n",
            "{file: arrivals.csv, column: wen}",
            "arrivals.csv:1:1: no column 'wen'; expected one of when, x",
        ),
        ("when,x\n1,2\n", "{file: arrivals.csv, column: wen}", "did you mean 'when'?"),
        ("1326956520000\n", "arrivals.csv", "are they milliseconds? write unit: ms"),
        ("", "arrivals.csv", "arrivals.csv: no instants; expected a row for each arrival"),
        ("at\n", "arrivals.csv", "arrivals.csv: no instants"),
        ("1\n", "arrival.csv", "recorded.yaml:8:17: workload.load.trace: there is no file 'arrival.csv'"),
        ("1\n", "alert-storm", "did you mean 'alert-storms'?"),
        ("1\n2\n", "{file: arrivals.csv, from: 5s}", "no arrival lies between from and for"),
        ("1\n99999\n", "arrivals.csv", "arrivals within experiment.horizon, 4h"),
        ("1\n", "{column: at}", "neither file nor gaps; expected a file"),
        ("1\n", "{file: arrivals.csv, speed: 0}", "trace.speed: found 0; expected more than 0.0"),
        ("1\n", "{gaps: 1 -2}", "workload.load.trace.gaps: '1 -2'; expected whole nanoseconds"),
        ("1\n", "{gaps: one}", "workload.load.trace.gaps: 'one'"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, text: str, trace: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_of(tmp_path, text, trace)
    assert message in str(caught.value)


def test_what_is_no_text_and_what_is_too_much_is_refused(tmp_path: Path) -> None:
    load_of(tmp_path, "1\n")
    file = tmp_path / "arrivals.csv"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="not UTF-8"):
        scenarios.load(tmp_path / "recorded.yaml")
    with file.open("wb") as stream:
        stream.truncate(BYTES_MAX + 1)
    with pytest.raises(ScenarioError, match="bytes; expected at most"):
        scenarios.load(tmp_path / "recorded.yaml")
    file.write_text("1\n" * 100_001, encoding="utf-8")
    with pytest.raises(ScenarioError, match="100,001 arrivals; expected at most 100,000"):
        scenarios.load(tmp_path / "recorded.yaml")


@given(st.lists(st.integers(0, 10**13), min_size=1).map(sorted))
def test_gaps_carry_the_arrivals(offsets: list[int]) -> None:
    assert offsets_of(gaps_of(offsets)) == offsets


def test_the_resolved_scenario_needs_no_file_and_gives_the_same_runs(tmp_path: Path) -> None:
    (tmp_path / "arrivals.csv").write_text("0\n0.1\n5\n7.25\n", encoding="utf-8")
    file = tmp_path / "recorded.yaml"
    options = "{file: arrivals.csv, from: 50ms, for: 7s, speed: 3}"
    file.write_text(
        SCENARIO.replace("TRACE", options) + "sweep: {load.trace.speed: [1, 3]}\n", encoding="utf-8"
    )
    scenario = scenarios.load(file)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    resolved = elsewhere / "scenario.resolved.yaml"
    resolved.write_text(scenario.resolved_yaml(), encoding="utf-8")
    again = scenarios.load(resolved)
    for point in scenario.points():
        one, other = scenarios.compile(scenario, point, 0), scenarios.compile(again, point, 0)
        assert one.digest == other.digest
    assert again.resolved_yaml() == scenario.resolved_yaml()
    assert "arrivals.csv" not in scenario.resolved_yaml()
    assert len({scenarios.compile(scenario, point, 0).digest for point in scenario.points()}) == 2


def test_a_run_without_a_trace_has_the_digest_it_always_had() -> None:
    scenario = scenarios.load("smoke")
    assert "gaps" not in scenarios.compile(scenario, scenario.points()[0], 0).to_json()["workload"]["load"]


def test_requests_of_a_real_service(tmp_path: Path, reference_data: Path) -> None:
    """Azure's trace of a code model: 8,819 requests, read here by other means."""
    file = reference_data / "k8s" / "azure_llm2023_code_arrivals.csv"
    with file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = arrivals(tmp_path, file.read_text(encoding="utf-8"))
    assert len(found) == len(rows) == 8_819
    instants = sorted(
        round(datetime.fromisoformat(row["TIMESTAMP"]).replace(tzinfo=UTC).timestamp() * 1_000)
        for row in rows
    )
    expected = [(at - instants[0]) * MS for at in instants]
    assert all(abs(one - other) <= 2 * MS for one, other in zip(found, expected, strict=True))
    hour = arrivals(tmp_path, file.read_text(encoding="utf-8"), "{file: arrivals.csv, for: 10m}")
    assert hour == [at for at in found if at < 600 * SECOND_NS]
