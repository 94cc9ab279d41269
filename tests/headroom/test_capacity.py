"""The verb from end to end, on a world whose capacity is known, and its certificate checked again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import scenarios
from headroom import capacity, capacity_verify
from headroom.capacity import Question
from headroom.capacity_growth import Growth
from headroom.errors import HarnessError
from headroom.progress import Teller
from reports import exits
from reports.capacity import lines
from scenarios import Scenario

WORLD = "tests.headroom.batch_world:simulate"
SCENARIO = """
apiVersion: headroom/v1
name: batch
cluster: {profile: basic-development, nodes: NODES}
workload:
  workflow: scale-deployments  # no floor stands against its targets
  variables: {bends: BENDS}
  targets: {deployments: all}
  load: {burst: BURST}
experiment: {replications: {min: 10, max: 320}}
targets: [{id: quick, metric: makespan, attainment: 95%, max: 30s}]
"""
Ask = Callable[..., dict[str, Any]]


def scenario_of(folder: Path, *, nodes: int = 1, burst: int = 10, bends: str = "false") -> Scenario:
    file = folder / "scenario.yaml"
    text = SCENARIO.replace("NODES", str(nodes)).replace("BURST", str(burst)).replace("BENDS", bends)
    file.write_text(text)
    return scenarios.load(file)


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def asked(scenario: Scenario, *knobs: str, **more: Any) -> dict[str, Any]:
        question = Question(knobs, **more)
        return capacity.answer(scenario, question, tmp_path / "out", 2, Teller(quiet=True), WORLD)

    return asked


def test_the_largest_load_its_headroom_and_the_day_when_it_ends(ask: Ask, tmp_path: Path) -> None:
    growth = Growth.parse("10%/month", "2026-01-01")
    found = ask(scenario_of(tmp_path), "load.burst", growth=growth)
    assert found["answer"] == 27  # 27 x 1.09 = 29.4 s; of 28, 86 % are within 30 s
    assert (found["next"]["value"], found["next"]["finding"]) == (28, "fails")
    assert found["next"]["high"] < 0.95
    assert found["headroom"]["percent"] == 170
    assert found["monotone"]
    assert found["binding"]["cause"] == "API service"
    [shown] = found["shown"]
    assert shown["low"] > 0.95
    assert shown["n"] >= 59  # fewer, however good, show no 95 %
    assert found["growth"]["holds_until"] == "2026-11-14"  # 10 x 1.1 ** 10.42 = 27
    assert found == json.loads((tmp_path / "out" / "capacity.json").read_text())
    assert found["statement"] in lines(found)[0]
    assert not (tmp_path / "out" / capacity.SCRATCH).exists()


def test_the_smallest_cluster_and_what_it_costs(ask: Ask, tmp_path: Path) -> None:
    found = ask(scenario_of(tmp_path, nodes=8, burst=100), "cluster.nodes", prices=("node=0.36/h",))
    assert found["answer"] == 4  # 100 / 4 x 1.1 = 27.5 s; 3 take 33 s
    assert found["next"]["value"] == 3
    assert found["headroom"]["percent"] == 50
    assert found["cost"]["per_hour"] == pytest.approx(1.44)
    per = found["cost"]["per_1000_executions"]  # of 1 execution a run, as this world counts: 25 s of 4 nodes
    assert per["low"] < 1000 * 25 / 3600 * 1.44 < per["high"]
    assert found["cost"]["nodes"] == {"node": 4}


@pytest.mark.slow
def test_the_same_question_has_the_same_answer_whatever_the_workers(ask: Ask, tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path)
    first = ask(scenario, "load.burst")
    again = capacity.answer(
        scenario, Question(("load.burst",)), tmp_path / "other", 1, Teller(quiet=True), WORLD
    )
    assert first == again


@pytest.mark.slow
def test_a_frontier_has_the_cheapest_pair(ask: Ask, tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, nodes=2, burst=20)
    more = {"ranges": ("cluster.nodes=1..3",), "prices": ("node=1/h",)}
    found = ask(scenario, "load.burst", "cluster.nodes", **more)["frontier"]
    assert [(row["second"], row["first"]) for row in found["points"]] == [(1, 27), (2, 54), (3, 82)]
    assert found["cheapest"] == {"second": 1, "first": 27, "per_hour": 1.0}


@pytest.mark.slow
def test_a_knob_that_bends_back_is_said_to(ask: Ask, tmp_path: Path) -> None:
    found = ask(scenario_of(tmp_path, burst=25, bends="true"), "load.burst")
    assert not found["monotone"]
    assert found["answer"] <= 8
    assert any("not monotone" in line for line in lines(found))


def test_what_holds_nowhere_is_a_failed_target_with_no_headroom(ask: Ask, tmp_path: Path) -> None:
    found = ask(scenario_of(tmp_path), "load.burst", ranges=("40..80",))
    assert found["answer"] is None
    assert found["headroom"] is None
    assert capacity.code_of(found) == exits.TARGET_FAILED
    assert found["statement"].startswith("No value of load.burst from 40 to 80")


def test_the_end_of_the_range_is_no_limit(ask: Ask, tmp_path: Path) -> None:
    found = ask(scenario_of(tmp_path), "load.burst", ranges=("1..16",))
    assert (found["answer"], found["at_the_end_of_the_range"], found["next"]) == (16, True, None)
    assert "there may be more" in found["statement"]


@pytest.mark.parametrize(
    ("knobs", "more", "message"),
    [
        (("load.brust",), {}, "load.burst"),
        (("workload.workflow",), {}, "no number"),
        (("load.burst",), {"ranges": ("5..2",)}, "no range to search"),
        (("load.burst",), {"ranges": ("five",)}, "not A..B"),
        (("load.burst",), {"targets": ("quik",)}, "quick"),
        (("load.burst",), {"prices": ("node=cheap",)}, "--price"),
        (("load.burst",), {"prices": ("nodes=1/h",)}, "no pool 'nodes'"),
        (("cluster.nodes",), {"growth": Growth.parse("1%/day", "2026-01-01")}, "--growth is of a load"),
    ],
)
def test_questions_that_cannot_be_asked_are_said(
    ask: Ask, tmp_path: Path, knobs: tuple[str, ...], more: dict[str, Any], message: str
) -> None:
    with pytest.raises((HarnessError, scenarios.ScenarioError)) as caught:
        ask(scenario_of(tmp_path), *knobs, **more)
    assert message in f"{caught.value} {getattr(caught.value, 'hint', '')}"


def verified(file: Path, seed: int | None = None) -> tuple[dict[str, Any], int]:
    return capacity_verify.verify(file, seed, 2, Teller(quiet=True), WORLD)


def test_fresh_seeds_confirm_an_answer_and_refute_one_that_is_too_large(ask: Ask, tmp_path: Path) -> None:
    ask(scenario_of(tmp_path), "load.burst")
    file = tmp_path / "out" / "capacity.json"
    result, code = verified(file)
    assert (result["verdict"], code) == ("confirmed", exits.OK)
    assert result["seed"] != result["searched_with_seed"]
    assert result["next"]["finding"] == "fails"
    found = json.loads(file.read_text())
    file.write_text(json.dumps(found | {"answer": 29, "next": None}))
    result, code = verified(file)
    assert (result["verdict"], code) == ("refuted", exits.TARGET_FAILED)


def test_a_certificate_that_was_tampered_with_is_refused(ask: Ask, tmp_path: Path) -> None:
    ask(scenario_of(tmp_path), "load.burst")
    file = tmp_path / "out" / "capacity.json"
    found = json.loads(file.read_text())
    for changed, message in (
        (found | {"scenario_yaml": found["scenario_yaml"].replace("30s", "60s")}, "scenario_digest"),
        (found | {"schema": 2}, "schema 2"),
        ({"schema": 1}, "has no scenario"),
        ([], "not a certificate"),
    ):
        file.write_text(json.dumps(changed))
        with pytest.raises(HarnessError, match=message) as caught:
            verified(file)
        assert caught.value.code == exits.INVALID
    file.write_text(json.dumps(found))
    with pytest.raises(HarnessError, match="that of the search"):
        verified(file, found["seed"])
