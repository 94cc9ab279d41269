"""The exhibits that `headroom run` keeps: runs of the focus point with detail."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import scenarios
from headroom import exhibits, worker
from headroom.excerpt import Shown, excerpt
from headroom.executor import Executor
from headroom.interrupt import Interrupt
from headroom.rundir import RunDirectory
from headroom.worker import Job, Task
from reports.exhibits import read_exhibits
from reports.read import rows_of
from simulator.sampling import SAMPLES_MAX
from tests.headroom.command import contents, headroom

SMALL = ("--set", "load.burst=[8,1]", "--set", "engine.client={qps: 5, burst: 5}", "--quiet")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("exhibits") / "run"
    done = headroom("run", "smoke", *SMALL, "--out", path)
    assert done.returncode in (0, 10, 12), done.stderr
    return path


def tree(path: Path) -> dict[str, bytes]:
    return contents(path / "exhibits") | contents(path / "exhibits" / "records")


def test_they_are_runs_of_the_focus_point_with_detail(run: Path) -> None:
    shown = read_exhibits(run)
    assert shown is not None
    assert shown.coordinates == {"load.burst": 8}  # where the first target that can fail looks
    assert shown.n == 3
    records = {item.stem: rows_of(item) for item in sorted((run / "records").glob("p0000-*"))}
    makespans = sorted(rows[0]["makespan_ns"] / 1e9 for rows in records.values())
    assert shown.makespan_s == makespans[1]
    for item in shown.executions:
        recorded = records[f"p0000-r{item.replication:05d}"]
        brief = [row for row in recorded if row.get("execution") == item.execution]
        kinds = {row["type"] for row in item.rows}
        assert kinds == {"execution", "step", "attempt", "effect"}
        assert [row for row in item.rows if row["type"] in ("execution", "step")] == brief


def test_the_same_run_with_any_number_of_workers_has_the_same_exhibits(run: Path, tmp_path: Path) -> None:
    headroom("run", "smoke", *SMALL, "--workers", "1", "--out", tmp_path / "again")
    assert tree(tmp_path / "again") == tree(run)


def test_averages_over_time_agree_with_the_totals(run: Path) -> None:
    shown = read_exhibits(run)
    assert shown is not None
    rows = rows_of(run / "records" / f"p0000-r{shown.replication:05d}.jsonl")
    last = {row["station"]: row for row in rows if row["type"] == "sample"}
    assert shown.queues[0].station == "engine.executions"  # two at once, and eight came
    for queue in shown.queues:
        assert queue.wait_s == pytest.approx(last[queue.station]["wait_ns"] / 1e9)
        assert (queue.waiting >= 0).all()
        if queue.busy is not None:
            spent = float(
                (queue.busy * queue.seats) @ ([queue.until_s[0], *(queue.until_s[1:] - queue.until_s[:-1])])
            )
            assert spent == pytest.approx(last[queue.station]["busy_ns"] / 1e9, abs=1e-6)


def test_an_excerpt_keeps_what_is_shown_and_the_longest_queues() -> None:
    rows: list[dict[str, Any]] = [{"type": "run"}]
    rows += [
        {"type": kind, "execution": name} for name in ("a", "b") for kind in ("execution", "step", "effect")
    ]
    rows += [
        {"type": "sample", "station": f"kubelet.{number}", "wait_ns": number, "at_ns": at}
        for at in (1, 2)
        for number in range(40)
    ]
    rows += [{"type": "fault"}]
    kept = excerpt(rows, Shown(("b",), queues=True))
    assert [row["type"] for row in kept[:4]] == ["run", "execution", "step", "effect"]
    assert all(row["execution"] == "b" for row in kept[1:4])
    stations = [row["station"] for row in kept[4:]]
    assert stations == 2 * [f"kubelet.{number}" for number in range(16, 40)]
    assert excerpt(rows, Shown(("a",)))[-1]["type"] == "effect"


def test_a_run_that_comes_out_otherwise_is_told(run: Path, tmp_path: Path) -> None:
    scenario = scenarios.load(run / "scenario.resolved.yaml")
    directory = RunDirectory(tmp_path)
    directory.records.mkdir()
    for record in (run / "records").glob("*.jsonl"):
        text = record.read_text()
        digest = json.loads(text.splitlines()[0])["history_digest"]
        (directory.records / record.name).write_text(text.replace(digest, "0" * 64))
    with Interrupt() as interrupt, Executor(worker.WORLD, 1, interrupt) as executor:
        failed = exhibits.keep(executor, directory, Task(scenario, tmp_path), None)
    assert failed
    assert {outcome.error for outcome in failed} == {exhibits.CHANGED}
    assert all(outcome.job.point == 0 for outcome in failed)


def test_exhibits_of_an_earlier_start_do_not_stay(run: Path, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    directory.begin({}, "name: x\n")
    (directory.path / "exhibits").mkdir()
    (directory.path / "exhibits" / "index.json").write_text("{}")
    directory.begin({}, "name: x\n")
    assert read_exhibits(directory.path) is None
    assert read_exhibits(run) is not None


SPARSE = """apiVersion: headroom/v1
name: sparse
cluster: basic-development
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {open: {rate: 0.02/s, for: 2000s}}
experiment: {replications: 2, seed: 1, detail: true, horizon: 1h}
targets: [{id: complete, metric: executions_completed_ratio, min: 100%}]
"""


def test_a_long_run_is_sampled_over_all_its_length(tmp_path: Path) -> None:
    (tmp_path / "sparse.yaml").write_text(SPARSE)
    scenario = scenarios.load(tmp_path / "sparse.yaml")
    task = Task(scenario, Path("unused"))
    built = worker.Worker(task)
    rows = built.simulate(built.compile(Job(0, 0))).rows
    instants = sorted({row["at_ns"] // 10**9 for row in rows if row["type"] == "sample"})
    *regular, end = instants
    assert len(regular) <= SAMPLES_MAX
    assert end >= 1500
    steps = {after - before for before, after in pairwise(regular)}
    assert steps == {4}, "evenly, to the end"
