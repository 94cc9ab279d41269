"""`junit.xml`: one test case per target x point, and one per self-check."""

import re
import xml.etree.ElementTree as ET

from reports.exits import MODEL_ERROR
from reports.formats import coordinates
from reports.judge import Judgement
from reports.phrases import behind_text, margin_text
from reports.summary import Summary
from reports.verdicts import Verdict

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(summary: Summary) -> str:
    """Return the report. INCONCLUSIVE is skipped, NO_DATA an error; warn and info targets never fail."""
    name = summary.questions.name
    cases = [_case(name, item) for item in summary.judgements]
    cases += [
        _check_case(name, check.name, check.words, _complaint(check))
        for check in summary.checks
        if check.runs
    ]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    written = {key: str(count) for key, count in counts.items()}
    root = ET.Element("testsuites", {"name": "headroom", **written})
    suite = ET.SubElement(root, "testsuite", {"name": _clean(name), **written, "time": "0"})
    properties = ET.SubElement(suite, "properties")
    _property(properties, "requirement", summary.questions.requirement)
    _property(properties, "exit_code", str(summary.exit_code))
    suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


def _property(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, "property", {"name": name, "value": _clean(value)})


def _case(scenario: str, item: Judgement) -> ET.Element:
    target = item.target
    name = f"{target.requirement} {target.id} [{coordinates(item.coordinates)}]".strip()
    case = ET.Element(
        "testcase", {"classname": _clean(f"{scenario}.{target.id}"), "name": _clean(name), "time": "0"}
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
        _property(properties, key, value)
    message = _message(item)
    tag = _tag(item)
    if tag is not None:
        attributes = {"message": _clean(message)} | ({} if tag == "skipped" else {"type": item.verdict.value})
        ET.SubElement(case, tag, attributes).text = _clean(message)
    else:
        ET.SubElement(case, "system-out").text = _clean(f"{item.verdict.value}: {message}")
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
        "testcase", {"classname": _clean(f"{scenario}.self-check"), "name": _clean(name), "time": "0"}
    )
    if complaint:
        ET.SubElement(case, "error", {"message": _clean(complaint), "type": str(MODEL_ERROR)}).text = words
    else:
        ET.SubElement(case, "system-out").text = words
    return case
