"""What the search for a factor counts as holding, and how it tells that a target is missed as it stands."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import reports
import scenarios
from headroom.executor import Executor
from headroom.interrupt import Interrupt
from headroom.progress import Teller
from headroom.rundir import RunDirectory, write_text
from headroom.sensitivity import margin_of, search
from headroom.worker import Task, line_of
from reports.columns import RunData
from reports.judge import Judgement
from reports.phrases import sensitivity_text
from tests.headroom import fake_world

SCENARIO = """\
apiVersion: headroom/v1
name: assumed
cluster: high-load-production
workload:
  workflow: restart-pods
  targets: {deployments: all}
  load: {burst: 2}
sweep: {load.burst: [2, 3]}
experiment: {replications: 2}
targets:
  - {id: quick, metric: execution_duration, stat: STAT, max: MAX, where: {load.burst: 2}}
sensitivity:
  - {parameter: assumptions.startup_scale, targets: [quick], up_to: 2}
"""


def scenario_of(tmp_path: Path, stat: str = "mean", limit: str = "10s") -> scenarios.Scenario:
    file = tmp_path / "assumed.yaml"
    file.write_text(SCENARIO.replace("STAT", stat).replace("MAX", limit))
    return scenarios.load(file)


def judged(tmp_path: Path, states: list[str], stat: str = "mean") -> tuple[Judgement, RunData]:
    """Judge two replications of executions of 2 s, all of them in the states given."""
    scenario = scenario_of(tmp_path, stat)
    (tmp_path / "run" / "records").mkdir(parents=True)
    for number in range(2):
        run, execution = fake_world.rows(scenarios.compile(scenario, scenario.points()[0], number), 2 * 10**9)
        executions: list[dict[str, Any]] = [
            {**execution, "execution": f"e-{index}", "index": index, "state": state, "steps_count": 0}
            for index, state in enumerate(states)
        ]
        counts = {f"{it}_count": states.count(it) for it in ("completed", "failed", "unfinished")}
        rows = [{**run, **counts, "submitted_count": len(states)}, *executions]
        write_text(RunDirectory(tmp_path / "run").record(0, number), map(line_of, rows))
    read = reports.read_run(tmp_path / "run")
    [judgement] = reports.summarise(read, scenario).judgements
    return judgement, read


def test_a_mean_of_all_there_was_holds(tmp_path: Path) -> None:
    assert margin_of(*judged(tmp_path, ["completed", "completed"])) == pytest.approx(0.8)


@pytest.mark.parametrize("state", ["failed", "unfinished"])
def test_a_mean_from_which_something_is_left_out_does_not_hold(state: str, tmp_path: Path) -> None:
    judgement, run = judged(tmp_path, ["completed", state])
    assert judgement.reached == pytest.approx(2)  # what is left looks fast
    assert margin_of(judgement, run) < 0


def test_nothing_but_failures_does_not_hold(tmp_path: Path) -> None:
    assert margin_of(*judged(tmp_path, ["failed"])) == -math.inf


def test_what_was_not_measured_does_not_hold(tmp_path: Path) -> None:
    judgement, run = judged(tmp_path, ["completed"])
    assert margin_of(replace(judgement, margin=None, reached=None), run) == -math.inf


def test_a_target_that_is_missed_as_assumed_has_no_factor(tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, limit="100ms")
    directory = RunDirectory(tmp_path / "run")
    directory.begin({}, "")
    with Executor("simulator:simulate", 1, Interrupt()) as executor:
        [row] = search(executor, directory, Task(scenario, directory.path), Teller(quiet=True))
    assert (row["already_missed"], row["flips_at"], row["held_up_to"]) == (True, None, None)
    assert row["flips_at_values"] == {}
    assert "is missed at the assumed value" in sensitivity_text(row)


def test_a_target_that_holds_all_the_way_is_not_missed(tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, limit="1h")
    directory = RunDirectory(tmp_path / "run")
    directory.begin({}, "")
    with Executor("simulator:simulate", 1, Interrupt()) as executor:
        [row] = search(executor, directory, Task(scenario, directory.path), Teller(quiet=True))
    assert (row["already_missed"], row["flips_at"], row["held_up_to"]) == (False, None, 2)
