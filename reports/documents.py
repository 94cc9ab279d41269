"""`summary.json` and `points.csv`: for machines. Keys are stable; a change of meaning raises the schema."""

import csv
import io
import json
from typing import Any, Final

from reports.blame import blames_of
from reports.columns import SECOND_NS, Settling
from reports.detectable import POWER
from reports.estimates import Estimate
from reports.exits import NAMES
from reports.formats import coordinate, json_number, printed_unit, scaled
from reports.judge import Judgement, TargetResult
from reports.summary import MEASURES, PointSummary, Summary

SUMMARY_SCHEMA: Final = 1


def summary_json(summary: Summary) -> dict[str, Any]:
    """Return the summary as JSON values."""
    questions = summary.questions
    return {
        "schema": SUMMARY_SCHEMA,
        "scenario": questions.name,
        "requirement": questions.requirement,
        "confidence": questions.confidence,
        "looks": list(questions.looks),
        "exit_code": summary.exit_code,
        "exit_name": NAMES[summary.exit_code],
        "causes": [
            {"code": item.code, "name": item.name, "message": item.message} for item in summary.causes
        ],
        "targets": [_target(result) for result in summary.targets],
        "points": [_point(point, summary) for point in summary.points],
        "curves": [curve.to_json() for curve in summary.curves],
        "comparisons": [item.to_json() for item in summary.comparisons],
        "sensitivity": [dict(entry) for entry in summary.run.sensitivity],
        "infeasible": [dict(entry) for entry in summary.run.infeasible],
        "checks": [
            {
                "name": check.name,
                "words": check.words,
                "runs": check.runs,
                "violations": check.violations,
                "example": check.example,
                "passed": check.passed,
            }
            for check in summary.checks
        ],
    }


def summary_text(summary: Summary) -> str:
    """Return `summary.json`."""
    return json.dumps(summary_json(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _target(result: TargetResult) -> dict[str, Any]:
    target, worst = result.target, result.worst
    unit = worst.unit
    return {
        "id": target.id,
        "requirement": target.requirement,
        "metric": target.metric,
        "stat": worst.stat,
        "severity": target.severity,
        "min": json_number(scaled(target.minimum, unit)),
        "max": json_number(scaled(target.maximum, unit)),
        "unit": printed_unit(unit),
        "attainment": json_number(scaled(target.attainment, "ratio")),
        "limit": worst.limit_text,
        "where": dict(target.where),
        "verdict": result.verdict.value,
        "worst": judgement_json(worst),
        "points": [judgement_json(item) for item in result.judgements],
    }


def judgement_json(item: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON values."""
    unit = item.value_unit
    return {
        "point": item.point,
        "coordinates": dict(item.coordinates),
        "verdict": item.verdict.value,
        "value": json_number(scaled(item.value, unit)),
        "low": json_number(scaled(item.low, unit)),
        "high": json_number(scaled(item.high, unit)),
        "unit": printed_unit(unit),
        "text": item.value_text,
        "reached": json_number(scaled(item.reached, item.unit)),
        "margin_percent": json_number(scaled(item.margin, "ratio")),
        "n": item.n,
        "method": item.method,
        "confidence_of_a_bound": json_number(1 - item.error) if item.error else None,
        "detectable": None
        if item.detectable is None
        else {
            "value": json_number(scaled(item.detectable.value, item.detectable.unit)),
            "unit": printed_unit(item.detectable.unit),
            "what": item.detectable.what,
            "upper": item.detectable.upper,
            "power_percent": json_number(POWER * 100),
            "text": item.detectable.text,
        },
        "infeasible": item.infeasible,
        "reason": item.reason,
    }


def _point(point: PointSummary, summary: Summary) -> dict[str, Any]:
    neck = point.bottleneck
    blames = blames_of(summary.run.point(point.index), summary.questions.alpha / 2)
    return {
        "point": point.index,
        "coordinates": dict(point.coordinates),
        "n": point.n,
        "failed": point.failed,
        "unfinished": point.unfinished,
        "estimates": {name: value.to_json() for name, value in point.estimates.items()},
        "bottleneck": None
        if neck is None
        else {
            "cause": neck.cause,
            "share": neck.share.to_json(),
            "station": None if neck.station is None else neck.station.to_json(),
        },
        "causes": {
            cause: {"share": share.to_json(), "seconds_per_execution": json_number(point.seconds[cause])}
            for cause, share in point.shares.items()
        },
        **({} if point.settling is None else {"settling": _settling(point.settling)}),
        "blame": [blame.to_json() for blame in blames],
        "stations": [station.to_json() for station in point.stations],
        **({"faults": [item.to_json() for item in point.incidents]} if point.incidents else {}),
    }


def _settling(found: Settling) -> dict[str, Any]:
    return {
        "status": found.status,
        "method": found.method,
        "cut_s": json_number(found.cut_ns / SECOND_NS),
        "cut_percent": json_number(found.cut_share * 100),
        "executions_left_out": found.cut_count,
        "growth_percent": json_number(None if found.growth is None else found.growth * 100),
        "reason": found.reason,
    }


def points_csv(summary: Summary) -> str:
    """Return `points.csv`: a row a point; value, low, high and n of each measure; the bottleneck."""
    paths = list(dict.fromkeys(path for point in summary.points for path in point.coordinates))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    measures = [(name, _csv_unit(summary, name)) for name in MEASURES]
    heads = [f"{name}{unit}{end}" for name, unit in measures for end in _ENDS]
    share = [f"bottleneck_share_percent{end}" for end in _ENDS]
    ends = ["failed", "unfinished", "bottleneck", *share, "bottleneck_station"]
    writer.writerow(["point", *paths, "n", *heads, *ends])
    for point in summary.points:
        neck = point.bottleneck
        writer.writerow(
            [
                point.index,
                *(coordinate(point.coordinates[path]) if path in point.coordinates else "" for path in paths),
                point.n,
                *(cell for name in MEASURES for cell in _cells(point.estimates[name])),
                point.failed,
                point.unfinished,
                "" if neck is None else neck.cause,
                *([""] * len(_ENDS) if neck is None else _cells(neck.share)),
                "" if neck is None or neck.station is None else neck.station.name,
            ]
        )
    return stream.getvalue()


_ENDS = ("", "_low", "_high", "_n")
_CSV_UNITS = {"s": "_s", "1/s": "", "1/min": "", "ratio": "_percent", "count": ""}


def _csv_unit(summary: Summary, name: str) -> str:
    units = {point.estimates[name].unit for point in summary.points}
    return _CSV_UNITS[units.pop()] if units else ""


def _cells(found: Estimate) -> list[str]:
    value = found.to_json()
    return [*(_text(value[name]) for name in ("value", "low", "high")), str(found.n)]


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)
