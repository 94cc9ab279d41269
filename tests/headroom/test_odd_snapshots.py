"""A snapshot with any one field made odd is refused with its place, or carries a run without crashing it."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scenarios
from headroom.cluster_file import as_list, settled
from scenarios import ScenarioError
from simulator import simulate

ODD = [None, 3, -1, "x", "", [], {}, [1], {"a": 1}, True, 2**70, 1.5, "-1", "é"]
Place = tuple[str | int, ...]


@cache
def sound() -> str:
    return json.dumps(as_list(settled(scenarios.load("smoke", ["cluster=resource-constrained"]))[1]))


def leaves(value: Any, path: Place = ()) -> list[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in leaves(item, (*path, key)))]


@cache
def places() -> list[Place]:
    return [path for path in leaves(json.loads(sound())) if len(path) > 2]


@settings(
    derandomize=True,
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_an_odd_field_is_refused_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(places()))
    snapshot = copy.deepcopy(json.loads(sound()))
    at = snapshot
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = data.draw(st.sampled_from(ODD))
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(snapshot), encoding="utf-8")
    try:
        scenario = scenarios.load("smoke", [f"cluster={file}", "experiment.horizon=20s"])
    except ScenarioError as error:
        problems = error.problems
    else:
        problems = ()
        simulate(scenarios.compile(scenario, scenario.points()[0], 0))
    assert all(problem.mark.line for problem in problems)
