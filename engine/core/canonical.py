"""JSON in one form: sorted keys, no spaces, ASCII, nothing that is no JSON. Digests are taken over it.

`json.JSONEncoder.encode` makes its C encoder anew for each text; events are written one by one, so one is
made here for all of them. It looks for no circles: those end in a `RecursionError`.
"""

import json
import json.encoder
from collections.abc import Callable, Iterable
from typing import Any, Final

_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, check_circular=False
)


def _shared() -> Callable[[Any], str]:
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without it: slower, and the same text
        return _ENCODER.encode
    basestring: Any = getattr(json.encoder, "encode_basestring_ascii")  # noqa: B009 - not declared
    switches = (_ENCODER.sort_keys, _ENCODER.skipkeys, _ENCODER.allow_nan)
    chunks: Callable[[Any, int], Iterable[str]] = make(
        None, _ENCODER.default, basestring, None, ":", ",", *switches
    )
    join = "".join
    return lambda value: join(chunks(value, 0))


encode: Final = _shared()
"""A value as canonical JSON; raises `TypeError`, `ValueError` or `RecursionError` for what is none."""
