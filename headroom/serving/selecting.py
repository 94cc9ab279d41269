"""Label and field selectors, as the API's query parameters write them.

Source: apimachinery/pkg/labels/selector.go (grammar and messages), apimachinery/pkg/fields/selector.go, and
the fields that each kind can be selected by (pkg/apis/core/v1/conversion.go, pkg/registry/*/strategy.go).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headroom.serving.problems import Refusal

Predicate = Callable[[Mapping[str, Any]], bool]
LENGTH_MAX: Final = 16_384  # characters of a selector
_TOKEN: Final = re.compile(r"\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)")
_OPERATORS: Final = ("=", "==", "!=", "in", "notin", ">", "<")
# By kind, the fields beside metadata.name and metadata.namespace.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "ReplicaSet": ("status.replicas",),
    "Job": ("status.successful",),
    "Secret": ("type",),
}


@dataclass(frozen=True, slots=True)
class _Requirement:
    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.key)
        match self.operator:
            case "exists":
                return found is not None
            case "!":
                return found is None
            case "!=" | "notin":
                return found not in self.values
            case ">" | "<":
                return _compares(found, self.operator, self.values[0])
            case _:
                return found in self.values


def _compares(found: str | None, operator: str, limit: str) -> bool:
    try:
        number, border = int(found or ""), int(limit)
    except ValueError:
        return False
    return number > border if operator == ">" else number < border


class _Parser:
    """A selector's tokens, read from left to right."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def requirements(self) -> list[_Requirement]:
        found = []
        while True:
            if not _is_word(self.peek()) and self.peek() != "!":
                raise _unexpected(self.peek(), "!, identifier, or 'end of string'")
            found.append(self.requirement())
            if not self.peek():
                return found
            if self.peek() != ",":
                raise _unexpected(self.peek(), "',' or 'end of string'")
            self.take()

    def requirement(self) -> _Requirement:
        if self.peek() == "!":
            self.take()
            return _Requirement(self.word(), "!")
        key = self.word()
        operator = self.peek()
        if operator in ("", ","):
            return _Requirement(key, "exists")
        if operator not in _OPERATORS:
            raise _unexpected(operator, "in, notin, =, ==, !=, gt, lt")
        self.take()
        if operator in ("in", "notin"):
            return _Requirement(key, operator, self.values())
        value = self.take() if _is_word(self.peek()) else ""
        return _Requirement(key, operator, (value,))

    def word(self) -> str:
        if not _is_word(self.peek()):
            raise _unexpected(self.peek(), "identifier")
        return self.take()

    def values(self) -> tuple[str, ...]:
        if self.peek() != "(":
            raise _unexpected(self.peek(), "'('")
        self.take()
        values = []
        while self.peek() != ")":
            values.append(self.take() if _is_word(self.peek()) else "")
            if self.peek() == ",":
                self.take()
            elif self.peek() != ")":
                raise _unexpected(self.peek(), "',' or ')'")
        self.take()
        return tuple(values)


def _is_word(token: str) -> bool:
    return bool(token) and token[0] not in "=!(),<>"


def _unexpected(found: str, expected: str) -> Refusal:
    return Refusal(400, f"found '{found}', expected: {expected}")


def by_labels(text: str) -> tuple[Predicate | None, tuple[tuple[str, str], ...]]:
    """Return what a label selector asks for, and the part of it that is plain equality (an index helps)."""
    if not text.strip():
        return None, ()
    _check_length(text)
    requirements = _Parser(text).requirements()
    equal = tuple((it.key, it.values[0]) for it in requirements if it.operator in ("=", "=="))

    def holds(resource: Mapping[str, Any]) -> bool:
        labels = resource["metadata"].get("labels") or {}
        return all(it.holds(labels) for it in requirements)

    return holds, equal


def by_fields(text: str, kind: str) -> tuple[Predicate | None, str]:
    """Return what a field selector asks of objects of a kind, and the one name that it asks for, if any."""
    if not text.strip():
        return None, ""
    _check_length(text)
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(kind, ()))
    terms: list[tuple[str, str, bool]] = []
    for term in text.split(","):
        match = re.fullmatch(r"\s*([^=!\s]+)\s*(!=|==?)\s*(.*?)\s*", term)
        if match is None:
            raise Refusal(400, f"invalid selector: '{text}'; can't understand '{term}'")
        field, operator, value = match.groups()
        if field not in known:
            raise Refusal(400, f'field label not supported: "{field}"')
        terms.append((field, value, operator != "!="))
    names = [value for field, value, equal in terms if field == "metadata.name" and equal]

    def holds(resource: Mapping[str, Any]) -> bool:
        return all((_field(resource, field) == value) is equal for field, value, equal in terms)

    return holds, names[0] if names else ""


def _check_length(text: str) -> None:
    if len(text) > LENGTH_MAX:
        raise Refusal(400, f"a selector of {len(text)} characters; at most {LENGTH_MAX} are read")


def _field(resource: Mapping[str, Any], path: str) -> str:
    at: Any = resource
    for key in path.split("."):
        at = at.get(key) if isinstance(at, Mapping) else None
    if path == "spec.unschedulable":
        return "true" if at else "false"
    return "" if at is None else str(at)


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """Return the predicate that asks for what both ask for."""
    asked: Sequence[Predicate] = [one for one in (first, second) if one is not None]
    if len(asked) < 2:
        return asked[0] if asked else None
    return lambda resource: all(one(resource) for one in asked)
