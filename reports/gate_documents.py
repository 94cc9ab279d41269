"""`regressions.json`: what a gate found, for machines and for every other document. Keys are stable."""

import json
from collections.abc import Mapping
from typing import Any, Final

from reports.difference import shortened
from reports.estimates import Estimate
from reports.exits import NAMES
from reports.formats import json_number
from reports.gate import Gate
from reports.phrases_gate import change_text, margin_text, power_text, row_text, value_text
from reports.regressions import Regression

REGRESSIONS_SCHEMA: Final = 1


def gate_json(
    gate: Gate, *, scenario_digest: str, code_digest: str, lines: Mapping[str, int], source: str
) -> dict[str, Any]:
    """Return the gate as JSON values. `lines` of the rules in the file `source`, for annotations."""
    baseline = gate.baseline
    shown, more = shortened(gate.differences)
    return {
        "schema": REGRESSIONS_SCHEMA,
        "scenario": gate.now.scenario,
        "requirement": gate.now.requirement,
        "scenario_digest": scenario_digest,
        "code_digest": code_digest,
        "confidence": gate.now.confidence,
        "exit_code": gate.exit_code,
        "exit_name": NAMES[gate.exit_code],
        "causes": [{"code": it.code, "name": it.name, "message": it.message} for it in gate.causes],
        "baseline": {
            "file": gate.baseline_name,
            "found": baseline is not None,
            "reason": baseline.reason if baseline else "",
            "version": baseline.version if baseline else "",
            "code_digest": baseline.code_digest if baseline else "",
            "scenario_digest": baseline.scenario_digest if baseline else "",
        },
        "identical": {"replications": gate.identical[0], "of": gate.identical[1]},
        "rows": [_row(row, lines) for row in gate.rows],
        "unjudged": list(gate.unjudged),
        "configuration": {"differences": [item.to_json() for item in shown], "more": more},
        "environment": [item.to_json() for item in gate.environment],
        "notes": list(gate.notes),
        "source": source,
    }


def gate_text(told: Mapping[str, Any]) -> str:
    """Return `regressions.json`."""
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _row(row: Regression, lines: Mapping[str, int]) -> dict[str, Any]:
    low, high = row.edges
    return {
        "rule": row.rule.id,
        "metric": row.rule.metric,
        "stat": row.rule.stat,
        "coordinates": dict(row.coordinates),
        "verdict": row.verdict.value,
        "finding": row.finding,
        "waived": row.waived,
        "waiver": None
        if row.waiver is None
        else {"until": row.waiver.until.isoformat(), "reason": row.waiver.reason},
        "before": _estimate(row.before),
        "after": _estimate(row.after),
        "change_percent": _percent(row.change),
        "low_percent": _percent(row.low),
        "high_percent": _percent(row.high),
        "change": change_text(row),
        "n": row.n,
        "probability": json_number(row.probability),
        "equal_pairs": row.equal,
        "allowed": {"low_percent": _percent(low), "high_percent": _percent(high), "text": margin_text(row)},
        "detectable_percent": _percent(row.detectable),
        "detectable_reshuffled_percent": _percent(row.detectable_reshuffled),
        "power": power_text(row),
        "reason": row.reason,
        "text": row_text(row),
        "line": lines.get(row.rule.id, 0),
    }


def _percent(share: float | None) -> float | int | None:
    return json_number(None if share is None else share * 100)


def _estimate(found: Estimate | None) -> dict[str, Any] | None:
    return None if found is None else {**found.to_json(), "text": value_text(found)}
