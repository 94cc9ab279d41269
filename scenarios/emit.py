"""Writing plain data as YAML, byte for byte the same for the same data.

A subset of YAML 1.2: block mappings, flow lists of scalars, texts plain where that is beyond doubt and
quoted otherwise. Multi-line texts of printable ASCII become literal blocks.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./%-]*( [A-Za-z0-9_./%-]+)*")
_UNITS: Final = re.compile(r"[0-9]+(\.[0-9]+)?([a-zA-Z%][a-zA-Z0-9%]*|/s)")
_RESERVED: Final = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_LITERAL: Final = re.compile(r"(?:[!-~][ -~]*\n?)+")
_NUMBER_LIKE: Final = re.compile(r"[0-9][0-9_]*(e[0-9]+)?|0[xob].*", re.IGNORECASE)


def to_yaml(data: dict[str, Any]) -> str:
    """Return a mapping as a YAML document."""
    return "".join(line + "\n" for line in _block(data, 0))


def _block(value: Any, indent: int) -> Iterator[str]:
    margin = " " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{margin}{text(key)}:", item, indent)
        return
    for item in value:
        if _is_flow(item):
            yield f"{margin}- {_flow(item)}"
        else:
            first, *rest = _block(item, indent + 2)
            yield f"{margin}- {first.lstrip()}"
            yield from rest


def _entry(head: str, item: Any, indent: int) -> Iterator[str]:
    if isinstance(item, str) and "\n" in item and _LITERAL.fullmatch(item):
        yield f"{head} {'|' if item.endswith(chr(10)) else '|-'}"
        yield from (" " * (indent + 2) + line for line in item.splitlines())
    elif _is_flow(item):
        yield f"{head} {_flow(item)}"
    else:
        yield head
        yield from _block(item, indent + 2)


def _is_flow(value: Any) -> bool:
    if isinstance(value, dict):
        return not value
    return not isinstance(value, list | tuple) or all(_is_flow(item) for item in value)


def _flow(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{}"
    return text(value) if isinstance(value, str) else json.dumps(value)


def text(value: str) -> str:
    """Return a text so that a YAML reader gives the same text back."""
    plain = _PLAIN.fullmatch(value) or (_UNITS.fullmatch(value) and not _NUMBER_LIKE.fullmatch(value))
    if plain and value.lower() not in _RESERVED:
        return value
    return "".join(character if _printable(character) else _escape(character) for character in _quoted(value))


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _printable(character: str) -> bool:
    return " " <= character <= "~" or ("\u00a0" <= character <= "\ud7ff" and character not in "\u2028\u2029")


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
