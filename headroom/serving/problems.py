"""Refusals: errors of the model, and of requests that never reach it, as the API writes them (`Status`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.core.errors import ActionError, ApiError

UNPROCESSABLE: Final = 422
_REASONS: Final[Mapping[int, str]] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Refusal(Exception):
    """A request that is answered with a `Status` and not carried out."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after_s: int = 0,
    ) -> None:
        """`reason` is the usual one of the code, unless said otherwise."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or _REASONS.get(code, "Unknown")
        self.details = details
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        details = dict(self.details) if self.details is not None else None
        if self.retry_after_s:
            details = {**(details or {}), "retryAfterSeconds": self.retry_after_s}
        if details is not None:
            body["details"] = details
        return body | {"code": self.code}


def invalid(kind: str, group: str, name: str, causes: Sequence[tuple[str, str, str]]) -> Refusal:
    """422: values that an object may not have; `causes` are (reason, message, field)."""
    said = [f"{field}: {message}" for _, message, field in causes]
    listed = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    return Refusal(
        UNPROCESSABLE,
        f'{kind}.{group} "{name}" is invalid: {listed}' if group else f'{kind} "{name}" is invalid: {listed}',
        details={
            "name": name,
            **({"group": group} if group else {}),
            "kind": kind,
            "causes": [
                {"reason": reason, "message": message, "field": field} for reason, message, field in causes
            ],
        },
    )


def of_error(error: ActionError, details: Mapping[str, Any]) -> Refusal:
    """Return what the model refused, as the API says it."""
    code = error.status if isinstance(error, ApiError) else 500
    if error.reason == "Timeout":
        return _timed_out(error)
    retry_after_ns = getattr(error, "retry_after_ns", 0) or 0
    return Refusal(
        code,
        str(error),
        reason=getattr(error, "reason", ""),
        details=details,
        retry_after_s=-(-retry_after_ns // 1_000_000_000),
    )


def _timed_out(error: ActionError) -> Refusal:
    """504; a version that is yet to come may be asked for again (apiserver storage/errors.go)."""
    what = "Too large resource version"
    causes = [{"reason": "ResourceVersionTooLarge", "message": what}] if what in str(error) else []
    details = {"causes": causes} if causes else {}
    return Refusal(504, str(error), reason="Timeout", details=details, retry_after_s=1)
