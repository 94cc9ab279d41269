"""The baseline as a file: JSON that a person can review, one line a series; what is wrong with it is said."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reports.baseline import KIND, SCHEMA, Baseline, BaselinePoint, Series
from reports.errors import ReportError

BYTES_MAX: Final = 50_000_000
NEVER: Final = "never"  # an execution never completed
UNKNOWN: Final = "unknown"  # the metric had no value
_REMEDY: Final = "write it anew with `headroom baseline accept`"


def baseline_text(baseline: Baseline) -> str:
    """Return the file: the same baseline gives the same bytes."""
    return _text(
        {
            "kind": KIND,
            "schema": SCHEMA,
            "scenario": baseline.scenario,
            "reason": baseline.reason,
            "version": baseline.version,
            "code_digest": baseline.code_digest,
            "scenario_digest": baseline.scenario_digest,
            "fingerprint": dict(baseline.fingerprint),
            "points": [_point_json(point) for point in baseline.points],
            "configuration": dict(baseline.configuration),
        }
    )


def is_baseline(path: Path) -> bool:
    """Tell whether a file looks like a baseline, without reading all of it."""
    try:
        with path.open("rb") as file:
            return KIND.encode() in file.read(200)
    except OSError:
        return False


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        ReportError: it is no baseline, of another schema, or was edited so that it contradicts itself.
    """
    if path.stat().st_size > BYTES_MAX:
        raise ReportError(f"the file has more than {BYTES_MAX:,} bytes", path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ReportError(f"not JSON: {error}; {_REMEDY}", path) from error
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise ReportError(f"expected a baseline, with kind {KIND!r}; {_REMEDY}", path)
    if data.get("schema") != SCHEMA:
        raise ReportError(f"found schema {data.get('schema')!r}, expected {SCHEMA}; {_REMEDY}", path)
    try:
        return _baseline(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise ReportError(f"the baseline is damaged: {found}; {_REMEDY}", path) from error


def _baseline(data: Mapping[str, Any]) -> Baseline:
    texts = {
        key: _checked(data[key], str, key)
        for key in ("scenario", "reason", "version", "code_digest", "scenario_digest")
    }
    points = tuple(_point(row) for row in _checked(data["points"], list, "points"))
    seen: list[Mapping[str, Any]] = []
    for point in points:
        if point.coordinates in seen:
            raise ValueError(f"the point {dict(point.coordinates)} is there twice")
        seen.append(point.coordinates)
    return Baseline(
        **texts,
        fingerprint={
            str(key): str(item) for key, item in _checked(data["fingerprint"], dict, "fingerprint").items()
        },
        points=points,
        configuration=_checked(data["configuration"], dict, "configuration"),
    )


def _point(row: Mapping[str, Any]) -> BaselinePoint:
    numbers = tuple(_checked(number, int, "a replication") for number in row["replications"])
    histories = tuple(_checked(text, str, "a history") for text in row["histories"])
    if len(set(numbers)) != len(numbers) or len(histories) != len(numbers):
        raise ValueError(
            "the replications of a point are not as many as its histories, or one is there twice"
        )
    series = tuple(_series(item, len(numbers)) for item in row["values"])
    if len({(item.metric, item.stat) for item in series}) != len(series):
        raise ValueError("a series of a point is there twice")
    cut_ns = None if row.get("cut_ns") is None else _checked(row["cut_ns"], int, "cut_ns")
    coordinates = _checked(row["coordinates"], dict, "coordinates")
    return BaselinePoint(coordinates, numbers, histories, series, cut_ns)


def _series(item: Mapping[str, Any], count: int) -> Series:
    values = tuple(_value(value) for value in item["per_replication"])
    name = f"{_checked(item['metric'], str, 'metric')} {_checked(item['stat'], str, 'stat')}"
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} values for {count} replications")
    return Series(item["metric"], item["stat"], _checked(item["unit"], str, "unit"), values)


def _value(value: object) -> float:
    if value in (NEVER, UNKNOWN):
        return math.inf if value == NEVER else math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"found the value {value!r}, expected a number, {NEVER!r} or {UNKNOWN!r}")
    return float(value)


def _checked(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{what} is of type {type(value).__name__}, expected {kind.__name__}")
    return value


def _point_json(point: BaselinePoint) -> dict[str, Any]:
    return {
        "coordinates": dict(point.coordinates),
        "replications": list(point.replications),
        "histories": list(point.histories),
        **({} if point.cut_ns is None else {"cut_ns": point.cut_ns}),
        "values": [
            {
                "metric": item.metric,
                "stat": item.stat,
                "unit": item.unit,
                "per_replication": [_written(value) for value in item.values],
            }
            for item in point.series
        ],
    }


def _written(value: float) -> float | int | str:
    if math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return NEVER
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def _text(data: Mapping[str, Any]) -> str:
    return _value_text(data, "") + "\n"


def _value_text(value: Any, margin: str) -> str:
    """Write JSON with what is flat on one line: a review then shows a change where it is."""
    items: Sequence[str]
    if isinstance(value, Mapping) and value and (margin == "" or not _flat(value)):
        items = [
            f"{json.dumps(key, ensure_ascii=False)}: {_value_text(item, margin + '  ')}"
            for key, item in value.items()
        ]
        return _lines("{", items, "}", margin)
    if isinstance(value, list) and not _flat(value):
        return _lines("[", [_value_text(item, margin + "  ") for item in value], "]", margin)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _flat(value: Any) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value
    few = not isinstance(value, Mapping) or len(value) <= 6
    return few and not any(
        isinstance(item, Mapping) or (isinstance(item, list) and isinstance(value, list)) for item in inner
    )


def _lines(opening: str, items: Sequence[str], closing: str, margin: str) -> str:
    return f"{opening}\n{margin}  " + f",\n{margin}  ".join(items) + f"\n{margin}{closing}"
