"""The monitoring system for real: Prometheus' HTTP API, and Alertmanager's API v2.

Twin of `simulator/monitoring.py`. Calls block; the live loop makes them away from its own thread.
Sources: prometheus.io/docs/prometheus/latest/querying/api, and Alertmanager's api/v2/openapi.yaml.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

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
from engine.core.errors import ActionError, ServerError, TargetMissing
from engine.core.outbound import Destination, parse_url
from engine.live.http import Answer, Bounds, exchange
from engine.live.secrets import SecretHeader
from engine.live.status import check_status, malformed, read_json

PROMETHEUS: Final = "Prometheus"
ALERTMANAGER: Final = "Alertmanager"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """Where the two servers are, with a path if they have one, and how the engine shows who it is."""

    prometheus_url: str = ""
    alertmanager_url: str = ""
    prometheus_secret: SecretHeader | None = None
    alertmanager_secret: SecretHeader | None = None
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        """Refuse what is no URL now, and not when an alert comes."""
        for name in ("prometheus_url", "alertmanager_url"):
            url = getattr(self, name)
            if url:
                try:
                    parse_url(url)
                except ActionError as error:
                    raise ValueError(f"MonitoringSettings.{name}: {error}") from error


class LiveMonitoring:
    """Performs the effects that ask the monitoring system."""

    def __init__(
        self,
        settings: MonitoringSettings,
        clock_ns: Callable[[], int] = time.time_ns,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`clock_ns` is the wall clock by which silences and alerts begin and end."""
        self._settings = settings
        self._clock_ns = clock_ns
        self._context = context
        self._answers: Mapping[type, Callable[[Any], Any]] = {
            QueryMetrics: lambda effect: self.query(effect.query),
            ListAlerts: lambda effect: self.alerts(effect.matchers),
            PostAlert: self.post,
            ListSilences: lambda _effect: self.silences(),
            CreateSilence: self.silence,
            ExpireSilence: lambda effect: self.expire(effect.silence_id),
        }

    def answer(self, effect: Any) -> Any:
        """Carry out an effect; raises what its class says, `Unreachable`, or another `ActionError`."""
        return self._answers[type(effect)](effect)

    def query(self, query: str) -> list[Sample]:
        """Ask Prometheus at the present instant; of the result types, vectors and scalars are taken."""
        form = urlencode({"query": query}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        settings = self._settings
        answer = self._ask(
            PROMETHEUS,
            settings.prometheus_url,
            settings.prometheus_secret,
            "POST",
            "/api/v1/query",
            form,
            headers,
        )
        return _samples(read_json(answer, PROMETHEUS))

    def alerts(self, matchers: tuple[Matcher, ...] = ()) -> Sequence[Resource]:
        """Return the alerts that fire and match, in order of labels."""
        filters = [("filter", _filter(matcher)) for matcher in matchers]
        rows = self._list("/api/v2/alerts", filters)
        return sorted(rows, key=lambda row: sorted(row["labels"].items()))

    def post(self, effect: PostAlert) -> None:
        """Raise an alert, keep it up, or resolve it."""
        now = self._clock_ns()
        alert = {
            "labels": dict(effect.labels),
            "annotations": dict(effect.annotations),
            "startsAt": _stamp(now),  # of two, Alertmanager keeps the earlier one
            "endsAt": _stamp(now + effect.lasts_ns),
        }
        self._alertmanager("POST", "/api/v2/alerts", [alert])

    def silences(self) -> Sequence[Resource]:
        """Return the silences that are not over, in order of their begin."""
        rows = [row for row in self._list("/api/v2/silences", []) if row["status"]["state"] != "expired"]
        return sorted(rows, key=lambda row: (row["startsAt"], row["id"]))

    def silence(self, effect: CreateSilence) -> str:
        """Create a silence and return its id."""
        now = self._clock_ns()
        silence = {
            "matchers": [
                {"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal}
                for name, value, is_regex, is_equal in effect.matchers
            ],
            "startsAt": _stamp(now),
            "endsAt": _stamp(now + effect.lasts_ns),
            "createdBy": effect.created_by,
            "comment": effect.comment,
        }
        row = read_json(self._alertmanager("POST", "/api/v2/silences", silence), ALERTMANAGER)
        if not isinstance(row, dict) or not isinstance(row.get("silenceID"), str):
            raise malformed(ALERTMANAGER, "names no silence")
        silence_id: str = row["silenceID"]
        return silence_id

    def expire(self, silence_id: str) -> None:
        """End a silence now; raises `NotFound`."""
        try:
            self._alertmanager("DELETE", f"/api/v2/silence/{quote(silence_id, safe='')}")
        except ServerError as error:
            if "already expired" not in str(error):  # older versions answer 500 to that
                raise

    def _list(self, path: str, query: list[tuple[str, str]]) -> list[Any]:
        answer = self._alertmanager("GET", f"{path}?{urlencode(query)}" if query else path)
        rows = read_json(answer, ALERTMANAGER)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise malformed(ALERTMANAGER, "is no list of objects")
        return rows

    def _alertmanager(self, method: str, path: str, row: Any = None) -> Answer:
        settings = self._settings
        body = b"" if row is None else json.dumps(row).encode()
        headers = {"Content-Type": "application/json"} if body else {}
        return self._ask(
            ALERTMANAGER, settings.alertmanager_url, settings.alertmanager_secret, method, path, body, headers
        )

    def _ask(
        self, who: str, url: str, secret: SecretHeader | None, method: str, path: str, body: bytes,
        headers: Mapping[str, str],
    ) -> Answer:  # fmt: skip
        if not url:
            raise TargetMissing(f"no {who} is configured", reason="NotConfigured")
        base = parse_url(url)
        destination = Destination(base.scheme, base.host, base.port, base.path.rstrip("/") + path)
        sent = {"Accept": "application/json", "User-Agent": "headroom", **headers}
        if secret is not None:
            name, value = secret.header()
            sent[name] = value
        answer = exchange(destination, method, sent, body, self._settings.bounds, context=self._context)
        check_status(answer, who)
        return answer


def _samples(row: Any) -> list[Sample]:
    """Read a query's answer; Prometheus writes values as text, NaN and the infinities among them."""
    try:
        kind, result = row["data"]["resultType"], row["data"]["result"]
        if kind == "scalar":
            return [Sample({}, float(result[1]))]
        if kind == "vector":
            return [Sample(dict(one["metric"]), float(one["value"][1])) for one in result]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise malformed(PROMETHEUS, f"lacks {error}") from error
    raise malformed(PROMETHEUS, f"is a {kind}: write a query that gives a vector or a scalar")


def _filter(matcher: Matcher) -> str:
    sign = ("=" if matcher.is_equal else "!=") if not matcher.is_regex else "=~" if matcher.is_equal else "!~"
    return f"{matcher.name}{sign}{json.dumps(matcher.value)}"


def _stamp(unix_ns: int) -> str:
    moment = _EPOCH + timedelta(microseconds=unix_ns // 1_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1_000:03}Z"
