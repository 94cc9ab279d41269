"""Conditions in CEL, the Common Expression Language that Kubernetes users write.

An expression sees ``variables``, ``steps`` and, where something was fetched for it, ``value`` (see
`engine.core.conditions`). It cannot reach Python, and its cost is limited: its length here, its loops by the
library's own budget, and what they touch by `engine.cel_cost`. Templates (``{{ expression }}`` inside text)
are for whoever compiles files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cel_expr_python import cel

from engine.cel_cost import COST_MAX, Cost, Path, exceeds_size
from engine.core.conditions import EXPRESSION_LENGTH_MAX
from engine.core.errors import ConditionError

_PROGRAMS_MAX: Final = 10_000
_TEMPLATE_LENGTH_MAX: Final = 20_000
_TEMPLATE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_RECORDED: Final = ("variables", "steps", "value")  # the last: what a condition has fetched


@dataclass(frozen=True, slots=True)
class _Bounded:
    """A compiled expression, and how large what it sees may be (None: as large as it is)."""

    expression: cel.Expression
    paths: Mapping[Path, None]
    size_max: int | None


class CelProgram:
    """A compiled condition."""

    __slots__ = ("_expression", "_text")

    def __init__(self, text: str, expression: _Bounded) -> None:
        """Keep the expression with its text."""
        self._text = text
        self._expression = expression

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Return the outcome; raises `ConditionError` where evaluation fails or does not give a boolean."""
        outcome = _evaluate(self._text, self._expression, values)
        if not isinstance(outcome, bool):
            message = f"{self._text!r}: gives {outcome!r}, which is no boolean"
            raise ConditionError(message)
        return outcome


class CelConditions:
    """CEL behind the port `engine.core.conditions.Conditions`; programs are cached by their text."""

    def __init__(self) -> None:
        """Declare what conditions see."""
        recorded = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
        self._environment = cel.NewEnv(variables=dict.fromkeys(_RECORDED, recorded))
        self._programs: dict[str, CelProgram] = {}

    def compile(self, text: str) -> CelProgram:
        """Compile `text`; raises `ConditionError` where it is too long, no CEL, or cannot give a boolean."""
        program = self._programs.get(text)
        if program is None:
            expression = _compile(self._environment, text, EXPRESSION_LENGTH_MAX)
            gives = expression.expression.return_type()
            if gives not in (cel.Type.BOOL, cel.Type.DYN):
                message = f"{text!r}: gives {gives.name()}, not a boolean"
                raise ConditionError(message)
            if len(self._programs) >= _PROGRAMS_MAX:
                self._programs.clear()
            program = self._programs[text] = CelProgram(text, expression)
        return program


def evaluate_template(text: str, **values: Any) -> Any:
    """Replace each ``{{ expression }}`` in `text` by its value over `values`.

    A text that is one template and nothing else keeps the type of its value. Raises `ConditionError`.
    """
    if "{{" not in text:
        return text
    if len(text) > _TEMPLATE_LENGTH_MAX:
        message = f"a template of {len(text)} characters; at most {_TEMPLATE_LENGTH_MAX}"
        raise ConditionError(message)
    whole = _TEMPLATE.fullmatch(text.strip())
    if whole is not None and "{{" not in whole.group(1):
        return _evaluate_expression(whole.group(1).strip(), values)
    if "{{" in _TEMPLATE.sub("", text):
        message = f"{text!r}: '{{{{' without '}}}}'"
        raise ConditionError(message)
    return _TEMPLATE.sub(lambda match: _written(_evaluate_expression(match.group(1).strip(), values)), text)


def _evaluate_expression(text: str, values: Mapping[str, Any]) -> Any:
    types = tuple((name, type(value)) for name, value in values.items())
    return _evaluate(text, _compile_template(text, types), values)


@lru_cache(maxsize=4_096)
def _compile_template(text: str, types: tuple[tuple[str, type], ...]) -> _Bounded:
    return _compile(_template_environment(types), text, EXPRESSION_LENGTH_MAX)


@lru_cache(maxsize=256)
def _template_environment(types: tuple[tuple[str, type], ...]) -> cel.Env:
    known = {bool: cel.Type.BOOL, int: cel.Type.INT, float: cel.Type.DOUBLE, str: cel.Type.STRING}
    return cel.NewEnv(variables={name: known.get(kind, cel.Type.DYN) for name, kind in types})


def _compile(environment: cel.Env, text: str, length_max: int) -> _Bounded:
    if len(text) > length_max:
        message = f"an expression of {len(text)} characters; at most {length_max}"
        raise ConditionError(message)
    try:
        expression = environment.compile(text)
    except (RuntimeError, ValueError, TypeError) as error:
        message = f"{text!r}: {_first_line(error)}"
        raise ConditionError(message) from error
    cost = Cost(expression.serialize())
    size_max = cost.size_max()
    if size_max == 0:
        message = f"{text!r}: would touch more than {COST_MAX} elements, whatever it is asked over"
        raise ConditionError(message)
    return _Bounded(expression, cost.paths, size_max)


def _evaluate(text: str, expression: _Bounded, values: Mapping[str, Any]) -> Any:
    size_max = expression.size_max
    if size_max is not None and exceeds_size(values, expression.paths, size_max):
        message = (
            f"{text!r}: over values of more than {size_max} elements it could touch more than {COST_MAX}: "
            "compare or join less in its loops, or give it smaller values"
        )
        raise ConditionError(message)
    try:
        value = expression.expression.eval(data=values)
        outcome = value.plain_value()
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        message = f"{text!r}: {_first_line(error)}"
        raise ConditionError(message) from error
    if value.type() == cel.Type.ERROR:
        message = f"{text!r}: {_first_line(outcome)}"
        raise ConditionError(message)
    return outcome


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _first_line(error: object) -> str:
    """Return the message of the library without its drawing of the source and its status code."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    for prefix in ("INVALID_ARGUMENT: ", "NOT_FOUND: ", "INTERNAL: ", "ERROR: <input>:"):
        line = line.removeprefix(prefix)
    return re.sub(r" \[[A-Z_]+\]$", "", line)
