"""Kubernetes quantities as exact integers.

The grammar and the rounding are those of apimachinery's `resource.Quantity`: a decimal number with a binary
suffix (Ki..Ei), a decimal one (n u m, none, k M G T P E) or an exponent (1e3); a fraction of the smallest
unit is rounded away from zero. Amounts beyond 64 bits are refused (Kubernetes caps them, hiding a mistake).
"""

import re
from functools import lru_cache

CPU = "cpu"
TEXT_LENGTH_MAX = 64
_LARGEST = 2**63 - 1
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


class QuantityError(ValueError):
    """A text that is not a quantity, or one too large; the message quotes it."""


def cpu_millis(value: str | float) -> int:
    """Return millicores, rounded up as `Quantity.MilliValue` does: ``"100m"`` is 100, ``"0.0001"`` is 1."""
    return _scaled(value, 3)


def amount(value: str | float) -> int:
    """Return whole units (bytes, pods, devices), rounded up as `Quantity.Value` does: ``"1Ki"`` is 1024."""
    return _scaled(value, 0)


def resource_amount(resource: str, value: str | float) -> int:
    """Return millicores for ``cpu`` and whole units for every other resource."""
    return _scaled(value, 3 if resource == CPU else 0)


def format_cpu(millis: int) -> str:
    """Write millicores in Kubernetes' canonical form: 2000 is ``"2"``, 150 is ``"150m"``."""
    return f"{millis}m" if millis % 1000 else str(millis // 1000)


def format_bytes(count: int) -> str:
    """Write bytes with the largest binary suffix that divides them exactly: 268435456 is ``"256Mi"``."""
    for suffix, bits in reversed(_BINARY.items()):
        if count and count % (1 << bits) == 0:
            return f"{count >> bits}{suffix}"
    return str(count)


def _scaled(value: str | float, power: int) -> int:
    """Return ``ceil(value x 10^power)`` (away from zero)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError(f"{value!r} is not a quantity such as 500m, 2 or 1Gi")
    return _parse(value if isinstance(value, str) else repr(value), power)


@lru_cache(maxsize=4096)
def _parse(text: str, power: int) -> int:
    match = _NUMBER.fullmatch(text) if len(text) <= TEXT_LENGTH_MAX else None
    if match is None or not (match["whole"] or match["fraction"]):
        raise QuantityError(f"{text[:TEXT_LENGTH_MAX]!r} is not a quantity such as 500m, 2 or 1Gi")
    digits = int((match["whole"] or "") + (match["fraction"] or ""))
    exponent = power - len(match["fraction"] or "")
    exponent += int(match["exponent"] or 0) + _DECIMAL.get(match["decimal"] or "", 0)
    if digits:  # nothing times ten to the thousandth is still nothing
        digits <<= _BINARY.get(match["binary"] or "", 0)
        digits = digits * 10**exponent if exponent >= 0 else -(-digits // 10**-exponent)
    if digits > _LARGEST:
        raise QuantityError(f"{text!r} is larger than a 64-bit integer can hold")
    return -digits if match["sign"] == "-" else digits
