"""Actions on alerts, people and servers: refusals, repetition, and the way back."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actions import CATALOGUE
from engine.actions.collect_diagnostics import LOGS_BYTES_MAX, PODS_MAX
from engine.core.action import ActionContext
from engine.core.effects import CallWebhook, Ref, WebhookAnswer
from engine.core.errors import ActionError, ServerError, TargetMissing, TargetRefused
from tests.actions.world import World, drive, run

ALERT = {"alertname": "PodsNotReady", "namespace": "ns", "severity": "warning"}
URL = "https://hooks.example.com/x"


@pytest.fixture
def world() -> World:
    return World()


def undo(
    world: World,
    action: str,
    memory: dict[str, Any],
    outputs: Mapping[str, Any],
    /,
    *,
    execution: str = "run-1",
    **parameters: Any,
) -> Mapping[str, Any]:
    """Run an action's rollback to its end."""
    spec = CATALOGUE[action]
    assert spec.rollback is not None
    context = ActionContext(execution, "step-1", 1, memory, f"headroom/{execution}/step-1", outputs)
    coroutine = spec.rollback(context, spec.bind(parameters))
    return drive(world, coroutine)


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("silence_alert", {"name": "PodsNotReady"}),
        ("create_alert", {"name": "Mine"}),
        ("acknowledge_alert", {"name": "PodsNotReady"}),
        ("escalate_alert", {"name": "PodsNotReady"}),
    ],
)
def test_the_rollback_leaves_what_was_there_before(
    world: World, action: str, parameters: Mapping[str, Any]
) -> None:
    world.outside.fire(**ALERT)
    before = copy.deepcopy(world.outside.state())
    memory: dict[str, Any] = {}
    outputs = run(world, action, memory, **parameters)
    assert world.outside.state() != before
    undo(world, action, memory, outputs, **parameters)
    assert world.outside.state() == before
    undo(world, action, memory, outputs, **parameters)
    assert world.outside.state() == before, "undone twice is undone once"


@pytest.mark.parametrize("remembered", ["everything", "that it had asked"])
def test_a_silence_is_found_and_expired_by_what_the_attempt_remembered(world: World, remembered: str) -> None:
    memory: dict[str, Any] = {}
    run(world, "silence_alert", memory, name="X")
    if remembered != "everything":
        del memory["silence"]
    assert undo(world, "silence_alert", memory, {}, name="X") == {"expired": True}
    assert world.outside.silences == {}


def test_a_silence_of_somebody_else_is_left_alone(world: World) -> None:
    run(world, "silence_alert", name="X")
    assert undo(world, "silence_alert", {"asked": True}, {}, execution="run-2", name="X") == {
        "expired": False
    }
    assert len(world.outside.silences) == 1


def test_an_alert_that_fired_before_is_not_resolved_by_the_way_back(world: World) -> None:
    world.outside.fire(**ALERT)
    memory: dict[str, Any] = {}
    outputs = run(world, "create_alert", memory, name="PodsNotReady", labels={"namespace": "ns"})
    assert undo(world, "create_alert", memory, outputs, name="PodsNotReady", labels={"namespace": "ns"}) == {
        "resolved": False
    }
    assert len(world.outside.alerts) == 1


def test_escalating_raises_the_same_alert_with_the_new_severity_and_tells(world: World) -> None:
    world.outside.fire(**ALERT)
    outputs = run(world, "escalate_alert", name="PodsNotReady", channel="ops")
    assert outputs["severity_before"] == "warning"
    raised = world.outside.alerts[tuple(sorted({**ALERT, "severity": "critical"}.items()))]
    assert raised["annotations"] == {"summary": "rule", "escalated_from": "warning"}
    assert [one.message for one in world.outside.notified] == ["PodsNotReady escalated to critical"]
    world.outside.alerts.clear()
    world.outside.fire(**{**ALERT, "severity": "critical"})
    world.mutations.clear()
    run(world, "escalate_alert", name="PodsNotReady")
    assert world.mutations == [], "it has that severity"


@pytest.mark.parametrize("action", ["acknowledge_alert", "escalate_alert"])
def test_an_alert_that_does_not_fire_is_said(world: World, action: str) -> None:
    with pytest.raises(TargetMissing, match="no alert fires with alertname='Absent'"):
        run(world, action, name="Absent")
    assert world.mutations == []


def test_an_acknowledgement_can_be_told_from_a_silence(world: World) -> None:
    world.outside.fire(**ALERT)
    assert run(world, "acknowledge_alert", name="PodsNotReady")["alerts_count"] == 1
    (silence,) = world.outside.silences.values()
    assert silence.comment.startswith("ACK! ")


