"""CPU and memory that a workload uses over time: how files write it, and the JSON that a RunSpec carries.

A file writes ``150m`` for a use that never changes, or ``{use: [{at: 0s, cpu: 100m}, {at: 5m, cpu: 1}]}``.
CPU is used at one point's rate until the next; memory grows and shrinks evenly from point to point. `at`
counts from the start of the container, or, with ``of: workload``, from the start of the run: then the use
is that of all its pods together, which its ready pods share.
"""

from collections.abc import Mapping
from typing import Any, Final

from scenarios.quantities import amount, cpu_millis, format_bytes, format_cpu
from scenarios.units import SECOND_NS, UnitError, format_duration, parse_duration, parse_quantity

POINTS_MAX: Final = 10_000
EXPECTED_CPU: Final = (
    "a quantity such as 150m, or {use: 150m | [{at: 0s, cpu: 150m}, ...], startup: 1, of: pod | workload}"
)
EXPECTED_MEMORY: Final = "a quantity such as 200Mi, or {use: 200Mi | [{at: 0s, memory: 200Mi}, ...]}"
_OF: Final = ("pod", "workload")


def parse_cpu(value: object) -> dict[str, Any]:
    """Return the JSON form: ``{"points": [[s, millicores], ...], "of": ..., "startup_m": ...}``."""
    given = value if isinstance(value, dict) else {"use": value}
    if "use" not in given or set(given) - {"use", "startup", "of"}:
        raise UnitError(f"a use of CPU with the keys {', '.join(map(str, given))}", EXPECTED_CPU)
    of = given.get("of", "pod")
    if of not in _OF:
        raise UnitError(f"a use of {of!r}", EXPECTED_CPU)
    parsed: dict[str, Any] = {"points": _points(given["use"], "cpu", EXPECTED_CPU), "of": of}
    if "startup" in given:
        parsed["startup_m"] = _size("cpu", given["startup"])
    return parsed


def parse_memory(value: object) -> dict[str, Any]:
    """Return the JSON form: ``{"points": [[s, bytes], ...]}``."""
    given = value if isinstance(value, dict) else {"use": value}
    if set(given) != {"use"}:
        raise UnitError(f"a use of memory with the keys {', '.join(map(str, given))}", EXPECTED_MEMORY)
    return {"points": _points(given["use"], "memory", EXPECTED_MEMORY)}


def _points(value: object, resource: str, expected: str) -> list[list[float]]:
    if not isinstance(value, list):
        return [[0.0, _size(resource, value)]]
    if not value:
        raise UnitError("no point in time", expected)
    if len(value) > POINTS_MAX:
        raise UnitError(f"{len(value)} points in time", f"at most {POINTS_MAX:,}")
    points: list[list[float]] = []
    for point in value:
        if not isinstance(point, dict) or set(point) != {"at", resource}:
            raise UnitError(f"{point!r} is not a point in time", expected)
        at = parse_duration(point["at"]) / SECOND_NS
        if points and at <= points[-1][0]:
            raise UnitError(f"{point['at']} is not after the point before it", "points in order of time")
        points.append([at, _size(resource, point[resource])])
    if points[0][0]:
        raise UnitError(f"a first point at {points[0][0]:g} s", "a first point at 0s")
    return points


def _size(resource: str, value: object) -> int:
    parse_quantity(value)  # refuses what is no quantity
    text = str(value)
    return cpu_millis(text) if resource == "cpu" else amount(text)


def format_cpu_use(use: Mapping[str, Any]) -> Any:
    """Return the file form of a JSON form; `parse_cpu` gives the same JSON back."""
    written: dict[str, Any] = {"use": _format(use["points"], "cpu")}
    if use["of"] != "pod":
        written["of"] = use["of"]
    if "startup_m" in use:
        written["startup"] = format_cpu(use["startup_m"])
    return written if len(written) > 1 or isinstance(written["use"], list) else written["use"]


def format_memory_use(use: Mapping[str, Any]) -> Any:
    """Return the file form of a JSON form; `parse_memory` gives the same JSON back."""
    points = _format(use["points"], "memory")
    return {"use": points} if isinstance(points, list) else points


def _format(points: list[list[float]], resource: str) -> Any:
    write = format_cpu if resource == "cpu" else format_bytes
    if len(points) == 1:
        return write(int(points[0][1]))
    return [{"at": format_duration(round(at * SECOND_NS)), resource: write(int(size))} for at, size in points]
