"""The modelled monitoring system: scraped metrics, alerts by rules, posted alerts, silences.

Once started, the cluster's state is scraped and the rules are evaluated every `interval_ns`, at the same
instants; a query sees the latest scrape, as one of Prometheus does. Nobody is notified of an alert: whoever
wants to know lists the alerts.
"""

import hashlib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from engine.core.effects import (
    CreateSilence,
    ExpireSilence,
    ListAlerts,
    ListSilences,
    Matcher,
    PostAlert,
    QueryMetrics,
    Resource,
    Sample,
)
from engine.core.errors import Invalid, NotFound
from simulator.agenda import Agenda
from simulator.cluster.store import Store
from simulator.metrics import FAMILIES, View, view
from simulator.promql import Selector, UnsupportedQuery, matches, parse

ALERTS_MAX: Final = 10_000
SILENCES_MAX: Final = 10_000
NAME: Final = "__name__"
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alert on each sample of `query` that compares so with `than`: a number, or the sample of that query.

    Samples of two queries belong together when all their labels are the same.
    """

    name: str
    query: str
    compare: str
    than: float | str
    severity: str
    summary: str
    without: tuple[str, ...] = ()  # labels of the samples that the alert does not carry


RULES: Final = (
    AlertRule(
        "KubeDeploymentReplicasMismatch", "kube_deployment_spec_replicas", ">",
        "kube_deployment_status_replicas_available", "warning",
        "the Deployment has not had as many replicas available as it wants",
    ),
    AlertRule(
        "KubeNodeUnschedulable", "kube_node_spec_unschedulable", "==", 1.0, "warning",
        "the node has been closed to new pods",
    ),
    AlertRule(
        "KubePodNotReady", 'kube_pod_status_phase{phase=~"Pending|Unknown|Failed"}', ">", 0.0, "warning",
        "the pod has been in a phase in which it cannot be ready",
        without=("phase", "uid"),
    ),
)  # fmt: skip
"""After kubernetes-monitoring/kubernetes-mixin, as far as selectors can say it."""


@dataclass(slots=True)
class _Alert:
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since_ns: int
    until_ns: int  # when it ends unless it is raised again


@dataclass(slots=True)
class _Silence:
    id: str
    effect: CreateSilence
    since_ns: int
    until_ns: int


_Labels = tuple[tuple[str, str], ...]


class Monitoring:
    """Answers for Prometheus and Alertmanager, all in virtual time."""

    def __init__(self, agenda: Agenda, store: Store, epoch: datetime, interval_ns: int, for_ns: int) -> None:
        """Scrape `store` every `interval_ns`; an alert fires once its rule has held for `for_ns`."""
        self._agenda = agenda
        self._store = store
        self._epoch = epoch
        self._interval_ns = interval_ns
        self._for_ns = for_ns
        self._view: View = {}
        self._is_started = False
        self._samples: dict[str, list[Sample]] = {}  # of the latest scrape, by metric
        self._held: dict[_Labels, _Alert] = {}  # by rules: firing, or on the way to it
        self._posted: dict[_Labels, _Alert] = {}
        self._silences: dict[str, _Silence] = {}
        self._silences_by_author: dict[str, int] = {}
        self._answers: Mapping[type, Callable[[Any], Any]] = {
            QueryMetrics: lambda effect: self.query(effect.query),
            ListAlerts: lambda effect: self.alerts(effect.matchers),
            PostAlert: self.post,
            ListSilences: lambda _effect: self.silences(),
            CreateSilence: self.silence,
            ExpireSilence: lambda effect: self.expire(effect.silence_id),
        }

    def start(self) -> None:
        """Scrape now, and from now on; starting twice is starting once."""
        if not self._is_started:
            self._is_started = True
            self._scrape(None)

    def answer(self, effect: Any) -> Any:
        """Carry out an effect; raises what its class says."""
        return self._answers[type(effect)](effect)

    # -- metrics

    def _scrape(self, _event: Any) -> None:
        self._view = view(self._store)
        self._samples = {}
        self._evaluate()
        self._agenda.after(self._interval_ns, self._scrape)

    def query(self, query: str) -> list[Sample]:
        """Return the samples of the latest scrape; raises `UnsupportedQuery` for what the model lacks."""
        selector = parse(query)
        if selector.name not in FAMILIES:
            raise UnsupportedQuery(
                f"metric {selector.name!r}; the model has no other than {', '.join(FAMILIES)}"
            )
        return self._select(selector)

    def _select(self, selector: Selector) -> list[Sample]:
        samples = self._samples.get(selector.name)
        if samples is None:
            samples = [
                Sample({NAME: selector.name, **sample.labels}, sample.value)
                for sample in FAMILIES[selector.name](self._view)
            ]
            self._samples[selector.name] = samples
        return [sample for sample in samples if matches(selector.matchers, sample.labels)]

    # -- alerts

    def _evaluate(self) -> None:
        """Ask every rule; what no longer holds is resolved."""
        now, held = self._agenda.now, dict[_Labels, _Alert]()
        for rule in RULES:
            for labels in self._holding(rule):
                key = _key(labels)
                before = self._held.get(key)
                held[key] = before or _Alert(labels, {"summary": rule.summary}, now, -1)
        self._held = held

    def _holding(self, rule: AlertRule) -> list[dict[str, str]]:
        than = rule.than
        others: dict[_Labels, float] = {}
        if isinstance(than, str):
            others = {_key(_plain(other)): other.value for other in self.query(than)}
        compare = _COMPARE[rule.compare]
        found = []
        for sample in self.query(rule.query):
            labels = _plain(sample)
            limit = others.get(_key(labels)) if isinstance(than, str) else than
            if limit is not None and compare(sample.value, limit):
                kept = {name: value for name, value in labels.items() if name not in rule.without}
                found.append({"alertname": rule.name, **kept, "severity": rule.severity})
        return found

    def alerts(self, matchers: tuple[Matcher, ...] = ()) -> list[Resource]:
        """Return the alerts that fire and match, in order of labels."""
        now = self._agenda.now
        self._posted = {key: one for key, one in self._posted.items() if one.until_ns > now}
        firing = {
            key: one for key, one in self._held.items() if now - one.since_ns >= self._for_ns
        } | self._posted
        silences = self._active()
        return [
            self._alert(firing[key], silences)
            for key in sorted(firing)
            if matches(matchers, firing[key].labels)
        ]

    def _alert(self, alert: _Alert, silences: Sequence[_Silence]) -> Resource:
        by = [one.id for one in silences if matches(one.effect.matchers, alert.labels)]
        until = alert.until_ns if alert.until_ns >= 0 else self._agenda.now + 4 * self._interval_ns
        return {
            "labels": dict(alert.labels),
            "annotations": dict(alert.annotations),
            "startsAt": self._stamp(alert.since_ns),
            "endsAt": self._stamp(until),
            "updatedAt": self._stamp(self._agenda.now),
            "fingerprint": _digest(repr(_key(alert.labels)), 8),
            "generatorURL": "",
            "receivers": [{"name": "default"}],
            "status": {
                "state": "suppressed" if by else "active",
                "silencedBy": by,
                "inhibitedBy": [],
            },
        }

    def post(self, effect: PostAlert) -> None:
        """Raise an alert, keep it up, or resolve it."""
        key, now = _key(effect.labels), self._agenda.now
        if not effect.lasts_ns:
            self._posted.pop(key, None)
            return
        if not effect.labels or not all(effect.labels.values()):
            raise Invalid("an alert needs labels, and none of them may be empty", reason="bad_data")
        known = self._posted.get(key)
        if known is not None and known.until_ns > now:
            known.annotations, known.until_ns = effect.annotations, now + effect.lasts_ns
            return
        if len(self._posted) >= ALERTS_MAX:
            raise Invalid(f"{ALERTS_MAX} alerts are up; the model takes no more", reason="TooManyAlerts")
        self._posted[key] = _Alert(effect.labels, effect.annotations, now, now + effect.lasts_ns)

    # -- silences

    def _active(self) -> list[_Silence]:
        now = self._agenda.now
        return [one for one in self._silences.values() if one.until_ns > now]

    def silences(self) -> list[Resource]:
        """Return the silences that are not over, in order of creation."""
        return [
            {
                "id": one.id,
                "status": {"state": "active"},
                "matchers": [
                    {"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal}
                    for name, value, is_regex, is_equal in one.effect.matchers
                ],
                "startsAt": self._stamp(one.since_ns),
                "endsAt": self._stamp(one.until_ns),
                "updatedAt": self._stamp(one.since_ns),
                "createdBy": one.effect.created_by,
                "comment": one.effect.comment,
            }
            for one in self._active()
        ]

    def silence(self, effect: CreateSilence) -> str:
        """Create a silence and return its id, which follows from its author and how many that one made."""
        if all(matches((matcher,), {}) for matcher in effect.matchers):
            raise Invalid("a silence needs a matcher that the empty text does not match", reason="bad_data")
        if len(self._silences) >= SILENCES_MAX:
            raise Invalid(f"{SILENCES_MAX} silences were made; the model takes no more", reason="TooMany")
        now, author = self._agenda.now, effect.created_by
        ordinal = self._silences_by_author[author] = self._silences_by_author.get(author, 0) + 1
        text = _digest(f"{author}/{ordinal}", 16)
        silence_id = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        self._silences[silence_id] = _Silence(silence_id, effect, now, now + effect.lasts_ns)
        return silence_id

    def expire(self, silence_id: str) -> None:
        """End a silence now; raises `NotFound`."""
        silence = self._silences.get(silence_id)
        if silence is None:
            raise NotFound(f"silence {silence_id} not found")
        silence.until_ns = min(silence.until_ns, self._agenda.now)

    def _stamp(self, at_ns: int) -> str:
        moment = self._epoch + timedelta(microseconds=at_ns // 1_000)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1_000:03}Z"


def _key(labels: Mapping[str, str]) -> _Labels:
    return tuple(sorted(labels.items()))


def _plain(sample: Sample) -> dict[str, str]:
    return {name: value for name, value in sample.labels.items() if name != NAME}


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
