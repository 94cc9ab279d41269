"""Steps by which a knob is turned: `x2`, `+50%`, `-50%`, `+1`, `+5s`, or a value, in the form of a file.

What is counted stays whole: more is rounded up and less is rounded down, but never below one.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from scenarios.fields import UNLIMITED
from scenarios.units import UnitError, format_duration, parse_duration

EXPECTED = "a step such as x2, +50%, -50%, +1 or +5s, or a value"
_FACTOR = re.compile(r"x(\d{1,6}(?:\.\d{1,6})?)")
_PERCENT = re.compile(r"([+-])(\d{1,6}(?:\.\d{1,6})?)\s?%")
_PLUS = re.compile(r"([+-])(\d{1,9}(?:\.\d{1,9})?)")
_PLUS_TIME = re.compile(r"([+-])(\d[0-9.a-zµμ]*)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)(\s?/\s?[a-z]+)")
_SCALED = ("value", "low", "high", "mean", "median", "values")  # of a distribution: its times


class NotApplicable(Exception):
    """A knob that cannot be turned here; says why."""


@dataclass(frozen=True)
class Step:
    """How far a knob is turned: by a factor, by an amount (of time, in ns), or to a value."""

    text: str
    factor: Fraction | None = None
    plus: Fraction | None = None
    plus_ns: int | None = None
    value: Any = None


def parse_step(text: str) -> Step:
    """Return what a step means; `UnitError` if it is none."""
    if found := _FACTOR.fullmatch(text):
        return Step(text, factor=_positive(Fraction(found[1]), text))
    if found := _PERCENT.fullmatch(text):
        share = Fraction(found[2]) / 100
        return Step(text, factor=_positive(1 + share if found[1] == "+" else 1 - share, text))
    if found := _PLUS.fullmatch(text):
        return Step(text, plus=Fraction(found[1] + found[2]))
    if found := _PLUS_TIME.fullmatch(text):
        sign = 1 if found[1] == "+" else -1
        return Step(text, plus_ns=sign * parse_duration(found[2]))
    return Step(text, value=_value(text))


def _positive(factor: Fraction, text: str) -> Fraction:
    if factor <= 0:
        raise UnitError(f"{text} leaves nothing", EXPECTED)
    return factor


def _value(text: str) -> Any:
    from scenarios.document import read_text
    from scenarios.errors import ScenarioError

    try:
        return read_text(text, "step").data if text.strip() else ""
    except ScenarioError as error:
        raise UnitError(error.problems[0].message, EXPECTED) from None


def turned(current: Any, step: Step, *, whole: int | None = None) -> Any:
    """Return the value that a step leads to, in the form of a file.

    `whole` is the unit, in nanoseconds, of which a time has to be a multiple (Kubernetes counts in seconds).

    Raises:
        NotApplicable: there is nothing to turn, or no further to go.
    """
    if step.value is not None or step.text == "":
        after = step.value
    elif current is None:
        raise NotApplicable("it is not set")
    elif current == UNLIMITED:
        raise NotApplicable("it is unlimited")
    else:
        after = _scaled(current, step, whole)
    if json.dumps(after, sort_keys=True, default=str) == json.dumps(current, sort_keys=True, default=str):
        raise NotApplicable(f"it is {shown(current)} already")
    return after


def _scaled(current: Any, step: Step, whole: int | None) -> Any:
    if isinstance(current, bool):
        raise NotApplicable(f"{shown(current)} is a switch: a step of it is true or false")
    if isinstance(current, int | float):
        return _number(current, step)
    if isinstance(current, Mapping):
        if "dist" in current:
            return {
                key: _each(item, step, whole) if key in _SCALED else item for key, item in current.items()
            }
        if not current:
            raise NotApplicable("there is none")
        return {key: _scaled(item, step, whole) for key, item in current.items()}
    if isinstance(current, str):
        return _text(current, step, whole)
    raise NotApplicable(f"{shown(current)} is not a number")


def _each(item: Any, step: Step, whole: int | None) -> Any:
    return [_text(one, step, whole) for one in item] if isinstance(item, list) else _text(item, step, whole)


def _number(current: float, step: Step) -> float | int:
    if step.plus_ns is not None:
        raise NotApplicable(f"{shown(current)} is not a time")
    exact = Fraction(str(current))
    after = exact * step.factor if step.factor is not None else exact + (step.plus or 0)
    if isinstance(current, int):
        more = after >= exact
        rounded = math.ceil(after) if more else math.floor(after)
        return rounded if more else max(rounded, min(current, 1))
    if after <= 0:
        raise NotApplicable(f"{step.text} leaves nothing of {shown(current)}")
    return int(after) if after.denominator == 1 else float(after)


def _text(current: str, step: Step, whole: int | None) -> str:
    if found := _RATE.fullmatch(current):
        return f"{_number(float(found[1]), step):g}{found[2]}"
    try:
        before = parse_duration(current)
    except UnitError:
        raise NotApplicable(f"{shown(current)} is not a number") from None
    if step.plus is not None:
        raise NotApplicable(f"{shown(current)} is a time: a step of it has a unit, such as +5s")
    after = round(before * step.factor) if step.factor is not None else before + (step.plus_ns or 0)
    if whole:
        after = max(-(-after // whole) * whole if after >= before else after // whole * whole, whole)
    return format_duration(max(after, 0))


def shown(value: Any) -> str:
    """Return a value for a person, cut short if it is long."""
    text = value if isinstance(value, str) else _described(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _described(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping) and isinstance(value.get("dist"), str):
        times = [
            f"{key} {item}" for key, item in value.items() if key != "dist" and not isinstance(item, list)
        ]
        return " ".join([value["dist"], ", ".join(times)]).strip()
    return json.dumps(value, ensure_ascii=False, default=str)