@pytest.mark.parametrize(
    ("action", "parameters", "told"),
    [
        ("silence_alert", {}, "every alert is silenced"),
        ("silence_alert", {"regex": {"a": ".*"}}, "every alert is silenced"),
        ("silence_alert", {"labels": {"a": ""}}, "every alert is silenced"),
        ("silence_alert", {"regex": {"a": "("}}, "no regular expression"),
        ("silence_alert", {"name": "X", "duration_s": 0}, "more than 0"),
        ("silence_alert", {"name": "X", "duration_s": 1e9}, "at most"),
        ("silence_alert", {"labels": {"a": 1}}, "must be a text"),
        ("create_alert", {"name": ""}, "must not be empty"),
        ("create_alert", {"name": "X", "labels": {"a": "b" * 2000}}, "at most 1024"),
        ("create_alert", {"name": "X", "labels": {f"l{i}": "b" for i in range(40)}}, "at most 32"),
        ("acknowledge_alert", {"name": ""}, "must not be empty"),
        ("escalate_alert", {"name": "X", "severity": ""}, "must not be empty"),
        ("notification", {"channel": "ops", "message": ""}, "1 to 4000"),
        ("notification", {"channel": "ops", "message": "x" * 4001}, "found 4001"),
        ("collect_diagnostics", {"namespace": "ns"}, "either"),
        ("collect_diagnostics", {"namespace": "ns", "pod": "p", "deployment": "d"}, "either"),
        ("collect_diagnostics", {"namespace": "ns", "pod": "p", "tail_lines": 1001}, "0 to 1000"),
        ("assess_target", {"kind": "Secret", "name": "s"}, "one of"),
        ("webhook", {"url": URL, "method": "TRACE"}, "one of"),
        ("webhook", {"url": URL, "method": "GET", "body": "x"}, "no 'body'"),
    ],
)
def test_parameters_are_checked_before_anything_is_asked(
    world: World, action: str, parameters: Mapping[str, Any], told: str
) -> None:
    with pytest.raises(ActionError, match=told) as caught:
        run(world, action, **parameters)
    assert (caught.value.reason, caught.value.retryable) == ("InvalidParameters", False)
    assert (world.calls, world.mutations) == ([], [])


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nHost: evil"},
        {"X": "a\nb"},
        {"X": "a\0"},
        {"X\r\nY": "a"},
        {"X Y": "a"},
        {"": "a"},
        {"Host": "evil"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"idempotency-key": "mine"},
        {"X": 1},
        {"X": "ü"},
        {"X": "a" * 5000},
        {f"X-{i}": "a" for i in range(33)},
    ],
)
def test_headers_cannot_smuggle_anything_in(world: World, headers: Mapping[str, Any]) -> None:
    with pytest.raises(ActionError) as caught:
        run(world, "webhook", url=URL, headers=headers)
    assert caught.value.reason == "InvalidParameters"
    assert world.outside.called == []


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
def test_headers_that_are_taken_are_one_line_each(headers: Mapping[str, str]) -> None:
    world = World()
    try:
        run(world, "webhook", url=URL, headers=headers)
    except ActionError:
        assert world.outside.called == []
        return
    (call,) = world.outside.called
    lines = "\r\n".join(f"{name}: {value}" for name, value in call.headers.items())
    assert len(lines.splitlines()) == len(headers) + 1
    assert all(name and ":" not in name for name in call.headers)


def test_a_webhook_sends_json_with_a_key_and_gives_back_json(world: World) -> None:
    outputs = run(world, "webhook", url=URL, body={"a": [1]}, headers={"X-Team": "a"})
    (call,) = world.outside.called
    assert (call.method, json.loads(call.body)) == ("POST", {"a": [1]})
    assert call.headers["Content-Type"] == "application/json"
    assert len(call.headers["Idempotency-Key"]) == 16
    assert outputs == {"status": 200, "body": {"ok": True}}
    world.outside.answer = WebhookAnswer(204, "NaN")
    assert run(world, "webhook", url=URL, body="as it is") == {"status": 204, "body": "NaN"}
    assert "Content-Type" not in world.outside.called[-1].headers


@pytest.mark.parametrize(
    ("status", "reason", "retryable"),
    [
        (302, "Redirected", False),
        (400, "WebhookRejected", False),
        (404, "WebhookRejected", False),
        (408, "WebhookFailed", True),
        (429, "TooManyRequests", True),
        (500, "WebhookFailed", True),
        (503, "WebhookFailed", True),
    ],
)
def test_a_status_says_whether_to_try_again(world: World, status: int, reason: str, retryable: bool) -> None:  # noqa: FBT001
    world.outside.answer = WebhookAnswer(status, "no")
    memory: dict[str, Any] = {}
    with pytest.raises(ActionError) as caught:
        run(world, "webhook", memory, url=URL)
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)
    assert memory == {}, "what failed is not remembered as answered"
    assert URL not in str(caught.value), "a path may hold a secret"


