"""`webhook`: call somebody else's HTTP server, if the engine's outbound policy lists it."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from engine.actions.identity import writer_of
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import CallWebhook, Remember, WebhookAnswer
from engine.core.errors import ActionError, ServerError, TargetRefused, TooManyRequests
from engine.core.outbound import parse_url

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
HEADERS_MAX: Final = 32
HEADER_LENGTH_MAX: Final = 4_096
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~]*")
_OURS: Final = (
    "connection", "content-length", "expect", "host", "idempotency-key", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
)  # fmt: skip
_ANSWER: Final = "answer"


class WebhookRejected(ActionError):
    """The server says that the request is at fault: asking again would give the same."""

    reason = "WebhookRejected"
    retryable = False


async def webhook(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call `url` and give back status and body (as JSON where it is JSON, else as text).

    A host that the policy of whoever runs the engine does not list is refused, as is one at a private
    address. Redirects are not followed: `TargetRefused` (Redirected). 408, 429 and 5xx can be retried,
    another status of 400 and above cannot. Each call carries an Idempotency-Key that all attempts of the
    step share: after a crash it may come twice, unless its answer was recorded.
    """
    answered = context.memory.get(_ANSWER)
    if answered is None:
        effect = _request(parameters, writer_of(context))
        answer = await effect
        _check(answer, effect.origin)
        answered = {"status": answer.status, "body": _content(answer.body)}
        await Remember(_ANSWER, answered)
    return {"status": answered["status"], "body": answered["body"]}


def _request(parameters: Mapping[str, Any], key: str) -> CallWebhook:
    method, body = parameters["method"], parameters["body"]
    if method not in METHODS:
        raise InvalidParameters(f"webhook: 'method' is one of {', '.join(METHODS)}, not {method!r}")
    parse_url(parameters["url"])
    headers = {"Idempotency-Key": key, **check_headers(parameters["headers"] or {})}
    if body is None:
        return CallWebhook(parameters["url"], method, headers)
    if method == "GET":
        raise InvalidParameters("webhook: a GET has no 'body'")
    if isinstance(body, str):
        return CallWebhook(parameters["url"], method, headers, body)
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    return CallWebhook(parameters["url"], method, headers, json.dumps(body, separators=(",", ":")))


def check_headers(headers: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the headers of a request if none could smuggle in another header or another request."""
    if len(headers) > HEADERS_MAX:
        raise InvalidParameters(f"webhook: {len(headers)} 'headers'; at most {HEADERS_MAX} are sent")
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise InvalidParameters(f"webhook: header {name!r} cannot be set")
        if not isinstance(value, str) or len(value) > HEADER_LENGTH_MAX or not _VALUE.fullmatch(value):
            raise InvalidParameters(
                f"webhook: header {name!r} must be one line of at most {HEADER_LENGTH_MAX} ASCII characters"
            )
    return headers


def _check(answer: WebhookAnswer, origin: str) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise TargetRefused(
            f"{origin} answered {status}: redirects are not followed; call the final URL",
            reason="Redirected",
        )
    if status == 429:
        raise TooManyRequests(f"{origin} answered 429")
    if status == 408 or status >= 500:
        raise ServerError(f"{origin} answered {status}", reason="WebhookFailed")
    raise WebhookRejected(f"{origin} answered {status}: {answer.body[:200]}")


def _content(body: str) -> Any:
    try:
        return json.loads(body, parse_constant=_refused)
    except (ValueError, RecursionError):
        return body


def _refused(word: str) -> Any:
    raise ValueError(word)  # NaN and the infinities are no JSON


SPEC = ActionSpec(
    name="webhook",
    run=webhook,
    parameters={
        "url": Parameter("string", required=True, summary="https://..., on a host that the policy lists"),
        "method": Parameter("string", default="POST", summary=", ".join(METHODS)),
        "headers": Parameter("object", default=None, summary="more headers, name to value"),
        "body": Parameter("any", default=None, summary="text as it is, anything else as JSON"),
    },
    calls_min=0,
    summary="call somebody else's HTTP server that the engine's policy lists",
    precondition="the host is listed in the outbound policy of whoever runs the engine",
    post_condition="the server answered with a status of 200 to 299",
    irreversible="only whoever wrote the server knows what would undo the call",
)
