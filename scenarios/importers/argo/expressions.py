"""Argo's expressions in CEL: `when` (values compared) and `depends` (how other tasks ended)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scenarios.importers.argo.references import TOKEN

_LEXEME: Final = re.compile(
    r"""\s*(?:(?P<op>&&|\|\||==|!=|=~|!~|<=|>=|<|>|!|\(|\))"""
    r"""|(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<word>(?:\{\{[^{}]*\}\}|[^\s()&|!=<>~'"])+))"""
)
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_RELATIONS: Final = ("<", "<=", ">", ">=")
_COMPARISONS: Final = ("==", "!=", "=~", "!~", *_RELATIONS)
# How a step ended -> what Argo calls it. An infrastructure error is a failure here.
PHASES: Final[Mapping[str, str]] = {
    "completed": "Succeeded",
    "failed": "Failed",
    "skipped": "Skipped",
    "omitted": "Omitted",
    "cancelled": "Failed",
}


class NotExpressible(ValueError):
    """An expression that cannot be said in CEL."""


@dataclass(frozen=True)
class _Lexeme:
    kind: str
    text: str


class _Parser:
    """Recursive descent over ``||``, ``&&``, ``!`` and what stands between them."""

    def __init__(self, text: str, primary: "Callable[[_Parser], str]") -> None:
        self.text = text
        self.lexemes = list(_lexemes(text))
        self.position = 0
        self._primary = primary

    def parse(self) -> str:
        result = self.either()
        if self.position < len(self.lexemes):
            raise NotExpressible(f"{self.lexemes[self.position].text!r} is not expected there")
        return result

    def peek(self) -> str:
        left = self.lexemes[self.position :]
        return left[0].text if left and left[0].kind == "op" else ""

    def take(self) -> _Lexeme:
        if self.position >= len(self.lexemes):
            raise NotExpressible("it ends too early")
        self.position += 1
        return self.lexemes[self.position - 1]

    def either(self) -> str:
        return self._joined("||", self.both)

    def both(self) -> str:
        return self._joined("&&", self.negated)

    def _joined(self, operator: str, part: Callable[[], str]) -> str:
        parts = [part()]
        while self.peek() == operator:
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else f" {operator} ".join(parts)

    def negated(self) -> str:
        if self.peek() == "!":
            self.take()
            return f"!({self.negated()})"
        if self.peek() == "(":
            self.take()
            inner = self.either()
            if self.take().text != ")":
                raise NotExpressible("a parenthesis is not closed")
            return f"({inner})"
        return self._primary(self)


def _lexemes(text: str) -> list[_Lexeme]:
    found, at = [], 0
    while text[at:].strip():
        match = _LEXEME.match(text, at)
        if match is None:
            raise NotExpressible(f"{text[at:].strip()!r} cannot be read")
        kind = str(match.lastgroup)
        word = match.group(kind)
        found.append(_Lexeme(kind, word[1:-1] if kind == "quoted" else word))
        at = match.end()
    return found


def when_in_cel(text: str, operand: Callable[[str], str]) -> str:
    """Return a `when` in CEL; `operand` gives the CEL of a word that holds references."""

    def value(lexeme: _Lexeme) -> str:
        if lexeme.kind == "op":
            raise NotExpressible(f"{lexeme.text!r} is not expected there")
        return operand(lexeme.text) if TOKEN.search(lexeme.text) else json.dumps(lexeme.text)

    def comparison(parser: _Parser) -> str:
        left = parser.take()
        operator = parser.peek()
        if operator not in _COMPARISONS:
            if left.text in ("true", "false"):
                return left.text
            return f'string({value(left)}) == "true"'
        parser.take()
        right = parser.take()
        if operator in _RELATIONS:
            return f"{_number(left, value)} {operator} {_number(right, value)}"
        one, other = _text(value(left)), _text(value(right))
        if operator in ("==", "!="):
            return f"{one} {operator} {other}"
        matches = f"{one}.matches({other})"
        return matches if operator == "=~" else f"!{matches}"

    return _Parser(text, comparison).parse()


def _text(operand: str) -> str:
    return operand if operand.startswith('"') else f"string({operand})"


def _number(lexeme: _Lexeme, value: Callable[[_Lexeme], str]) -> str:
    if _NUMBER.fullmatch(lexeme.text):
        return lexeme.text if "." in lexeme.text else f"{lexeme.text}.0"
    return f"double({value(lexeme)})"


@dataclass(frozen=True)
class Depends:
    """What a task depends on: the tasks, and how each has to end; `plain` if that is "well"."""

    text: str
    names: tuple[str, ...]
    plain: bool  # every one of them must have succeeded or been skipped
    failed: tuple[str, ...]  # where it is a conjunction: those that must have failed


_STATES: Final = ("Succeeded", "Failed", "Skipped", "Omitted", "Errored", "Daemoned")


def depends_of(text: str) -> Depends:
    """Read a `depends` expression."""
    terms: list[tuple[str, str]] = []

    def term(name: str, status: str) -> str:
        terms.append((name, status))
        return "true"

    depends_in_cel(text, term)
    conjunction = "||" not in text and "!" not in text
    known = conjunction and all(status in ("", "Failed") for _, status in terms)
    failed = tuple(name for name, status in terms if status == "Failed") if known else ()
    plain = conjunction and all(not status for _, status in terms)
    return Depends(text, tuple(dict.fromkeys(name for name, _ in terms)), plain, failed)


def depends_in_cel(text: str, ended: Callable[[str, str], str]) -> str:
    """Return a `depends` in CEL; `ended` says of a task and one of Argo's states whether it ended so."""

    def term(parser: _Parser) -> str:
        lexeme = parser.take()
        name, _, status = lexeme.text.partition(".")
        if lexeme.kind != "word" or not name:
            raise NotExpressible(f"{lexeme.text!r} is no task")
        if status and status not in _STATES:
            raise NotExpressible(f"'.{status}' cannot be expressed")
        return ended(name, status)

    return _Parser(text, term).parse()