def test_an_effect_tells_of_an_address_only_the_origin() -> None:
    assert CallWebhook("https://user:pw@h.example.com:8443/t0ken?k=v").origin == "https://h.example.com:8443"
    assert CallWebhook("https://h.example.com?k=v").origin == "https://h.example.com"


@pytest.mark.parametrize("url", ["ftp://h/x", "https://", "https://a b/", "https://u:p@h/", "h/x"])
def test_what_is_no_address_is_refused_before_anything_is_sent(world: World, url: str) -> None:
    with pytest.raises(TargetRefused) as caught:
        run(world, "webhook", url=url)
    assert caught.value.reason == "InvalidUrl"
    assert world.outside.called == []


def test_an_unknown_channel_is_a_missing_target(world: World) -> None:
    with pytest.raises(TargetMissing):
        run(world, "notification", channel="absent", message="x")


def test_diagnostics_are_bounded_whatever_there_is(world: World) -> None:
    world.deployment("web", 12)
    pods = world.of_kind("Pod")
    world.objects[Ref("Pod", pods[7]["metadata"]["name"], "ns")]["status"]["conditions"] = []
    for pod in pods:
        world.outside.logs[Ref("Pod", pod["metadata"]["name"], "ns"), "c"] = "ü" * 500_000
    for number in range(50):
        about = {"kind": "Deployment", "name": "web"}
        world.put(
            {
                "kind": "Event",
                "metadata": {"name": f"e{number}", "namespace": "ns"},
                "involvedObject": about,
                "message": "m" * 10_000,
                "lastTimestamp": f"2026-01-01T00:00:{number:02}Z",
            }
        )
    outputs = run(world, "collect_diagnostics", namespace="ns", deployment="web")
    assert outputs["pods_count"] == 12
    assert len(outputs["pods"]) == PODS_MAX
    assert outputs["pods"][0]["name"] == pods[7]["metadata"]["name"], "those that are not ready come first"
    assert sum(len(text.encode()) for text in outputs["logs"].values()) <= LOGS_BYTES_MAX
    assert [event["last"][-3:-1] for event in outputs["events"]] == [f"{n}" for n in range(30, 50)]
    assert len(json.dumps(outputs, ensure_ascii=False).encode()) < 2 * LOGS_BYTES_MAX


def test_diagnostics_of_what_has_no_logs_yet_say_so(world: World) -> None:
    world.deployment("web", 1)
    outputs = run(world, "collect_diagnostics", namespace="ns", deployment="web")
    assert outputs["logs"] == {}
    assert "is waiting to start" in outputs["notes"][0]
    assert outputs["target"]["status"]["readyReplicas"] == 1
    for parameters in ({"pod": "absent"}, {"deployment": "absent"}):
        with pytest.raises(TargetMissing):
            run(world, "collect_diagnostics", namespace="ns", **parameters)


def test_health_is_what_the_object_says(world: World) -> None:
    world.deployment("web", 2)

    def healthy(kind: str, name: str, namespace: str = "ns") -> bool:
        outputs = run(world, "assess_target", kind=kind, name=name, namespace=namespace)
        assert outputs["healthy"] is (outputs["problem"] == "")
        return bool(outputs["healthy"])

    pod = world.of_kind("Pod")[0]["metadata"]["name"]
    assert healthy("Deployment", "web")
    assert healthy("Pod", pod)
    assert not healthy("Pod", "absent")
    world.objects[Ref("Pod", pod, "ns")]["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    assert not healthy("Pod", pod)
    web = world.objects[Ref("Deployment", "web", "ns")]
    web["status"]["readyReplicas"] = 1
    assert not healthy("Deployment", "web")
    web["status"]["readyReplicas"] = 2
    web["metadata"]["generation"] += 1
    assert not healthy("Deployment", "web")


def test_what_no_rollback_can_take_back_has_none() -> None:
    for action in ("webhook", "notification", "collect_diagnostics", "assess_target"):
        assert CATALOGUE[action].rollback is None


def test_a_silence_that_is_gone_needs_no_undoing(world: World) -> None:
    memory: dict[str, Any] = {}
    outputs = run(world, "silence_alert", memory, name="X")
    world.outside.silences.clear()
    assert undo(world, "silence_alert", memory, outputs, name="X") == {"expired": False}


def test_logs_that_fail_for_a_reason_that_passes_fail_the_attempt(world: World) -> None:
    world.deployment("web", 1)

    def busy() -> None:
        raise ServerError("try again")

    world.before_call[4] = busy
    with pytest.raises(ServerError):
        run(world, "collect_diagnostics", namespace="ns", deployment="web")
