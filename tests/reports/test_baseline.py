"""The baseline file: there and back, reviewable, and refused where it contradicts itself."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from reports.baseline import Baseline, BaselinePoint, Series, points_of
from reports.baseline_file import baseline_text, is_baseline, read_baseline
from reports.errors import ReportError
from reports.fingerprint import changed, fingerprint
from reports.read import read_run
from scenarios.regression_schema import Rule
from tests.reports.synthetic import MANIFEST, write_run

POINT = BaselinePoint(
    {"load.burst": 5, "engine.dispatch": "fifo", "x": 0.5},
    (0, 1, 2),
    ("aa", "bb", "cc"),
    (
        Series("makespan", "mean", "s", (1.0000000000000002, math.inf, 3.0)),
        Series("recovery", "mean", "s", (math.nan, math.nan, 2.5)),
    ),
    cut_ns=30_000_000_000,
)
BASELINE = Baseline(
    "s", "it is so", "0.1", "c" * 64, "d" * 64, {"world": "simulated"}, (POINT,), {"a.b": [1, "x"]}
)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    file.write_text(baseline_text(BASELINE))
    found = read_baseline(file)
    assert baseline_text(found) == baseline_text(BASELINE)
    assert found.points[0].series[0] == POINT.series[0]
    assert [math.isnan(value) for value in found.points[0].series[1].values] == [True, True, False]
    assert found.configuration == BASELINE.configuration
    assert found.points[0].cut_ns == POINT.cut_ns
    assert is_baseline(file)


def test_a_review_sees_one_series_a_line() -> None:
    lines = baseline_text(BASELINE).splitlines()
    [line] = [line for line in lines if '"makespan"' in line]
    assert json.loads(line.strip().rstrip(","))["per_replication"] == [1.0000000000000002, "never", 3]
    assert '  "reason": "it is so",' in lines


def test_it_holds_what_the_rules_look_at_and_no_more(tmp_path: Path) -> None:
    points: list[dict[str, Any]] = [{"load.burst": 1, "fixed": 1}, {"load.burst": 5, "fixed": 1}]
    run = read_run(write_run(tmp_path, points, 12))
    rules = [
        Rule.model_validate({"metric": "makespan", "where": {"load.burst": 5}}),
        Rule.model_validate({"metric": "execution_duration", "stat": "max", "where": {"load.burst": 5}}),
    ]
    [point] = points_of(run, rules, ("load.burst",), kept=10)
    assert point.coordinates == {"load.burst": 5}
    assert point.replications == tuple(range(10))
    makespan = point.find("makespan", "mean")
    assert makespan is not None
    assert makespan.values == tuple(it.run["makespan_ns"] / 1e9 for it in run.points[1].replications[:10])
    assert point.find("makespan", "p95") is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("kind",), "other", "expected a baseline"),
        (("schema",), 2, "found schema 2, expected 1"),
        (("scenario",), 5, "scenario is of type int"),
        (("points", 0, "replications"), [0, 1], "not as many as its histories"),
        (("points", 0, "replications"), [0, 1, 1], "one is there twice"),
        (("points", 0, "values", 0, "per_replication"), [1, 2], "makespan mean has 2 values for 3"),
        (("points", 0, "values", 0, "per_replication"), [1, 2, "fast"], "found the value 'fast'"),
        (("points", 0, "values", 0, "per_replication"), [1, 2, True], "found the value True"),
        (("points", 0, "coordinates"), [], "coordinates is of type list"),
        (("points",), {}, "points is of type dict"),
    ],
)
def test_what_was_edited_into_nonsense_is_refused(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, words: str
) -> None:
    data = json.loads(baseline_text(BASELINE))
    at = data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    file = tmp_path / "b.json"
    file.write_text(json.dumps(data))
    with pytest.raises(ReportError, match=words) as error:
        read_baseline(file)
    assert str(error.value).startswith(f"{file}: ")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"kind": "headroom baseline", "schema": 1}'])
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(ReportError):
        read_baseline(tmp_path / "b.json")


def test_two_points_at_one_place_are_refused(tmp_path: Path) -> None:
    data = json.loads(baseline_text(BASELINE))
    data["points"] *= 2
    (tmp_path / "b.json").write_text(json.dumps(data))
    with pytest.raises(ReportError, match="is there twice"):
        read_baseline(tmp_path / "b.json")


def test_the_fingerprint_is_of_what_has_a_part_in_the_records() -> None:
    first = fingerprint(MANIFEST, 1)
    assert first["simpy"] == "4.1.1"
    assert "numpy" not in first
    assert changed(first, fingerprint({**MANIFEST, "python": "3.11.9", "wall_seconds": 9}, 1)) == ()
    for key, value in (("python", "3.12.1"), ("platform", "Linux arm64"), ("world", "live")):
        assert [item.path for item in changed(first, fingerprint({**MANIFEST, key: value}, 1))] == [key]
    assert [item.path for item in changed(first, fingerprint(MANIFEST, 2))] == ["seed"]
    added = {**MANIFEST, "dependencies": {"simpy": "4.1.1", "acme-actions": "1.0", "rich": "15"}}
    assert [item.text for item in changed(first, fingerprint(added, 1))] == ["acme-actions: not there → 1.0"]
