"""HTTP statuses of other servers as errors of an action."""

import json
from typing import Any, Final

from engine.core.errors import (
    ActionError,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    ServerError,
    TooManyRequests,
)
from engine.live.http import Answer

QUOTED_LENGTH_MAX: Final = 300
BY_STATUS: Final[dict[int, type[ApiError]]] = {
    401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone, 429: TooManyRequests,
}  # fmt: skip


class Redirected(ActionError):
    """A server that the configuration names answered with a redirect, which is not followed."""

    reason = "Redirected"
    retryable = False


def check_status(answer: Answer, what: str) -> None:
    """Raise the error that a status of 300 or more stands for; `what` says who answered what."""
    status = answer.status
    if status < 300:
        return
    said = _quoted(answer.body)
    message = f"{what} answered {status}{': ' if said else ''}{said}"
    if status < 400:
        raise Redirected(f"{what} answered {status}: redirects are not followed; configure the final URL")
    if status in BY_STATUS:
        raise BY_STATUS[status](message)
    if status < 500 and status != 408:
        raise Invalid(message, reason="BadRequest")
    raise ServerError(message)


def read_json(answer: Answer, what: str) -> Any:
    """Return an answer's JSON; raises `ServerError` (MalformedAnswer)."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise malformed(what, "is no JSON") from error


def malformed(what: str, problem: str) -> ServerError:
    """Return the error for an answer that is not what its API promises."""
    return ServerError(f"what {what} answered {problem}", reason="MalformedAnswer")


def _quoted(body: bytes) -> str:
    """Return what a server says about an error, as one short line."""
    try:
        row = json.loads(body)
        text = str(row.get("error") or row.get("message") or "") if isinstance(row, dict) else str(row)
    except (ValueError, RecursionError):
        text = body[: 4 * QUOTED_LENGTH_MAX].decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:QUOTED_LENGTH_MAX]
