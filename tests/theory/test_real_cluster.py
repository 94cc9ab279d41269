"""A snapshot of a real cluster, as `kubectl get ... -o json` gave it, is a cluster to run a scenario on."""

from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios
from simulator import simulate
from tests.simulator.worlds import of_type, run_row

SCENARIO = """
apiVersion: headroom/v1
name: on-a-snapshot
cluster: {snapshot}
engine: {{max_concurrency: 10, step_timeout: 120s}}
workload:
  workflow: restart-pods
  parameters: {{steps: 2}}
  targets: {{deployments: all, assign: round-robin}}
  load: {{burst: 5}}
experiment: {{replications: 2, seed: 1}}
targets:
  - {{id: complete, metric: executions_completed_ratio, min: 100%}}
"""


@pytest.mark.oracle
def test_a_scenario_runs_on_a_real_snapshot(reference_file: Callable[[str], Path], tmp_path: Path) -> None:
    snapshot = reference_file("control-plane/snapshot.json")
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO.format(snapshot=snapshot), encoding="utf-8")
    scenario = scenarios.load(file)
    spec = scenarios.compile(scenario, scenario.points()[0], 0)
    result = simulate(spec)
    run = run_row(result)
    assert (run["completed_count"], run["failed_count"], run["unfinished_count"]) == (5, 0, 0)
    assert not any(run["checks"].values())
    for row in of_type(result, "step"):
        assert sum(row["causes"].values()) == row["ended_ns"] - row["ready_ns"] > 0
    # Round-robin over the five Deployments: each was restarted by two steps, one pod each time.
    assert len(of_type(result, "step")) == 10
