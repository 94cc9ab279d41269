"""`junit.xml`: one test case per target x point, and one per self-check."""

import xml.etree.ElementTree as ET

from reports.attachments import answer
from reports.exits import MODEL_ERROR
from reports.formats import coordinates
from reports.gate_view import gate_view
from reports.judge import Judgement
from reports.junit_gate import regression_cases
from reports.junit_suite import add_property, cleaned, document_text
from reports.phrases import behind_text, margin_text
from reports.summary import Summary
from reports.verdicts import Verdict


def junit_text(summary: Summary) -> str:
    """Return the report. INCONCLUSIVE is skipped, NO_DATA an error; warn and info targets never fail."""
    name = summary.questions.name
    cases = [_case(name, item) for item in summary.judgements]
    cases += [
        _check_case(name, check.name, check.words, _complaint(check))
        for check in summary.checks
        if check.runs
    ]
    told = answer(summary.run, "regressions")
    if told is not None:
        cases += regression_cases(gate_view(told))
    properties = [
        ("requirement", summary.questions.requirement),
        ("exit_code", str(summary.exit_code)),
    ]
    return document_text(name, properties, cases)


def _case(scenario: str, item: Judgement) -> ET.Element:
    target = item.target
    name = f"{target.requirement} {target.id} [{coordinates(item.coordinates)}]".strip()
    case = ET.Element(
        "testcase", {"classname": cleaned(f"{scenario}.{target.id}"), "name": cleaned(name), "time": "0"}
    )
    properties = ET.SubElement(case, "properties")
    for key, value in (
        ("requirement", target.requirement),
        ("severity", target.severity),
        ("verdict", item.verdict.value),
        ("metric", target.metric),
        ("limit", item.limit_text),
        ("value", item.value_text),
        ("n", str(item.n)),
    ):
        add_property(properties, key, value)
    message = _message(item)
    tag = _tag(item)
    if tag is not None:
        attributes = {"message": cleaned(message)} | (
            {} if tag == "skipped" else {"type": item.verdict.value}
        )
        ET.SubElement(case, tag, attributes).text = cleaned(message)
    else:
        ET.SubElement(case, "system-out").text = cleaned(f"{item.verdict.value}: {message}")
    return case


def _tag(item: Judgement) -> str | None:
    if item.verdict is Verdict.INCONCLUSIVE:
        return "skipped"
    if item.target.severity != "error" and item.point is not None:
        return None
    return {Verdict.FAIL: "failure", Verdict.NO_DATA: "error"}.get(item.verdict)


def _message(item: Judgement) -> str:
    told = f"{item.target.metric}: {item.value_text}, asked {item.limit_text}, n={item.n}"
    return "; ".join(part for part in [told, behind_text(item), margin_text(item), item.reason] if part)


def _complaint(check: object) -> str:
    passed, violations = getattr(check, "passed", False), getattr(check, "violations", 0)
    return "" if passed else f"{violations} violations, first in {getattr(check, 'example', '')}"


def _check_case(scenario: str, name: str, words: str, complaint: str) -> ET.Element:
    case = ET.Element(
        "testcase", {"classname": cleaned(f"{scenario}.self-check"), "name": cleaned(name), "time": "0"}
    )
    if complaint:
        ET.SubElement(case, "error", {"message": cleaned(complaint), "type": str(MODEL_ERROR)}).text = words
    else:
        ET.SubElement(case, "system-out").text = words
    return case
