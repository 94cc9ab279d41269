"""Kubernetes quantities as exact integers: millicores of CPU, whole units of everything else.

The grammar is `scenarios.units`'; added here are the sign (a snapshot may hold anything), the rounding of
`resource.Quantity` (away from zero), the limit of 64 bits (Kubernetes caps there, which hides a mistake), a
cache, and the way back to text.
"""

from functools import lru_cache
from math import ceil

from scenarios.units import UnitError, parse_quantity

CPU = "cpu"
TEXT_LENGTH_MAX = 64
_LARGEST = 2**63 - 1
_BINARY = {"Ei": 60, "Pi": 50, "Ti": 40, "Gi": 30, "Mi": 20, "Ki": 10}


class QuantityError(ValueError):
    """A value that is not a quantity, or one too large; the message quotes it."""


def cpu_millis(value: str | float) -> int:
    """Return millicores, rounded up as `Quantity.MilliValue` does: ``"100m"`` is 100, ``"0.0001"`` is 1."""
    return _scaled(value, 1000)


def amount(value: str | float) -> int:
    """Return whole units (bytes, pods, devices), rounded up as `Quantity.Value` does: ``"1Ki"`` is 1024."""
    return _scaled(value, 1)


def resource_amount(resource: str, value: str | float) -> int:
    """Return millicores for ``cpu`` and whole units for every other resource."""
    return _scaled(value, 1000 if resource == CPU else 1)


def format_cpu(millis: int) -> str:
    """Write millicores in Kubernetes' canonical form: 2000 is ``"2"``, 150 is ``"150m"``."""
    return f"{millis}m" if millis % 1000 else str(millis // 1000)


def format_bytes(count: int) -> str:
    """Write bytes with the largest binary suffix that divides them exactly: 268435456 is ``"256Mi"``."""
    for suffix, bits in _BINARY.items():
        if count and count % (1 << bits) == 0:
            return f"{count >> bits}{suffix}"
    return str(count)


def _scaled(value: str | float, factor: int) -> int:
    """Return ``ceil(value x factor)``, away from zero."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError(f"{value!r} is not a Kubernetes quantity")
    return _parse(value if isinstance(value, str) else str(value), factor)


@lru_cache(maxsize=4096)
def _parse(text: str, factor: int) -> int:
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    try:
        if len(text) > TEXT_LENGTH_MAX:
            raise QuantityError(f"{text[:TEXT_LENGTH_MAX]!r}... is too long for a Kubernetes quantity")
        size = ceil(parse_quantity(unsigned) * factor)
    except UnitError as error:
        raise QuantityError(f"{text!r} is not a Kubernetes quantity, such as 500m, 2 or 1Gi") from error
    if size > _LARGEST:
        raise QuantityError(f"{text!r} is larger than a 64-bit integer can hold")
    return -size if text[0] == "-" else size
