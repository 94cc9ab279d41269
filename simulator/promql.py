"""The part of PromQL that the model's monitoring answers: one metric name with label matchers.

``name{label="v", other=~"a|b", third!="x"}``, and nothing more. Anything else is refused by name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from engine.core.effects import Matcher
from engine.core.errors import Invalid

SUPPORTED: Final = 'name{label="v", other=~"a|b"} with the operators =, !=, =~ and !~'
REGEX_LENGTH_MAX: Final = 256
_NAME: Final = re.compile(r"\s*(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*")
_MATCHER: Final = re.compile(
    r"\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<operator>=~|!~|!=|=)\s*"
    r"""(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)\s*"""
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric's name, and what its labels must be."""

    name: str
    matchers: tuple[Matcher, ...] = ()


class UnsupportedQuery(Invalid):
    """A query that Prometheus may take, and the model does not."""

    reason = "UnsupportedQuery"


@lru_cache(maxsize=1024)
def parse(query: str) -> Selector:
    """Return the selector that `query` is; raises `UnsupportedQuery`."""
    start = _NAME.match(query)
    if start is None:
        raise _refused(query, query)
    position, matchers = start.end(), list[Matcher]()
    if query[position : position + 1] == "{":
        position = _after_space(query, position + 1)
        while query[position : position + 1] != "}":
            match = _MATCHER.match(query, position)
            if match is None:
                raise _refused(query, query[position:])
            matchers.append(_matcher(match))
            position = match.end()
            if query[position : position + 1] == ",":
                position = _after_space(query, position + 1)
            elif query[position : position + 1] != "}":
                raise _refused(query, query[position:])
        position += 1
    if query[position:].strip():
        raise _refused(query, query[position:])
    return Selector(start["name"], tuple(matchers))


def _after_space(query: str, position: int) -> int:
    return len(query) - len(query[position:].lstrip())


def matches(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
    """Tell whether labels satisfy all matchers; a label that is missing is the empty text."""
    return all(_holds(matcher, labels.get(matcher.name, "")) for matcher in matchers)


def _holds(matcher: Matcher, value: str) -> bool:
    found = (
        _compiled(matcher.value).fullmatch(value) is not None if matcher.is_regex else value == matcher.value
    )
    return found is matcher.is_equal


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > REGEX_LENGTH_MAX:
        raise UnsupportedQuery(
            f"a regular expression of {len(pattern)} characters; at most {REGEX_LENGTH_MAX} are taken"
        )
    try:
        return re.compile(pattern)
    except re.error as error:
        raise Invalid(f"{pattern!r} is no regular expression: {error}", reason="bad_data") from error


def _matcher(match: re.Match[str]) -> Matcher:
    text = match["text"]
    inner = text[1:-1]
    if text[0] != "`":
        inner = re.sub(r"\\(.)", lambda escaped: _unescaped(escaped[1]), inner)
    operator = match["operator"]
    if operator in ("=~", "!~"):
        _compiled(inner)
    return Matcher(match["label"], inner, operator in ("=~", "!~"), operator in ("=", "=~"))


def _unescaped(letter: str) -> str:
    if letter not in _ESCAPES:
        raise UnsupportedQuery(
            f"escape \\{letter} in a label's value; the model knows \\n \\t \\r \\\\ \\\" \\'"
        )
    return _ESCAPES[letter]


def _refused(query: str, rest: str) -> UnsupportedQuery:
    return UnsupportedQuery(f"query {query[:200]!r}, from {rest[:40]!r} on: the model answers {SUPPORTED}")
