"""Bodies of requests: read within limits, as plain data."""

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from headroom.serving import patching
from headroom.serving.asked import Asked
from headroom.serving.problems import Refusal
from scenarios import ScenarioError
from scenarios.document import read_text

BODY_MAX: Final = 3 * 1024 * 1024  # bytes (apiserver MaxRequestBodyBytes)
DEPTH_MAX: Final = 200  # of a body's nesting
_MEDIA: Final = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
_UNKNOWN_FORM: Final = "the body of the request was in an unknown format - accepted media types include: "


def content_type(request: Request) -> str:
    """Return the media type of a request's body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def body_of(request: Request, asked: Asked, *, optional: bool = False) -> Any:
    """Return the body; `Refusal` for what is too large, of another kind, or broken."""
    kind = content_type(request)
    accepted = patching.TYPES if asked.verb == "patch" else ("", "application/json", "application/yaml")
    raw = await _read(request)
    if optional and not raw:
        return None
    if kind not in accepted:
        types = ", ".join(patching.TYPES) if asked.verb == "patch" else _MEDIA
        raise Refusal(415, _UNKNOWN_FORM + types)
    return _parsed(raw, kind, asked)


async def _read(request: Request) -> bytes:
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > BODY_MAX:
                raise Refusal(413, f"Request entity too large: limit is {BODY_MAX}")
            parts.append(part)
    except ClientDisconnect as error:
        raise Refusal(400, "the client has gone") from error
    return b"".join(parts)


def _parsed(raw: bytes, kind: str, asked: Asked) -> Any:
    text = raw.decode("utf-8", errors="replace")
    try:
        parsed = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if kind in ("application/yaml", patching.APPLY_PATCH):
            return _yaml(text)
        why = "unexpected end of JSON input" if not text.strip() or _is_cut(text) else str(error)
        shown = text[:200] or "<empty>"
        message = (
            f"the object provided is unrecognized (must be of type {asked.resource.kind}): couldn't get "
            f"version/kind; json parse error: {why} ({shown})"
        )
        raise Refusal(400, message) from error
    _check_depth(parsed)
    return parsed


def _no_constant(name: str) -> Any:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _is_cut(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text.rstrip())
    except RecursionError:
        return False
    return False


def _yaml(text: str) -> Any:
    try:
        parsed = read_text(text, "body").data
    except ScenarioError as error:
        raise Refusal(400, f"error decoding YAML: {error.problems[0].message}") from error
    _check_depth(parsed)
    return parsed


def _check_depth(value: Any) -> None:
    """400 for what is nested so deep that code which walks through it would fail."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for one in level
            if isinstance(one, Mapping | list)
            for inner in (one.values() if isinstance(one, Mapping) else one)
        ]
        if not level:
            return
    raise Refusal(400, f"the body is nested more than {DEPTH_MAX} levels deep")
