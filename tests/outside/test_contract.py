"""One contract for what lies outside the cluster, asked of the model and of the live world alike."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from engine.actions import CATALOGUE
from engine.actions.conditions import CONDITIONS
from engine.core.effects import (
    CallWebhook,
    CreateSilence,
    ExpireSilence,
    ListAlerts,
    ListSilences,
    Matcher,
    Notify,
    Now,
    PostAlert,
    QueryMetrics,
    Sample,
)
from engine.core.errors import Invalid, NotFound, ServerError, TargetMissing, TargetRefused
from tests.outside.worlds import SECOND_NS, LiveWorld, ModelWorld, World, perform

REPLICAS = "kube_deployment_spec_replicas"
ONE = f'{REPLICAS}{{deployment="web"}}'
NONE = f'{REPLICAS}{{deployment="absent"}}'
LABELS = {"alertname": "Disk", "namespace": "ns", "severity": "warning"}
DISK = Matcher("alertname", "Disk")


@pytest.fixture(params=["model", "live"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        if request.param == "model":
            yield ModelWorld()
            return
        live = LiveWorld(stack)
        rows = [
            ({"__name__": REPLICAS, "namespace": "default", "deployment": name}, value)
            for name, value in (("db", "3"), ("web", "5"))
        ]
        live.prometheus.vectors |= {REPLICAS: rows, ONE: rows[1:], NONE: []}
        yield live


def alerts(world: World, *matchers: Matcher) -> list[Any]:
    return list(world.ask(ListAlerts(matchers)))


def raise_disk(world: World, lasts_s: float = 3600) -> None:
    world.ask(PostAlert(LABELS, {"summary": "full"}, round(lasts_s * SECOND_NS)))


def silence(world: World, *matchers: Matcher, lasts_s: float = 3600) -> str:
    name: str = world.ask(CreateSilence(matchers, round(lasts_s * SECOND_NS), "headroom/me", "why"))
    return name


def test_a_query_gives_samples_with_their_labels(world: World) -> None:
    assert world.ask(QueryMetrics(ONE)) == [
        Sample({"__name__": REPLICAS, "namespace": "default", "deployment": "web"}, 5.0)
    ]
    assert [sample.value for sample in world.ask(QueryMetrics(REPLICAS))] == [3.0, 5.0]
    assert world.ask(QueryMetrics(NONE)) == []


@pytest.mark.parametrize("query", ["sum(up", "kube_pod_info{"])
def test_a_query_that_cannot_be_read_is_invalid(world: World, query: str) -> None:
    with pytest.raises(Invalid) as caught:
        world.ask(QueryMetrics(query))
    assert not caught.value.retryable


def test_an_alert_fires_until_it_is_resolved(world: World) -> None:
    raise_disk(world)
    (alert,) = alerts(world, DISK)
    assert alert["labels"] == LABELS
    assert alert["annotations"] == {"summary": "full"}
    assert alert["status"]["state"] == "active"
    assert alert["status"]["silencedBy"] == []
    world.ask(PostAlert(LABELS, {}, 0))
    world.advance(1)
    assert alerts(world, DISK) == []


def test_an_alert_ends_by_itself_unless_it_is_kept_up(world: World) -> None:
    raise_disk(world, 60)
    world.advance(50)
    first = alerts(world, DISK)[0]["startsAt"]
    raise_disk(world, 60)
    world.advance(50)
    assert [alert["startsAt"] for alert in alerts(world, DISK)] == [first], "it is the same alert"
    world.advance(20)
    assert alerts(world, DISK) == []


@pytest.mark.parametrize(
    ("matcher", "found"),
    [
        (Matcher("namespace", "ns"), True),
        (Matcher("namespace", "other"), False),
        (Matcher("namespace", "n.", is_regex=True), True),
        (Matcher("namespace", "n", is_regex=True), False),
        (Matcher("namespace", "ns", is_equal=False), False),
        (Matcher("namespace", "x|y", is_regex=True, is_equal=False), True),
        (Matcher("absent", ""), True),
        (Matcher("namespace", 'a"b\\c'), False),
    ],
)
def test_matchers_select_alerts(world: World, matcher: Matcher, found: bool) -> None:  # noqa: FBT001
    raise_disk(world)
    assert bool(alerts(world, DISK, matcher)) is found


def test_an_alert_without_labels_is_refused(world: World) -> None:
    with pytest.raises(Invalid):
        world.ask(PostAlert({}, {}, SECOND_NS))


def test_a_silence_suppresses_what_matches_until_it_is_expired(world: World) -> None:
    raise_disk(world)
    name = silence(world, DISK, Matcher("namespace", "n.*", is_regex=True))
    other = silence(world, Matcher("alertname", "Other"))
    (alert,) = alerts(world, DISK)
    assert (alert["status"]["state"], alert["status"]["silencedBy"]) == ("suppressed", [name])
    assert {one["id"] for one in world.ask(ListSilences())} == {name, other}
    world.ask(ExpireSilence(name))
    world.advance(1)
    assert alerts(world, DISK)[0]["status"]["state"] == "active"
    assert [one["id"] for one in world.ask(ListSilences())] == [other]
    world.ask(ExpireSilence(name))  # it has expired: nothing to do, and no error


def test_a_silence_says_who_made_it_and_why(world: World) -> None:
    silence(world, DISK)
    (one,) = world.ask(ListSilences())
    assert (one["createdBy"], one["comment"], one["status"]["state"]) == ("headroom/me", "why", "active")
    assert one["matchers"] == [{"name": "alertname", "value": "Disk", "isRegex": False, "isEqual": True}]


def test_a_silence_ends_by_itself(world: World) -> None:
    raise_disk(world)
    silence(world, DISK, lasts_s=60)
    world.advance(61)
    assert alerts(world, DISK)[0]["status"]["state"] == "active"
    assert world.ask(ListSilences()) == []


def test_a_silence_that_would_silence_everything_is_refused(world: World) -> None:
    with pytest.raises(Invalid):
        silence(world, Matcher("any", ".*", is_regex=True))


def test_expiring_an_unknown_silence_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.ask(ExpireSilence("00000000-0000-0000-0000-000000000000"))


def test_the_clock_goes_on(world: World) -> None:
    first = world.ask(Now())
    world.advance(60)
    assert 60 * SECOND_NS <= world.ask(Now()) - first < 61 * SECOND_NS
    assert first >= 1_767_225_600 * SECOND_NS - 10 * 365 * 86_400 * SECOND_NS


def test_a_webhook_that_is_listed_is_called(world: World) -> None:
    answer = world.ask(CallWebhook(world.hook, "POST", {"Idempotency-Key": "k"}, "hello"))
    assert answer.status == 200
    assert world.received() == [("k", "hello")]
    world.failing()
    assert world.ask(CallWebhook(world.hook)).status == 503


@pytest.mark.parametrize("url", ["https://other.example.com/x", "https://hooks.example.com.evil.org/x"])
def test_a_webhook_that_is_not_listed_is_not_called(world: World, url: str) -> None:
    with pytest.raises(TargetRefused) as caught:
        world.ask(CallWebhook(url))
    assert caught.value.reason == "HostNotAllowed"
    assert not caught.value.retryable


def test_a_channel_is_told_or_unknown_or_fails(world: World) -> None:
    world.ask(Notify("ops", "hello", "key-1", {"a": 1}))
    ((key, text),) = world.received()
    assert key == "key-1"
    assert "hello" in text
    with pytest.raises(TargetMissing, match="configured: ops"):
        world.ask(Notify("absent", "hello", "key-1"))
    world.failing()
    with pytest.raises(ServerError) as caught:
        world.ask(Notify("ops", "hello", "key-1"))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("silence_alert", {"name": "Disk", "regex": {"namespace": "n.*"}}),
        ("create_alert", {"name": "Mine", "labels": {"namespace": "ns"}}),
        ("acknowledge_alert", {"name": "Disk"}),
        ("escalate_alert", {"name": "Disk", "channel": "ops"}),
    ],
)
def test_actions_do_and_undo_in_both_worlds(world: World, action: str, parameters: dict[str, Any]) -> None:
    raise_disk(world)
    before = seen(world)
    spec, memory = CATALOGUE[action], dict[str, Any]()
    outputs = perform(world, spec, memory, **parameters)
    done = seen(world)
    assert done != before
    assert perform(world, spec, memory, **parameters) == outputs
    assert seen(world) == done, "a second start finds it done"
    perform(world, spec, memory, outputs, **parameters)
    world.advance(1)
    assert seen(world) == before


def seen(world: World) -> list[Any]:
    """What fires, and whether it is silenced."""
    return [(alert["labels"], alert["status"]["state"]) for alert in alerts(world)]


def test_messages_calls_and_values_in_both_worlds(world: World) -> None:
    told = perform(world, CATALOGUE["notification"], {}, channel="ops", message="hello")
    called = perform(world, CATALOGUE["webhook"], {}, url=world.hook, body={"a": 1})
    assert called["status"] == 200
    assert [key for key, _ in world.received()] == [told["key"], told["key"]], "one writer, one key"
    assert world.received()[1][1] == '{"a":1}'
    assert perform(world, CONDITIONS["metric"], {}, query=REPLICAS, aggregation="sum")["number"] == 8.0
    assert perform(world, CONDITIONS["time"], {}, windows=["00:00-24:00"])["in_window"]
