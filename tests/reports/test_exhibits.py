"""Exhibits: totals become averages over each interval; what does not fit is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports import ReportError
from reports.exhibits import queues_of, read_exhibits
from reports.focus import choose, median_replication
from reports.read import read_run
from tests.reports import synthetic

SECOND = 10**9


def sample(at_s: float, station: str, wait_s: float, busy_s: float = 0.0, seats: int = 2) -> Any:
    return {
        "type": "sample",
        "at_ns": int(at_s * SECOND),
        "station": station,
        "seats": seats,
        "arrivals_count": 3,
        "busy_ns": int(busy_s * SECOND),
        "wait_ns": int(wait_s * SECOND),
        "queue_length_max": 4,
    }


def test_totals_become_averages_between_the_instants() -> None:
    rows = [
        sample(1, "api", 0.5, 2.0),
        sample(2, "api", 3.5, 3.0),
        sample(2, "late", 1.0, seats=0),  # its first arrival came after the first sample
        sample(2.5, "api", 3.5, 3.0),
        sample(2.5, "late", 1.0, seats=0),
    ]
    api, late = queues_of(rows)
    assert (api.station, api.seats) == ("api", 2)
    np.testing.assert_allclose(api.until_s, [1, 2, 2.5])
    np.testing.assert_allclose(api.waiting, [0.5, 3.0, 0.0])
    assert api.busy is not None
    np.testing.assert_allclose(api.busy, [1.0, 0.5, 0.0])
    np.testing.assert_allclose(late.waiting, [0.0, 1.0, 0.0])
    assert late.busy is None, "what has no seats is not a server"
    assert api.wait_s == pytest.approx(3.5), "the averages hold all that was waited"


def test_a_run_without_exhibits_has_none(tmp_path: Path) -> None:
    assert read_exhibits(tmp_path) is None


@pytest.mark.parametrize(
    ("index", "complaint"),
    [
        ({"schema": 2}, "found schema 2, expected 1"),
        ({"schema": 1, "point": 0}, "does not fit its records: KeyError\\('queues'\\)"),
        (
            {"schema": 1, "queues": {"records": "gone.jsonl"}, "executions": []},
            "No such file",
        ),
    ],
)
def test_exhibits_that_do_not_fit_are_an_error(index: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    folder = tmp_path / "exhibits"
    (folder / "records").mkdir(parents=True)
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises((ReportError, OSError), match=complaint):
        read_exhibits(tmp_path)


def test_the_median_and_the_extremes_stand_for_the_point(tmp_path: Path) -> None:
    [point] = read_run(synthetic.write_run(tmp_path, synthetic.grid((5,), (1,)), 9)).points
    makespans = [item.run["makespan_ns"] for item in point.replications]
    assert median_replication(point).run["makespan_ns"] == sorted(makespans)[4]
    durations = np.sort(np.concatenate([item.execution_duration_s for item in point.replications]))
    chosen = choose(point)
    assert [item.word for item in chosen] == ["median", "p95", "worst"]
    assert [item.duration_s for item in chosen] == [durations[22], durations[42], durations[44]]
    for item in chosen:
        assert item.replication.execution_duration_s[item.index] == item.duration_s
        assert item.execution == f"x-{item.index}"
