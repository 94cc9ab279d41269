"""What lies outside the dictionary cluster: a monitoring system, servers and a clock, all exact."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.core.effects import (
    CallWebhook,
    CreateSilence,
    Effect,
    ExpireSilence,
    ListAlerts,
    ListSilences,
    Matcher,
    Notify,
    Now,
    PostAlert,
    QueryMetrics,
    ReadLogs,
    Ref,
    Sample,
    WebhookAnswer,
)
from engine.core.errors import Invalid, NotFound, TargetMissing

NOW_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z, a Thursday
Labels = tuple[tuple[str, str], ...]


class Outside:
    """`told` is appended what changes something there; a repetition under one key changes nothing."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self.told = told
        self.samples: dict[str, list[Sample]] = {}
        self.alerts: dict[Labels, dict[str, Any]] = {}
        self.silences: dict[str, CreateSilence] = {}
        self.channels: tuple[str, ...] = ("ops",)
        self.answer = WebhookAnswer(200, '{"ok":true}')
        self.called: list[CallWebhook] = []
        self.notified: list[Notify] = []
        self.logs: dict[tuple[Ref, str], str] = {}
        self.now_ns = NOW_NS

    def perform(self, effect: Effect[Any]) -> Any:
        answers: Mapping[type, Callable[[Any], Any]] = {
            Now: lambda _effect: self.now_ns,
            QueryMetrics: lambda asked: self.samples.get(asked.query, []),
            ListAlerts: self._list_alerts,
            PostAlert: self._post,
            ListSilences: lambda _effect: [
                {"id": key, "createdBy": one.created_by} for key, one in self.silences.items()
            ],
            CreateSilence: self._silence,
            ExpireSilence: self._expire,
            Notify: self._notify,
            CallWebhook: self._call,
            ReadLogs: self._read_logs,
        }
        return answers[type(effect)](effect)

    def _list_alerts(self, effect: ListAlerts) -> list[dict[str, Any]]:
        return [one for one in self.alerts.values() if carries(one["labels"], effect.matchers)]

    def _silence(self, effect: CreateSilence) -> str:
        name = f"silence-{len(self.silences)}"
        self.silences[name] = effect
        self.told(f"silence {effect.matchers}")
        return name

    def _expire(self, effect: ExpireSilence) -> None:
        if self.silences.pop(effect.silence_id, None) is None:
            raise NotFound(effect.silence_id)
        self.told("expire")

    def fire(self, **labels: str) -> None:
        """Let an alert fire, as a rule would."""
        self.alerts[tuple(sorted(labels.items()))] = {"labels": labels, "annotations": {"summary": "rule"}}

    def state(self) -> list[Any]:
        return [sorted(self.alerts), [(one.matchers, one.comment) for one in self.silences.values()]]

    def _post(self, effect: PostAlert) -> None:
        key = tuple(sorted(effect.labels.items()))
        known = self.alerts.get(key)
        if effect.lasts_ns and known is None:
            self.told(f"alert {key}")
        if not effect.lasts_ns and known is not None:
            self.told(f"resolve {key}")
        if effect.lasts_ns:
            self.alerts[key] = {"labels": dict(effect.labels), "annotations": dict(effect.annotations)}
        else:
            self.alerts.pop(key, None)

    def _notify(self, effect: Notify) -> None:
        if effect.channel not in self.channels:
            raise TargetMissing(effect.channel)
        if all(one.key != effect.key for one in self.notified):
            self.told(f"notify {effect.channel} {effect.message}")
        self.notified.append(effect)

    def _call(self, effect: CallWebhook) -> WebhookAnswer:
        key = effect.headers["Idempotency-Key"]
        if all(one.headers["Idempotency-Key"] != key for one in self.called):
            self.told(f"call {effect.method} {effect.url}")
        self.called.append(effect)
        return self.answer

    def _read_logs(self, effect: ReadLogs) -> str:
        text = self.logs.get((effect.ref, effect.container))
        if text is None:
            raise Invalid(f"container {effect.container} in {effect.ref} is waiting to start")
        return "".join(text.splitlines(keepends=True)[-effect.tail_lines :])[-effect.bytes_max :]


def carries(labels: Mapping[str, str], matchers: tuple[Matcher, ...]) -> bool:
    assert not any(matcher.is_regex or not matcher.is_equal for matcher in matchers), "equality alone"
    return all(labels.get(matcher.name, "") == matcher.value for matcher in matchers)
