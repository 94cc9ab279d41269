"""Where conditions get values from: metrics, objects, the clock."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actions.conditions import CONDITIONS
from engine.actions.conditions.resource import at, parts
from engine.actions.conditions.time import DAYS, calendar, window
from engine.core.action import ActionContext
from engine.core.effects import Ref, Sample
from engine.core.errors import ActionError
from tests.actions.world import World, drive

CONTEXT = ActionContext("run-1", "step-1", 1, {}, "headroom/run-1/step-1")


def fetch(world: World, source: str, /, **parameters: Any) -> Any:
    """Run a condition source to its end and return its value."""
    spec = CONDITIONS[source]
    return drive(world, spec.run(CONTEXT, spec.bind(parameters)))


@pytest.fixture
def world() -> World:
    world = World()
    world.deployment("web", 3)
    return world


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"path": "data"},
        {"path": "data.key"},
        {"path": "stringData.key"},
        {"path": "metadata.annotations"},
    ],
)
def test_values_of_a_secret_are_not_recorded(world: World, asked: dict[str, Any]) -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"key": "aHVzaA=="}}'}
    metadata = {"name": "token", "namespace": "default", "annotations": applied}
    secret = {
        "kind": "Secret",
        "metadata": metadata,
        "data": {"key": "aHVzaA=="},
        "stringData": {"key": "hush"},
    }
    world.put(secret)
    value = fetch(world, "resource", kind="Secret", name="token", namespace="default", **asked)
    assert value["exists"]
    assert "aHVzaA" not in str(value)
    assert "hush" not in str(value)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("sum", 6.0), ("avg", 2.0), ("min", 1.0), ("max", 3.0), ("count", 3)],
)
def test_samples_become_one_number(world: World, aggregation: str, expected: float) -> None:
    values = (1.0, float("nan"), 2.0, float("inf"), 3.0)
    world.outside.samples["m"] = [Sample({}, value) for value in values]
    value = fetch(world, "metric", query="m", aggregation=aggregation)
    assert value == {"number": expected, "samples_count": 3}
    assert isinstance(value["number"], float)


def test_no_sample_is_an_answer_where_one_is_declared_and_else_a_failure_to_retry(world: World) -> None:
    assert fetch(world, "metric", query="m", aggregation="count")["number"] == 0
    assert fetch(world, "metric", query="m", default=7)["number"] == 7
    with pytest.raises(ActionError) as caught:
        fetch(world, "metric", query="m")
    assert (caught.value.reason, caught.value.retryable) == ("NoData", True)


def test_which_of_several_samples_is_never_left_to_chance(world: World) -> None:
    world.outside.samples["m"] = [Sample({"pod": name}, 1.0) for name in "ab"]
    with pytest.raises(ActionError, match="2 samples match") as caught:
        fetch(world, "metric", query="m")
    assert not caught.value.retryable
    world.outside.samples["m"].pop()
    assert fetch(world, "metric", query="m")["number"] == 1.0


def test_an_object_by_path_by_fields_and_whole(world: World) -> None:
    about = {"kind": "Deployment", "namespace": "ns"}
    assert fetch(world, "resource", name="web", path="status.readyReplicas", **about) == {
        "exists": True,
        "field": 3,
    }
    fields = {"wanted": "spec.replicas", "image": "spec.template.spec.containers[name=c].image", "no": "a.b"}
    assert fetch(world, "resource", name="web", fields=fields, **about) == {
        "exists": True,
        "wanted": 3,
        "image": "a:1",
        "no": None,
    }
    world.objects[Ref("Deployment", "web", "ns")]["metadata"]["managedFields"] = [{"manager": "x"}]
    whole = fetch(world, "resource", name="web", **about)["object"]
    assert whole["spec"]["replicas"] == 3
    assert "managedFields" not in whole["metadata"]


def test_an_object_that_does_not_exist_is_a_value(world: World) -> None:
    for more in ({}, {"path": "status"}, {"fields": {"a": "status"}}):
        value = fetch(world, "resource", kind="Deployment", namespace="ns", name="absent", **more)
        assert value == {"exists": False}


def test_an_object_too_large_for_a_history_is_refused_unless_a_field_is_asked(world: World) -> None:
    world.put(
        {"kind": "ConfigMap", "metadata": {"name": "big", "namespace": "ns"}, "data": {"k": "x" * 70_000}}
    )
    about = {"kind": "ConfigMap", "namespace": "ns", "name": "big"}
    with pytest.raises(ActionError, match="ask for a 'path'") as caught:
        fetch(world, "resource", **about)
    assert (caught.value.reason, caught.value.retryable) == ("ObjectTooLarge", False)
    assert fetch(world, "resource", path="metadata.name", **about)["field"] == "big"


@pytest.mark.parametrize("path", [".a", "a..b", "a.", "a[", "a[x]", "a[]", "a b[1", "a]b"])
def test_a_path_that_cannot_be_read_is_said_before_anything_is_asked(world: World, path: str) -> None:
    with pytest.raises(ActionError, match="cannot be read") as caught:
        fetch(world, "resource", kind="Deployment", namespace="ns", name="web", path=path)
    assert caught.value.reason == "InvalidParameters"
    assert world.calls == []


keys = st.text("abc-_/", min_size=1, max_size=4)
trees = st.recursive(
    st.integers(), lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=3)
)


@given(trees, st.data())
def test_a_path_leads_where_it_says(tree: Any, data: st.DataObject) -> None:
    path, here = "", tree
    while isinstance(here, dict | list) and here and data.draw(st.booleans()):
        if isinstance(here, dict):
            key = data.draw(st.sampled_from(sorted(here)))
            path, here = f"{path}.{key}" if path else key, here[key]
        else:
            index = data.draw(st.integers(0, len(here) - 1))
            path, here = f"{path}[{index}]", here[index]
    assert at(tree, path) == here
    assert len(parts(path)) <= path.count(".") + path.count("[") + 1


moments = st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_the_calendar_is_the_standard_librarys(moment: datetime) -> None:
    found = calendar(int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)))
    assert (found["year"], found["month"], found["day"]) == (moment.year, moment.month, moment.day)
    assert (found["hour"], found["minute"], found["second"]) == (moment.hour, moment.minute, moment.second)
    assert found["weekday"] == moment.isoweekday()
    assert found["minute_of_day"] == moment.hour * 60 + moment.minute


def test_the_clock_is_the_worlds_in_the_offset_that_is_asked(world: World) -> None:
    assert fetch(world, "time")["text"] == "2026-01-01T00:00:00+00:00"
    value = fetch(world, "time", utc_offset="-02:30")
    assert (value["text"], value["weekday"], value["hour"]) == ("2025-12-31T21:30:00-02:30", 3, 21)


@pytest.mark.parametrize(
    ("windows", "open_at"),
    [
        (["22:00-06:00"], {"thu 00:00": True, "thu 05:59": True, "thu 06:00": False, "thu 22:00": True}),
        (["mon-fri 22:00-06:00"], {"mon 05:00": False, "sat 05:00": True, "sat 22:00": False}),
        (["sat 00:00-24:00"], {"sat 00:00": True, "sat 23:59": True, "sun 00:00": False}),
        (["sat-mon 01:00-02:00"], {"sat 01:30": True, "mon 01:30": True, "tue 01:30": False}),
        (["mon 01:00-02:00", "tue 03:00-04:00"], {"tue 03:30": True, "mon 03:30": False}),
        ([], {"mon 00:00": False}),
    ],
)
def test_windows_are_open_when_they_say(
    world: World, windows: list[str], open_at: Mapping[str, bool]
) -> None:
    thursday = world.outside.now_ns
    for text, is_open in open_at.items():
        day, _, clock = text.partition(" ")
        days = (DAYS.index(day) - 3) % 7
        minutes = int(clock[:2]) * 60 + int(clock[3:])
        world.outside.now_ns = thursday + (days * 1440 + minutes) * 60_000_000_000
        assert fetch(world, "time", windows=windows)["in_window"] is is_open, text


@given(st.sampled_from(DAYS), st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_is_open_for_as_long_as_it_says(day: str, start: int, end: int) -> None:
    one = window(f"{day} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}")
    minutes = sum(one.holds(minute // 1440, minute % 1440) for minute in range(7 * 1440))
    assert minutes == ((end - start) % 1440 or 1440)


@pytest.mark.parametrize(
    "parameters",
    [
        {"windows": ["22-06"]},
        {"windows": ["mox 22:00-06:00"]},
        {"windows": ["22:00-24:01"]},
        {"windows": [5]},
        {"windows": ["22:00-23:00"] * 51},
        {"utc_offset": "2"},
        {"utc_offset": "+15:00"},
    ],
)
def test_times_that_cannot_be_read_are_said(world: World, parameters: Mapping[str, Any]) -> None:
    with pytest.raises(ActionError) as caught:
        fetch(world, "time", **parameters)
    assert (caught.value.reason, caught.value.retryable) == ("InvalidParameters", False)


@pytest.mark.parametrize("parameters", [{"query": " "}, {"query": "m", "aggregation": "median"}])
def test_queries_that_say_nothing_are_refused(world: World, parameters: Mapping[str, Any]) -> None:
    with pytest.raises(ActionError) as caught:
        fetch(world, "metric", **parameters)
    assert caught.value.reason == "InvalidParameters"
