"""A run as OTLP/JSON, the form in which OpenTelemetry collectors take traces, on virtual time.

Format: opentelemetry-proto 1.x, `ExportTraceServiceRequest` in its JSON mapping: ids are hex, 64-bit
integers are strings. Each execution is a trace; its steps, their attempts, and the calls and waits of these
are its spans. The run begins at `epoch_ns`, so that equal runs give equal bytes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reports.errors import ReportError
from reports.formats import visible
from reports.spans import Row, Span

SPANS_MAX: Final = 1_000_000
EPOCH_NS: Final = 946_684_800 * 10**9  # 2000-01-01T00:00:00Z: some tools take 1970 for a missing time
INTERNAL: Final = 1  # SpanKind
CLIENT: Final = 3
OK: Final = 1  # StatusCode
ERROR: Final = 2
_TEXT_MAX = 1000


def otlp_trace(
    rows: Sequence[Row], executions: Sequence[Span], *, version: str, epoch_ns: int = EPOCH_NS
) -> dict[str, Any]:
    """Return the request that a collector takes at /v1/traces.

    Raises:
        ReportError: it would have more than `SPANS_MAX` spans.
    """
    run = rows[0]
    spans: list[dict[str, Any]] = []
    for execution in executions:
        trace = _id(16, run["history_digest"], execution.name)
        spans += _spans(execution, trace, "", 0, epoch_ns)
        if len(spans) > SPANS_MAX:
            raise ReportError(
                f"the trace has more than {SPANS_MAX:,} spans: name some executions with --execution"
            )
    resource = {
        "service.name": run["scenario"],
        "service.version": version,
        **{f"headroom.{key}": run[key] for key in ("point", "replication", "seed", "digest", "world")},
        **{f"headroom.at.{path}": value for path, value in run["coordinates"].items()},
    }
    scope = {"scope": {"name": "headroom", "version": version}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}


def _spans(span: Span, trace: str, parent: str, place: int, epoch_ns: int) -> list[dict[str, Any]]:
    own = _id(8, trace, parent, str(place), span.kind, span.name)
    told = {"headroom.kind": span.kind, "headroom.state": span.state}
    told |= {f"headroom.{key}": value for key, value in span.attributes.items()}
    made: dict[str, Any] = {
        "traceId": trace,
        "spanId": own,
        "name": _text(span.name),
        "kind": CLIENT if span.kind == "call" else INTERNAL,
        "startTimeUnixNano": str(epoch_ns + span.start_ns),
        "endTimeUnixNano": str(epoch_ns + span.end_ns),
        "attributes": _attributes({key: value for key, value in told.items() if value != ""}),
        "status": _status(span),
    }
    if parent:
        made["parentSpanId"] = parent
    below = (_spans(child, trace, own, number, epoch_ns) for number, child in enumerate(span.children))
    return [made, *(item for items in below for item in items)]


def _status(span: Span) -> dict[str, Any]:
    if span.failed:
        return {"code": ERROR, "message": _text(span.failure)}
    return {"code": OK} if span.state in ("completed", "succeeded", "ok") else {}


def _id(length: int, *parts: str) -> str:
    """Return an id of so many bytes as hex, the same for the same parts; never all zeros."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[: 2 * length - 1] + "1"


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": _text(key), "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and abs(value) < 2**63:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": _text(str(value))}


def _text(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= _TEXT_MAX else shown[: _TEXT_MAX - 1] + "…"
