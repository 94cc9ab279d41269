"""The engine's own work as stations: exact on small cases; named by the report where it holds things up."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios
from headroom.experiment import Experiment, Settings
from headroom.progress import Teller
from simulator import simulate
from simulator.engine_stations import EngineStations, GroupCommit
from simulator.streams import Constant, Streams
from tests.simulator import worlds
from tests.simulator.worlds import SECOND_NS, of_type, run_row, run_spec

MS = 1_000_000
COMMIT = {"dist": "constant", "value_s": 0.002}


def store(service_ns: int, group_max: int = 1_000) -> GroupCommit:
    return GroupCommit("engine.store", Constant(service_ns), Streams(1, 0).stream("s"), group_max)


def test_what_comes_during_a_commit_goes_into_the_next() -> None:
    commits = store(10)
    assert [commits.reserve(at) for at in (0, 0, 3, 9, 10, 25)] == [10, 10, 20, 20, 20, 35]
    assert (commits.commits_count, commits.arrivals_count, commits.busy_ns) == (3, 6, 30)
    assert commits.wait_ns == 7 + 1 + 0
    assert [commits.busy_until(at) for at in (25, 30, 35)] == [20, 25, 30]


def test_what_is_decided_after_the_end_of_a_run_has_not_waited() -> None:
    commits = store(10)
    commits.reserve(25)  # of a decision that ends at 25
    assert (commits.waited_until(20), commits.queue_until(20)) == (0, 0)


def test_a_full_group_makes_the_next_one_wait() -> None:
    commits = store(10, group_max=2)
    assert [commits.reserve(0) for _ in range(5)] == [10, 10, 20, 20, 30]
    assert commits.queue_length_max == 3


@given(st.lists(st.integers(0, 40), max_size=40), st.integers(1, 5), st.integers(1, 20))
def test_a_store_commits_in_order_and_never_two_at_once(gaps: list[int], group: int, service: int) -> None:
    commits, at, ends = store(service, group), 0, []
    for gap in gaps:
        at += gap
        end = commits.reserve(at)
        assert end >= at + service
        ends.append(end)
    assert ends == sorted(ends)
    distinct = sorted(set(ends))
    assert all(later - earlier >= service for earlier, later in pairwise(distinct))
    assert all(ends.count(end) <= group for end in distinct)
    assert commits.busy_ns == commits.busy_until(10**9) == service * len(distinct)


def test_an_attempt_waits_for_the_decision_and_the_commit_of_what_started_it() -> None:
    """One execution of one step: its submission and its outcome are decided on, the former is committed."""
    limits = worlds.engine(decision_ns=10 * MS, store_commit=COMMIT, client_qps=None)
    workflow = worlds.acting("wait", duration_s=1)
    result = simulate(run_spec(workflow, 1, limits=limits))
    (step,) = of_type(result, "step")
    # The registration of the workflow is decided on first, and its commit is under way at 10 ms.
    assert step["causes"] == {
        "declared work": SECOND_NS,
        "engine decision": 20 * MS + 10 * MS,
        "store commit": 2 * MS,
    }
    assert step["ended_ns"] - step["ready_ns"] == 1_032 * MS


def test_a_step_cut_while_the_engine_decides_is_charged_for_it() -> None:
    limits = worlds.engine(decision_ns=300 * MS, step_timeout_ns=200 * MS)
    result = simulate(run_spec(worlds.acting("wait", duration_s=1), 1, limits=limits))
    (step,) = of_type(result, "step")
    assert step["state"] == "failed"
    assert step["causes"] == {"engine decision": 200 * MS}


def test_more_workers_decide_more_at_once() -> None:
    limits = worlds.engine(decision_ns=100 * MS, max_concurrency=None)
    slow = simulate(run_spec(worlds.acting("wait", duration_s=1), 20, limits=limits))
    quick = simulate(run_spec(worlds.acting("wait", duration_s=1), 20, limits=replace(limits, workers=50)))
    assert run_row(quick)["makespan_ns"] < run_row(slow)["makespan_ns"]
    assert run_row(quick)["completed_count"] == run_row(slow)["completed_count"] == 20


def test_an_engine_that_costs_nothing_has_no_stations() -> None:
    assert "engine.decisions" not in {row["station"] for row in of_type(simulate(run_spec()), "sample")}
    assert EngineStations(worlds.engine(), Streams(1, 0)).decide(5) == 5


SLOW = """\
apiVersion: headroom/v1
name: slow-engine
cluster: high-load-production
engine: {max_concurrency: unlimited, client: unlimited, cost: {decision: 50ms, store_commit: 0s}}
workload:
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: two-waits
    steps:
      - {id: one, action: wait, parameters: {duration_s: 1}}
      - {id: two, action: wait, parameters: {duration_s: 1}, needs: [one]}
  load: {burst: 100}
experiment: {replications: 2}
"""


def test_a_slow_engine_is_named_as_the_bottleneck(tmp_path: Path) -> None:
    import reports

    (tmp_path / "slow.yaml").write_text(SLOW, encoding="utf-8")
    scenario = scenarios.load(tmp_path / "slow.yaml")
    settings = Settings(tmp_path / "run", 1, histories=False, force=False)
    experiment = Experiment(scenario, settings, Teller(quiet=True))
    experiment.prepare()
    with experiment.directory.alone():
        experiment.perform()
    summary: Any = reports.summarise(reports.read_run(tmp_path / "run"), scenario)
    (point,) = summary.points
    assert point.bottleneck.cause == "engine decision"
    assert point.bottleneck.station.name == "engine.decisions"


@pytest.mark.parametrize("field", ["decision", "store_commit", "store_group", "workers"])
def test_every_cost_reaches_the_spec(field: str) -> None:
    changed = {"decision": "7ms", "store_commit": "9ms", "store_group": 3, "workers": 4}
    specs = [
        scenarios.compile(scenario, scenario.points()[0], 0).engine
        for scenario in (
            scenarios.load("smoke"),
            scenarios.load("smoke", [f"engine.cost.{field}={changed[field]}"]),
        )
    ]
    assert specs[0] != specs[1]
