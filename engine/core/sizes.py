"""How large a value is as JSON, told without writing it where it is plainly small; what JSON would change."""

import json
from collections.abc import Mapping
from typing import Any, Final

_ESCAPED: Final = 6  # bytes that one character takes at most, as \uXXXX
_SCALAR: Final = 24  # a number, true, false or null takes no more


def exceeds(value: Any, bytes_max: int) -> bool:
    """Tell whether a value takes more than `bytes_max` bytes as JSON; what is no JSON does."""
    left = bytes_max
    waiting = [value]
    while waiting and left >= 0:
        part = waiting.pop()
        if isinstance(part, str):
            left -= _ESCAPED * len(part) + 4
        elif isinstance(part, Mapping):
            left -= 4
            waiting.extend(part)
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            left -= 2 * len(part) + 4
            waiting.extend(part)
        elif isinstance(part, int) and not -(10**20) < part < 10**20:
            left = -1
        else:
            left -= _SCALAR
    if left >= 0:
        return False
    try:
        return len(json.dumps(value, separators=(",", ":"))) > bytes_max
    except (TypeError, ValueError, RecursionError):
        return True


def has_text_keys(value: Any) -> bool:
    """Tell whether all keys inside a value are text; JSON makes text of others, and what is read differs."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if not all(isinstance(key, str) for key in part):
                return False
            waiting.extend(part.values())
        elif isinstance(part, (list, tuple)):
            waiting.extend(part)
    return True
