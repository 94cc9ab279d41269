"""Kubernetes quantities, as far as an action compares and scales them: exact, in thousandths."""

import re
from fractions import Fraction
from typing import Final

from engine.core.action import InvalidParameters

_TEXT: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d{1,3})?")
_DECIMAL: Final = {"m": Fraction(1, 1000), "": Fraction(1)} | {
    unit: Fraction(1000 ** (power + 1)) for power, unit in enumerate(("k", "M", "G", "T", "P", "E"))
}
_BINARY: Final = {
    unit: Fraction(1024 ** (power + 1)) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
}


def milli(text: object) -> int:
    """Return a quantity such as ``500m``, ``2`` or ``1Gi`` in thousandths, rounded up as the API server does.

    Raises `InvalidParameters`.
    """
    matched = _TEXT.fullmatch(str(text))
    if matched is None:
        raise InvalidParameters(f"{text!r} is not a quantity; write it like 500m, 2 or 1Gi")
    number, unit = matched.groups(default="")
    factor = _BINARY.get(unit) or _DECIMAL.get(unit)
    value = Fraction(number) * (factor if factor is not None else Fraction(f"1{unit}")) * 1000
    return -(-value.numerator // value.denominator)


def enlarged(text: str, percent: int) -> str:
    """Return the quantity enlarged by `percent`, rounded up, in a unit that holds it exactly."""
    thousandths = -(-milli(text) * (100 + percent) // 100)
    if text.endswith("m") or thousandths < 10_000:
        return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)
    whole = -(-thousandths // 1000)
    for unit in ("Gi", "Mi", "Ki"):
        size = int(_BINARY[unit])
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return str(whole)
