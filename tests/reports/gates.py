"""Gates made up for tests of documents."""

from collections.abc import Sequence
from typing import Any

from reports.gate import Gate, Now, concluded
from reports.gate_documents import gate_json
from reports.gate_view import GateView, gate_view
from reports.regressions import Regression, judge_pairs
from reports.verdicts import Verdict
from scenarios.regression_schema import Rule


def row(
    identity: str = "makespan-mean", where: dict[str, Any] | None = None, factor: float = 1.1
) -> Regression:
    rule = Rule.model_validate({"metric": "makespan"}).model_copy(update={"id": identity})
    blank = Regression(rule, "s", {"load.burst": 5} if where is None else where, Verdict.NO_DATA)
    before = [10.0 + number / 7 for number in range(10)]
    after = [value * factor * (1 + number / 1000) for number, value in enumerate(before)]
    return judge_pairs(blank, before, after, 0.05)


def told(rows: Sequence[Regression], **given: Any) -> dict[str, Any]:
    now = Now("guarded", "REQ-7", 0.95, {}, {}, (), (), tuple(item.rule for item in rows))
    gate = Gate(now, None, "kept/guarded.json", tuple(rows), (), (), (), given.pop("unjudged", ()), (3, 10))
    found = concluded(gate, (), allow_inconclusive=False)
    lines = {item.rule.id: 12 for item in rows}
    return gate_json(found, scenario_digest="d", code_digest="c", lines=lines, source="guarded.yaml")


def view(rows: Sequence[Regression], **given: Any) -> GateView:
    return gate_view(told(rows, **given))
