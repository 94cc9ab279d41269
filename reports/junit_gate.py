"""JUnit cases of a gate: one a rule and point, and one for whatever the baseline holds and nobody judges."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from reports.gate_view import GateView, RowView
from reports.junit_suite import add_property, cleaned, document_text
from reports.verdicts import Verdict


def gate_junit_text(view: GateView) -> str:
    """Return the file of a gate that stands alone."""
    properties = [
        ("requirement", view.requirement),
        ("baseline", view.baseline),
        ("exit_code", str(view.exit_code)),
    ]
    return document_text(view.scenario, properties, regression_cases(view))


def regression_cases(view: GateView) -> list[ET.Element]:
    """Return the cases: INCONCLUSIVE and waived ones are skipped, NO_DATA is an error."""
    cases = [_case(view.scenario, row) for row in view.rows]
    return [*cases, *_unjudged(view.scenario, view.unjudged)]


def _case(scenario: str, row: RowView) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "classname": cleaned(f"{scenario}.regressions.{row.rule}"),
            "name": cleaned(f"{row.rule} [{row.where}]"),
            "time": "0",
        },
    )
    properties = ET.SubElement(case, "properties")
    for key, value in (
        ("verdict", row.state),
        ("metric", row.metric),
        ("before", row.before),
        ("after", row.after),
        ("change", row.change),
        ("allowed", row.allowed),
        ("n", str(row.n)),
        ("power", row.power),
    ):
        add_property(properties, key, value)
    message = cleaned("; ".join(part for part in (row.text, row.waived and f"waived {row.waived}") if part))
    tag = _tag(row)
    if tag is None:
        ET.SubElement(case, "system-out").text = f"{row.state}: {message}"
    else:
        attributes = {"message": message} | ({} if tag == "skipped" else {"type": row.verdict.value})
        ET.SubElement(case, tag, attributes).text = message
    return case


def _tag(row: RowView) -> str | None:
    if row.waived or row.verdict is Verdict.INCONCLUSIVE:
        return "skipped"
    return {Verdict.FAIL: "failure", Verdict.NO_DATA: "error"}.get(row.verdict)


def _unjudged(scenario: str, texts: Sequence[str]) -> list[ET.Element]:
    cases = []
    for number, text in enumerate(texts, start=1):
        attributes = {
            "classname": cleaned(f"{scenario}.regressions"),
            "name": f"baseline without rule {number}",
            "time": "0",
        }
        case = ET.Element("testcase", attributes)
        ET.SubElement(
            case, "error", {"message": cleaned(text), "type": Verdict.NO_DATA.value}
        ).text = cleaned(text)
        cases.append(case)
    return cases
