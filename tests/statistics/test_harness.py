"""The same through the whole harness: a workflow of one random wait behind a limit is an M/M/c queue."""

import json
from pathlib import Path
from typing import Any

import pytest

import scenarios
from headroom.progress import Teller
from headroom.trials import open_trials
from reports.checks import self_checks
from reports.regressions import Regression, judge_pairs
from reports.verdicts import Verdict
from scenarios.regression_schema import Rule
from tests.headroom.command import headroom
from tests.statistics.lanes import System

QUEUE = """\
apiVersion: headroom/v1
name: waiting-room
cluster: basic-development
engine: {max_concurrency: SERVERS, client: unlimited, cost: {decision: 0s, store_commit: 0s}}
workload:
  workflow:
    apiVersion: headroom/v1
    kind: Workflow
    name: wait
    steps:
      - {id: served, kind: wait, signal: done}
  signals: [{name: done, after: {dist: exponential, mean: 1s}, since: waiting}]
  load: {open: {rate: RATE/s, for: LASTS}}
experiment: {kind: steady, replications: 10, seed: 1}
targets:
  - {id: time, metric: execution_duration, stat: mean, max: 100s}
"""


def ran(folder: Path, system: System, lasts: str) -> tuple[int, dict[str, Any]]:
    text = QUEUE.replace("SERVERS", str(system.servers)).replace("RATE", f"{system.rate:g}")
    (folder / "queue.yaml").write_text(text.replace("LASTS", lasts))
    code = headroom("run", "queue.yaml", "--out", "out", "-q", cwd=folder).returncode
    return code, json.loads((folder / "out/summary.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "lasts"), [(System(1, 0.7), "4000s"), (System(5, 0.8), "1500s")], ids=["one", "five"]
)
def test_a_queue_behind_a_limit_takes_as_long_as_erlang_says(
    tmp_path: Path, system: System, lasts: str
) -> None:
    code, summary = ran(tmp_path, system, lasts)
    assert code == 0
    [point] = summary["points"]
    for name, truth in (
        ("execution_duration_mean", system.mean),
        ("execution_duration_p95", system.quantile(0.95)),
        ("executions_per_second", system.rate),
    ):
        found = point["estimates"][name]
        assert found["low"] < truth < found["high"], (name, truth, found)
    assert point["estimates"]["makespan"]["value"] is None
    little = next(check for check in summary["checks"] if check["name"] == "Little's law")
    assert little["passed"]


@pytest.mark.slow
def test_a_queue_that_is_offered_more_than_it_carries_is_a_model_error_without_a_number(
    tmp_path: Path,
) -> None:
    code, summary = ran(tmp_path, System(1, 1.2), "1500s")
    assert code == 4
    assert "UNSTABLE" in summary["causes"][0]["message"]
    [point] = summary["points"]
    assert all(found["value"] is None for found in point["estimates"].values())
    assert summary["targets"][0]["verdict"] == "FAIL"


@pytest.mark.slow
def test_littles_law_is_looked_at_where_queues_are_long(tmp_path: Path) -> None:
    scenario = scenarios.pinned(
        scenarios.load("high-throughput-orchestration"), {"load.burst": 50, "workflow.steps": 5}, []
    )
    with open_trials(tmp_path / "trials", 2, Teller(quiet=True)) as trials:
        run = trials.measure(scenario, 3)
    [little] = [check for check in self_checks(run) if check.name == "Little's law"]
    assert (little.runs, little.violations) == (3, 0)
    waited = {row["station"] for item in run.points[0].replications for row in item.stations.values()
              if row.get("queue_ns", 0) > 1_000_000_000}  # fmt: skip
    assert "kubelet.node-0" in waited


@pytest.mark.slow
def test_a_three_per_cent_slower_api_server_is_found_with_ten_replications(tmp_path: Path) -> None:
    """The power of the paired gate over 40 seeds, and its silence where nothing has changed."""
    rule = Rule(metric="execution_duration", worse_than=0)
    red = quiet = 0
    with open_trials(tmp_path / "trials", 2, Teller(quiet=True)) as trials:
        for seed in range(40):
            means = []
            for scale in (1.0, 1.03, 1.0):
                given = [f"experiment.seed={seed}", f"cluster.parameters.assumptions.api_scale={scale}"]
                scenario = scenarios.load("smoke", overrides=[*given, "sweep.load.burst=[5]"])
                replications = trials.measure(scenario, 10).points[0].replications
                means.append([float(item.execution_duration_s.mean()) for item in replications])
            blank = Regression(rule, "s", {}, Verdict.NO_DATA)
            slow, same = (judge_pairs(blank, means[0], after, 0.05) for after in means[1:])
            red += slow.verdict is Verdict.FAIL and slow.finding == "worse"
            quiet += same.verdict is not Verdict.FAIL
    assert red >= 38, red
    assert quiet == 40
