"""Templates in files: ``{{ CEL }}``, evaluated before a run (the engine resolves ``${...}`` while it runs).

A text that is one template and nothing else takes the type of its value; inside a longer text the value is
written out.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from engine.core.errors import ConditionError

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
    from engine.cel import evaluate_template  # the library loads in 15 ms: only where there are templates

    used = {name: variables[name] for name in dict.fromkeys(_WORD.findall(text)) if name in variables}
    try:
        value = evaluate_template(text, **used)
    except ConditionError as error:
        raise TemplateError(" ".join(str(error).split())) from None
    if not _is_json(value):
        raise TemplateError(f"{text!r}: gives {value!r}, which has no place in a file")
    return value


def evaluate_value(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a JSON value with the templates in all its texts evaluated."""
    if isinstance(value, str):
        return evaluate_text(value, variables)
    if isinstance(value, Mapping):
        return {key: evaluate_value(item, variables) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [evaluate_value(item, variables) for item in value]
    return value


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)
