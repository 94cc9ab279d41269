"""Whatever a file says, nothing but `ScenarioError` comes out of the loader."""

import contextlib
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios import ScenarioError
from scenarios.document import Document, decode, read_text
from scenarios.load import build
from scenarios.shipped import LIBRARY

SOUND = (LIBRARY / "high-throughput-orchestration.yaml").read_text(encoding="utf-8")
BASE = read_text(SOUND, "scenario.yaml").data


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, "", "x", "30s", "30", "95%", "{{", "{{ 1/0 }}", "${x}", "5/s", [], {},
    [[]], {"a": 1}, {"": None}, ["a", 1], "all", "unlimited", "../x.yaml", "smoke", "a" * 300, "é\u2028", "-",
    "1e3", "*",
]  # fmt: skip
ALSO = [
    "profile", "for", "inline", "snapshot", "nodes", "quotas", "add", "behaviours", "open", "closed", "rate",
    "users", "think", "preset", "stat", "between", "repeat", "of", "needs", "kind",
]  # fmt: skip
WORDS = sorted({name for path in places(BASE) for name in path if isinstance(name, str)} | set(ALSO))
VALUES = st.recursive(
    st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner)
    ),
    max_leaves=8,
)


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(data, dict):
        return data | {path[0]: changed(data.get(path[0]), path[1:], value)}
    return [changed(item, path[1:], value) if index == path[0] else item for index, item in enumerate(data)]


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    with contextlib.suppress(ScenarioError):
        read_text(decode(content, "f.yaml"), "f.yaml")


@given(st.text("ab:-[]{}&*!|>'\"%@`,#?~ \n\t01.é\u0085\ufeff", max_size=60))
def test_any_yaml_like_text(text: str) -> None:
    with contextlib.suppress(ScenarioError):
        build(read_text(text, "f.yaml"))


@given(st.integers(0, len(SOUND) - 1), st.integers(0, 40), st.text("ab:-[]{}&*!|'\", \n01", max_size=4))
@settings(max_examples=150, deadline=None)
def test_a_damaged_scenario(start: int, length: int, inserted: str) -> None:
    with contextlib.suppress(ScenarioError):
        build(read_text(SOUND[:start] + inserted + SOUND[start + length :], "f.yaml"))


@given(st.sampled_from(places(BASE)), VALUES)
@settings(max_examples=300, deadline=None)
def test_a_scenario_with_an_odd_value_somewhere(path: tuple[Any, ...], value: Any) -> None:
    with contextlib.suppress(ScenarioError):
        scenario = build(Document("f.yaml", changed(BASE, path, value)), Path())
        for point in scenario.points()[:3]:
            scenarios.compile(scenario, point, 0)
        again = build(read_text(scenario.resolved_yaml(), "again.yaml"))
        assert again.resolved_yaml() == scenario.resolved_yaml()


WORKFLOW = read_text(
    (LIBRARY / "workflows" / "production-steps.yaml").read_text(encoding="utf-8"), "w.yaml"
).data
CLUSTER = read_text(
    (LIBRARY / "clusters" / "basic-development.yaml").read_text(encoding="utf-8"), "c.yaml"
).data


@given(st.sampled_from(places(WORKFLOW)), VALUES)
@settings(max_examples=200, deadline=None)
def test_a_workflow_with_an_odd_value_somewhere(path: tuple[Any, ...], value: Any) -> None:
    workload = BASE["workload"] | {"workflow": changed(WORKFLOW, path, value)}
    with contextlib.suppress(ScenarioError):
        build(Document("f.yaml", BASE | {"workload": workload}))


@given(st.sampled_from(places(CLUSTER)), VALUES)
@settings(max_examples=200, deadline=None)
def test_a_cluster_with_an_odd_value_somewhere(path: tuple[Any, ...], value: Any) -> None:
    with contextlib.suppress(ScenarioError):
        build(Document("f.yaml", BASE | {"cluster": {"inline": changed(CLUSTER, path, value)}}))


@given(st.text("abcdefgloadburstworkflowsteps.=[]{}0123456789- \n", max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_override(text: str) -> None:
    with contextlib.suppress(ScenarioError):
        build(Document("f.yaml", changed(BASE, (), dict(BASE))), overrides=[text])
