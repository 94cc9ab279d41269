"""Every way to write a scenario wrong, and the exact words that come back."""

from collections.abc import Callable
from pathlib import Path

import pytest

import scenarios
from scenarios import ScenarioError
from scenarios.document import read_file

Broken = Callable[[str, str], list[str]]
Write = Callable[[str, str], str]


MESSAGES = read_file(Path(__file__).parent / "messages.yaml").data


@pytest.mark.parametrize("row", MESSAGES, ids=lambda row: row["by"])
def test_one_mistake_gives_one_message_at_its_place(broken: Broken, row: dict[str, str]) -> None:
    assert broken(row["replace"], row["by"]) == [row["message"]]


def test_only_one_message_for_a_misspelt_key_that_is_required(broken: Broken) -> None:
    assert len(broken("metric: makespan", "metirc: makespan")) == 1


def test_all_mistakes_are_reported_together_in_the_order_of_the_file(write: Write) -> None:
    text = """\
apiVersion: headroom/v1
name: Example
cluster: {profil: basic-development}
engine: {dispatch: fifoo, max_concurrency: 0}
workload: {workflow: 3, load: {burst: "5"}}
sweep: {load.burst: []}
targets: [{id: a, metric: makespan}]
"""
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(write("scenario.yaml", text))
    places = [(problem.mark.line, problem.path) for problem in caught.value.problems]
    assert places == [
        (2, "name"),
        (3, "cluster.profil"),
        (4, "engine.dispatch"),
        (4, "engine.max_concurrency"),
        (5, "workload.workflow"),
        (5, "workload.load.burst"),
        (6, "sweep.load.burst"),
        (7, "targets.0"),
    ]


def test_a_billion_points_are_refused_without_expanding_them(broken: Broken) -> None:
    numbers = ", ".join(map(str, range(1, 1001)))
    axes = f"load.burst: [{numbers}], workflow.steps: [{numbers}], engine.client.burst: [{numbers}]"
    [message] = broken("load.burst: [1, 5], workflow.steps: [1, 2]", axes)
    assert message == "scenario.yaml:10:8: sweep: 1,000,000,000 points; expected at most 10,000"


def test_a_million_runs_are_the_most(broken: Broken) -> None:
    bursts = ", ".join(map(str, range(1, 21)))
    experiment = "\nexperiment: {replications: {min: 2, max: 99999}, seed: 7}"
    old = "[1, 5], workflow.steps: [1, 2]}\nexperiment: {replications: {min: 2, max: 4}, seed: 7}"
    [message] = broken(old, f"[{bursts}]}}{experiment}")
    runs = "20 points x 99,999 replications = 1,999,980 runs"
    assert message == f"scenario.yaml:10:8: sweep: {runs}; expected at most 1,000,000"


def test_a_yaml_alias_bomb_is_refused(broken: Broken) -> None:
    lines = ["requirement: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    [message] = broken("requirement: BR-1", "\n".join(lines))
    assert "aliases expand without end" in message


def test_a_scenario_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ScenarioError, match=r"x.yaml:1:10: byte 0xe9 is not UTF-8"):
        scenarios.load(tmp_path / "x.yaml")


def test_a_large_scenario_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "x.yaml").open("wb") as stream:
        stream.truncate(200_000_000)
    with pytest.raises(ScenarioError, match="200,000,000 bytes"):
        scenarios.load(tmp_path / "x.yaml")


@pytest.mark.parametrize("text", ["- 1\n", "just text\n", "3\n", "null\n"])
def test_a_file_that_is_no_mapping(write: Write, text: str) -> None:
    with pytest.raises(ScenarioError, match="not a scenario; expected a mapping"):
        scenarios.load(write("scenario.yaml", text))


def test_an_unknown_name_gets_the_nearest_shipped_one() -> None:
    with pytest.raises(ScenarioError, match=r"there is no scenario 'smok'; .*did you mean 'smoke'\?"):
        scenarios.load("smok")


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"there is no file .*expected a scenario file"):
        scenarios.load(tmp_path / "nothing.yaml")


def test_an_unknown_metric_or_point_is_a_warning_and_selects_nothing(write: Write, sound_text: str) -> None:
    text = sound_text.replace("metric: makespan", "metric: makespam").replace(
        "{load.burst: 5,", "{load.burst: 7,"
    )
    scenario = scenarios.load(write("scenario.yaml", text))
    assert [warning.split("; expected")[0] for warning in scenario.warnings] == [
        "scenario.yaml:13:24: targets.0.metric: unknown metric 'makespam': no data will be found",
        "scenario.yaml:13:81: targets.0.where.load.burst: no point has load.burst = 7: no data will be found",
    ]
    assert "did you mean 'makespan'?" in scenario.warnings[0]
    where = scenario.targets[0].where
    assert not [point for point in scenario.points() if where.items() <= dict(point.coordinates).items()]


def test_a_target_may_look_at_a_path_that_is_not_swept(write: Write, sound_text: str) -> None:
    def selected(value: str) -> int:
        where = f"where: {{engine.step_timeout: {value}, load.burst: 5}}"
        text = sound_text.replace("where: {load.burst: 5, workflow.steps: 1}", where)
        scenario = scenarios.load(write("scenario.yaml", text))
        wanted = scenario.targets[0].where.items()
        return len([point for point in scenario.points() if wanted <= dict(point.coordinates).items()])

    assert selected("30000ms") == 2
    assert selected("31s") == 0


def test_problems_can_be_read_by_machines(write: Write, sound_text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(write("scenario.yaml", sound_text.replace("step_timeout: 30s", "step_timeot: 30s")))
    assert caught.value.problems[0].to_json() == {
        "file": "scenario.yaml",
        "line": 5,
        "column": 31,
        "path": "engine.step_timeot",
        "message": "unknown key 'step_timeot'",
        "expected": (
            "one of preset, max_concurrency, step_slots, step_timeout, execution_timeout, dispatch, client, "
            "cost, ageing, semaphores, rates, coalesce, capacity_aware, reduce_needs, parallelise, reads, "
            "throttle_backoff, oscillation, cancel_grace, subflow_depth_max"
        ),
        "hint": "did you mean 'step_timeout'?",
    }
