"""Runs of one process share the settled cluster, and cannot tell."""

import copy
import json
from typing import Any

import pytest

import scenarios
from scenarios.runspec import RunSpec
from simulator import simulate
from simulator.cluster import settled as shared
from simulator.cluster.bootstrap import SETTLED_AT, settle
from simulator.cluster.settled import settled


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    shared._last.clear()  # noqa: SLF001 - what an earlier test has left


def spec_of(replication: int = 0) -> RunSpec:
    scenario = scenarios.load("smoke")
    return scenarios.compile(scenario, scenario.points()[0], replication)


def objects_of() -> list[dict[str, Any]]:
    return [dict(one) for one in spec_of().cluster.objects]


def text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def test_it_is_what_settling_gives_and_made_once() -> None:
    objects = objects_of()
    first, second = settled(objects, SETTLED_AT), settled(copy.deepcopy(objects), SETTLED_AT)
    assert text(first) == text(second) == text(settle(objects, SETTLED_AT))
    assert first is not second
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_a_run_leaves_what_is_shared_as_it_was() -> None:
    """A run writes to a store, never to the objects in it."""
    simulate(spec_of())
    (asked, kept), before = shared._last[0], text(shared._last[0][1])  # noqa: SLF001
    simulate(spec_of(1))
    assert shared._last[0][0] == asked  # noqa: SLF001
    assert shared._last[0][1] is kept  # noqa: SLF001
    assert text(kept) == before


def test_runs_after_others_give_what_they_give_alone() -> None:
    alone = []
    for number in range(3):
        shared._last.clear()  # noqa: SLF001
        alone.append(simulate(spec_of(number)).rows)
    assert [simulate(spec_of(number)).rows for number in range(3)] == alone


@pytest.mark.parametrize("changed", [1.0, True, 2])
def test_what_differs_in_the_least_is_settled_anew(changed: object) -> None:
    objects = objects_of()
    one = next(one for one in objects if one["kind"] == "Deployment")
    one["spec"] = {**one["spec"], "note": 1}
    settled(objects, SETTLED_AT)
    one["spec"] = {**one["spec"], "note": changed}
    found = next(each for each in settled(objects, SETTLED_AT) if each["kind"] == "Deployment")
    assert found["spec"]["note"] is changed


def test_so_is_what_begins_at_another_instant() -> None:
    objects = objects_of()
    assert text(settled(objects, SETTLED_AT)) != text(settled(objects, "2027-01-01T00:00:00Z"))


def test_large_clusters_are_not_kept() -> None:
    objects = objects_of()
    node = next(one for one in objects if one["kind"] == "Node")
    for number in range(shared.SHARED_MAX):
        objects.append({**node, "metadata": {**node["metadata"], "name": f"more-{number}"}})
    settled(objects, SETTLED_AT)
    assert not shared._last  # noqa: SLF001
