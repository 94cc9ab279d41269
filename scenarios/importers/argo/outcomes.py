"""What a container would do, as far as its command says so: how long it works and how it ends.

Only idioms that are beyond doubt are read; the rest is assumed, noted, and a parameter of the workflow.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scenarios.importers.argo.references import TOKEN
from scenarios.units import SECOND_NS, UnitError, parse_duration

DEFAULT_S: Final = 1.0
_CODES: Final = 256  # a process ends with one of so many
_ITEMS_MAX: Final = 10_000  # of a list that is read out of a command
_UNIT_S: Final[Mapping[str, float]] = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SLEEP: Final = re.compile(
    r"(?:^|[\s;&'\"])sleep\s+(\{\{[^{}]+\}\}|[0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)(?![0-9.])"
)
_EXIT: Final = re.compile(r"(?:^|[\s;&'\"(])exit\s+([0-9]{1,9})\s*['\"]?\s*$")
_PYTHON_EXIT: Final = re.compile(r"sys\.exit\(\s*([0-9]{1,9})\s*\)\s*$")
_RANDOM_EXIT: Final = re.compile(r"exit\s+\$\(\(\s*\$?\{?RANDOM\}?\s*%\s*([0-9]{1,3})\s*\)\)")
_CHOICE: Final = re.compile(r"random\.choice\(\s*\[\s*([0-9]{1,3}(?:\s*,\s*[0-9]{1,3})*)\s*,?\s*\]\s*\)")
_EITHER: Final = re.compile(
    r"""(['"])(\w+)\1\s+if\s+random\.randint\(0,\s*1\)\s*==\s*0\s+else\s+(['"])(\w+)\3"""
)
_RANGE: Final = re.compile(
    r"json\.dump\(\s*\[\s*(\w+)\s+for\s+\1\s+in\s+range\(([0-9]{1,9}),\s*([0-9]{1,9})\)\s*\],\s*sys\.stdout"
)
_LISTED: Final = re.compile(
    r"(\w+)\s*=\s*list\(map\(lambda (\w+): str\(\2\), range\((\{\{[^{}]+\}\}|[0-9]{1,9})\)\)\)"
)
_PRINTED: Final = re.compile(r"""(?:^|[\s;&])(?:echo|print\()\s*(['"]?)([\w./:-]+)\1\)?\s*$""")


@dataclass(frozen=True)
class Outcome:
    """How long a container works (seconds, or a reference), and how it may end: one of each is drawn."""

    duration_s: Any = DEFAULT_S
    exit_codes: tuple[int, ...] = (0,)
    outputs: tuple[Mapping[str, Any], ...] = ()
    in_turn: bool = False  # the exit codes are those of the attempts, one after the other
    is_assumed: bool = True  # nothing in the command says how long it works


def read_outcome(
    template: Mapping[str, Any], resolve: Callable[[str], Any], constant: Callable[[str], Any]
) -> Outcome:
    """Read a template's command; `resolve` gives what a reference means, `constant` its value today."""
    script = template.get("script")
    body = script or template.get("container") or {}
    words = [str(word) for word in [*(body.get("command") or ()), *(body.get("args") or ())]]
    text = str(body.get("source") or "") if script else " ".join(words)
    duration = _duration(text, resolve)
    outputs = tuple({"result": value} for value in _results(text, constant)) if script else ()
    return Outcome(
        DEFAULT_S if duration is None else duration,
        _exit_codes(text, words),
        outputs,
        is_assumed=duration is None,
    )


def _duration(text: str, resolve: Callable[[str], Any]) -> Any:
    found = _SLEEP.findall(text)
    references = [amount for amount, _ in found if TOKEN.fullmatch(amount)]
    if references:
        return resolve(references[0]) if len(found) == 1 and found[0][1] in ("", "s") else None
    return sum(float(amount) * _UNIT_S[unit] for amount, unit in found) if found else None


def _exit_codes(text: str, words: list[str]) -> tuple[int, ...]:
    if chosen := _CHOICE.search(text):
        codes = tuple(int(code) % _CODES for code in chosen.group(1).split(","))
        return codes if "sys.exit(" in text else (0,)
    drawn = _RANDOM_EXIT.search(text)
    if drawn and 0 < int(drawn.group(1)) <= _CODES:
        return tuple(range(int(drawn.group(1))))
    stripped = text.strip()
    fixed = _EXIT.search(stripped) or _PYTHON_EXIT.search(stripped)
    if fixed:
        return (int(fixed.group(1)) % _CODES,)
    return (1,) if words == ["false"] else (0,)


def _results(text: str, constant: Callable[[str], Any]) -> list[Any]:
    if (either := _EITHER.search(text)) and "print(" in text:
        return [either.group(2), either.group(4)]
    if counted := _RANGE.search(text):
        numbers = range(int(counted.group(2)), int(counted.group(3)))
        return [list(numbers)] if len(numbers) <= _ITEMS_MAX else []
    listed = _LISTED.search(text)
    if listed and re.search(rf"json\.dump\(\s*{listed.group(1)}\s*,\s*sys\.stdout", text):
        size = listed.group(3)
        count = constant(size) if TOKEN.fullmatch(size) else int(size)
        is_known = isinstance(count, int) and 0 <= count <= _ITEMS_MAX
        return [[str(number) for number in range(count)]] if is_known else []
    last = text.strip().splitlines()[-1] if text.strip() else ""
    printed = _PRINTED.search(last)
    return [printed.group(2)] if printed and not TOKEN.search(last) else []


def declared_outcome(outcome: Outcome, declared: Mapping[str, Any]) -> Outcome:
    """Return the outcome with what the user declares: `duration`, `exit_codes`, `result`, `outputs`."""
    duration = declared.get("duration", outcome.duration_s)
    if isinstance(duration, str) and "{" not in duration:
        duration = parse_duration(duration) / SECOND_NS
    outputs = outcome.outputs
    if "outputs" in declared:
        outputs = tuple(declared["outputs"])
    elif "result" in declared:
        outputs = tuple({"result": value} for value in declared["result"])
    codes = tuple(declared.get("exit_codes", outcome.exit_codes))
    return Outcome(
        duration, codes, outputs, outcome.in_turn, outcome.is_assumed and "duration" not in declared
    )


def wrong_declaration(key: str, value: Any) -> str:
    """Return what was expected of a declaration, or nothing if it is sound."""
    if key == "duration":
        try:
            parse_duration(value)
        except UnitError as error:
            return error.expected
        return ""
    if key == "exit_codes":
        sound = (
            isinstance(value, list) and value and all(type(one) is int and 0 <= one <= 255 for one in value)
        )
        return "" if sound else "a list of exit codes, of which one is drawn, such as [0, 1]"
    if key == "result":
        return "" if isinstance(value, list) and value else "a list of results, of which one is drawn"
    if key == "outputs":
        sound = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
        return "" if sound else "a list of mappings of outputs, of which one is drawn"
    return "one of duration, exit_codes, result, outputs"
