import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenarios
from scenarios import Scenario
from scenarios.document import read_text
from scenarios.emit import to_yaml

Write = Callable[[str, str], str]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=5))
def test_what_is_written_is_what_is_read(data: dict[str, Any]) -> None:
    assert read_text(to_yaml(data), "f.yaml").data == data


def digests(scenario: Scenario) -> list[str]:
    return [scenarios.compile(scenario, point, 0).digest for point in scenario.points()]


@pytest.mark.parametrize("name", scenarios.shipped())
def test_the_resolved_form_is_the_same_scenario(name: str, tmp_path: Path) -> None:
    scenario = scenarios.load(name)
    file = tmp_path / "scenario.resolved.yaml"
    file.write_text(scenario.resolved_yaml(), encoding="utf-8")
    again = scenarios.load(file)
    assert again.resolved_yaml() == scenario.resolved_yaml()
    assert digests(again) == digests(scenario)
    assert again.targets == scenario.targets
    assert again.comparisons == scenario.comparisons


def test_overrides_are_part_of_the_resolved_form(tmp_path: Path) -> None:
    overrides = ["cluster.parameters.scheduler.qps=7", "load.burst=2", "engine.client=unlimited"]
    scenario = scenarios.load("smoke", overrides)
    file = tmp_path / "scenario.resolved.yaml"
    file.write_text(scenarios.to_yaml(scenario), encoding="utf-8")
    again = scenarios.load(file)
    assert digests(again) == digests(scenario)
    spec = scenarios.compile(again, again.points()[0], 0)
    assert spec.cluster.overrides == {"scheduler.qps": "--set"}
    assert spec.engine.client_qps is None


def test_every_default_is_explicit() -> None:
    text = scenarios.load("smoke").resolved_yaml()
    for line in (
        "  max_concurrency: 2",
        "  step_slots: unlimited",
        "  dispatch: fifo",
        "  confidence: 95%",
        "  horizon: 4h",
        "    kubelet.pleg_period: 1s",
        "    assign: random",
    ):
        assert f"\n{line}\n" in text


def test_local_files_are_carried_along(write: Write, sound_text: str, tmp_path: Path) -> None:
    node = {"kind": "Node", "metadata": {"name": "n", "note": "é\u2028\U0001f600"}, "status": {}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}
    wanted = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    web = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}, "spec": wanted}
    write("snap.json", json.dumps({"kind": "List", "items": [node, web]}))
    workflow = (
        "apiVersion: headroom/v1\nkind: Workflow\nname: mine\nparameters: {steps: {default: 1}}\nsteps:\n"
    )
    write("mine.yaml", workflow + "  - {id: a, action: log, parameters: {message: 'x: {{ steps }}'}}\n")
    text = sound_text.replace("basic-development", "snap.json").replace("restart-pods", "mine.yaml")
    scenario = scenarios.load(write("scenario.yaml", text))
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "scenario.resolved.yaml"
    file.write_text(scenario.resolved_yaml(), encoding="utf-8")
    (tmp_path / "snap.json").unlink()
    (tmp_path / "mine.yaml").unlink()
    again = scenarios.load(file)
    assert digests(again) == digests(scenario)
    assert again.resolved_yaml() == scenario.resolved_yaml()
