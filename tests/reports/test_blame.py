"""Who makes whom wait: the parts add up, the slowest is the slowest, stations and parties are theirs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.causes import Cause
from reports.blame import blames_of
from reports.bottleneck import stations_for
from reports.columns import SECOND_NS, PointRuns, RunData
from reports.documents import summary_json
from reports.html import html_text
from reports.read import read_run
from reports.summary import Summary, summarise
from tests.reports.synthetic import grid, scenario, write_run

ERROR = 0.025


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """Bursts of 5 and of 20 on ten slots: the second waits for admission."""
    return read_run(write_run(tmp_path_factory.mktemp("blame"), grid((5, 20), (3,)), 12))


@pytest.fixture
def crowded(run: RunData) -> PointRuns:
    return run.points[1]


def test_the_mean_and_the_slowest_are_those_of_the_rows(crowded: PointRuns) -> None:
    found = {blame.cause: blame for blame in blames_of(crowded, ERROR)}
    for cause, blame in found.items():
        means, slowest = [], []
        for item in crowded.replications:
            rows = item.executions
            each = [causes.get(cause, 0) / SECOND_NS for causes in rows.causes]
            means.append(np.mean(each))
            slowest.append(each[int(np.argmax(rows.ended_ns - rows.submitted_ns))])
        assert blame.mean.value == pytest.approx(np.mean(means))
        assert blame.slowest.value == pytest.approx(np.mean(slowest))
        half = 2.200985 * np.std(means, ddof=1) / np.sqrt(12)  # t of 11 at 97.5 %
        assert blame.mean.low == pytest.approx(max(np.mean(means) - half, 0.0))
        assert blame.mean.high == pytest.approx(np.mean(means) + half)
        assert (blame.mean.n, blame.slowest.n, blame.mean.unit) == (12, 12, "s")
    admission = found["admission"]
    assert (admission.slowest.value or 0.0) > 1.5 * (admission.mean.value or 0.0)


def test_the_parts_make_up_the_whole_but_for_what_is_too_small_to_tell(crowded: PointRuns) -> None:
    told = blames_of(crowded, ERROR)
    rows = [item.executions for item in crowded.replications]
    mean = np.mean([np.mean((it.ended_ns - it.submitted_ns) / SECOND_NS) for it in rows])
    slowest = np.mean([np.max((it.ended_ns - it.submitted_ns) / SECOND_NS) for it in rows])
    for whole, parts in ((mean, [it.mean for it in told]), (slowest, [it.slowest for it in told])):
        left_out = 1 - sum(part.value or 0.0 for part in parts) / whole
        assert 0 <= left_out < 0.02 * len(Cause)
    greatest = [it.mean.value or 0.0 for it in told]
    assert greatest == sorted(greatest, reverse=True)


def test_admission_is_waited_for_at_the_slots_that_the_steps_of_others_hold(crowded: PointRuns) -> None:
    blame = next(it for it in blames_of(crowded, ERROR) if it.cause == "admission")
    assert (blame.station, blame.stations_count) == ("engine.executions", 1)
    busy = [
        it.stations["engine.executions"]["busy_ns"]
        / (it.stations["engine.executions"]["seats"] * it.stations["engine.executions"]["at_ns"])
        for it in crowded.replications
    ]
    assert blame.utilisation is not None
    assert blame.utilisation.value == pytest.approx(np.mean(busy))
    assert [party.name for party in blame.ahead] == ["restart_pod"]
    assert blame.queue_length is not None
    assert blame.wait is not None
    rows = [it.stations["engine.executions"] for it in crowded.replications]
    waits = [row["wait_ns"] / row["arrivals_count"] / SECOND_NS for row in rows]
    assert blame.wait.value == pytest.approx(np.mean(waits))


def test_who_waits_is_told_by_action_and_sums_to_all(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", grid((5,), (4,)), 3)
    for path in sorted((folder / "records").glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            if row["type"] == "step" and row["step"] == "restart-0":
                row["action"] = "drain_node"
            if row["type"] == "step" and row["step"] == "restart-1":
                row["critical"] = False
        path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    point = read_run(folder).points[0]
    blame = next(it for it in blames_of(point, ERROR) if it.cause == "readiness")
    shares = {party.name: party.share for party in blame.waiting}
    assert sorted(shares) == ["drain_node", "restart_pod"]
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["drain_node"] == pytest.approx(1 / 3, abs=0.15), "one of three critical steps"
    assert blame.station == ""
    assert blame.utilisation is None


def test_a_station_of_a_kind_is_the_one_that_is_used_most() -> None:
    names = [
        "client.engine",
        "client.kubelet.node-0",
        "client.replicaset-controller",
        "kubelet.node-0",
        "kubelet.node-1",
    ]
    assert stations_for(Cause.CLIENT_THROTTLE, names) == ["client.engine"]
    assert stations_for(Cause.CONTROLLER_THROTTLE, names) == ["client.replicaset-controller"]
    assert stations_for(Cause.CONTAINER_START, names) == ["kubelet.node-0", "kubelet.node-1"]
    assert stations_for(Cause.READINESS, names) == []


def test_the_page_and_the_json_say_the_same(run: RunData) -> None:
    summary: Summary = summarise(run, scenario(grid((5, 20), (3,)), []))
    document: dict[str, Any] = summary_json(summary)
    blames = document["points"][1]["blame"]
    assert [it["cause"] for it in blames] == [it.cause for it in blames_of(run.points[1], ERROR)]
    page = html_text(summary)
    for blame in blames:
        assert f"<td>{blame['cause']}</td>" in page
        part = blame["seconds_per_execution"]
        assert part["unit"] == "s"
        assert part["n"] == 12
    assert "Who makes whom wait" in page


def test_an_empty_point_blames_nobody() -> None:
    assert blames_of(None, ERROR) == ()
    assert blames_of(PointRuns(0, {}, ()), ERROR) == ()
