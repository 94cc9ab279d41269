"""Templates in files: ``{{ CEL }}``, evaluated before a run (``${...}`` is resolved by the engine while it runs).

A text that is one template and nothing else takes the type of its value; inside a longer text the value is written out.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

EXPRESSION_LENGTH_MAX: Final = 2_000
_TEMPLATE: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class TemplateError(ValueError):
    """A template that does not compile, or does not evaluate."""


def has_template(text: str) -> bool:
    """Tell whether there is anything to evaluate."""
    return "{{" in text


def evaluate_text(text: str, variables: Mapping[str, Any]) -> Any:
    """Return `text` with its templates evaluated over `variables`; `TemplateError` if one cannot be."""
    if not has_template(text):
        return text
    pieces = _TEMPLATE.split(text)  # text, expression, text, expression, ..., text
    if len(pieces) == 1:
        raise TemplateError(f"'{{{{' without '}}}}' in {text!r}")
    if len(pieces) == 3 and not pieces[0].strip() and not pieces[2].strip():
        return evaluate(pieces[1].strip(), variables)
    written = [pieces[0]]
    for expression, following in zip(pieces[1::2], pieces[2::2], strict=True):
        value = evaluate(expression.strip(), variables)
        written += (value if isinstance(value, str) else json.dumps(value), following)
    return "".join(written)


def evaluate_value(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a JSON value with the templates in all its texts evaluated."""
    if isinstance(value, str):
        return evaluate_text(value, variables)
    if isinstance(value, Mapping):
        return {key: evaluate_value(item, variables) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [evaluate_value(item, variables) for item in value]
    return value


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Return the value of one CEL expression; it sees only the variables that it names."""
    used = tuple(sorted(name for name in set(_WORD.findall(expression)) & set(variables)))
    program = _compiled(expression, used)
    try:
        value = program.eval(data={name: variables[name] for name in used})
    except (RuntimeError, TypeError, ValueError) as error:
        raise TemplateError(f"{expression!r}: {_first_line(str(error))}") from None
    kind = str(value.type())
    if kind in {"ERROR", "UNKNOWN"}:
        raise TemplateError(f"{expression!r}: {_first_line(str(value.plain_value()))}")
    if kind in {"TYPE", "BYTES", "DURATION", "TIMESTAMP"}:
        raise TemplateError(f"{expression!r}: a {kind.lower()} has no place in a file")
    return value.plain_value()


@lru_cache(maxsize=4096)
def _compiled(expression: str, names: tuple[str, ...]) -> Any:

    if len(expression) > EXPRESSION_LENGTH_MAX:
        raise TemplateError(
            f"an expression of {len(expression):,} characters; at most {EXPRESSION_LENGTH_MAX:,}"
        )
    try:
        return _environment(names).compile(expression)
    except (RuntimeError, ValueError) as error:
        known = f" (known here: {', '.join(names)})" if names else ""
        raise TemplateError(f"{expression!r}: {_first_line(str(error))}{known}") from None


@lru_cache(maxsize=256)
def _environment(names: tuple[str, ...]) -> Any:
    from cel_expr_python import cel

    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN))


def _first_line(text: str) -> str:
    line = text.splitlines()[0] if text else "no value"
    return re.sub(r"^[A-Z_]+: (ERROR: )?(<input>:\d+:\d+: )?", "", line)
