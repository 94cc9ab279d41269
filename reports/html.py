"""`report.html`: one self-contained page. What comes from a scenario is escaped; nothing is loaded."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import figures
from reports.formats import coordinates, percent
from reports.html_figures import figure_values
from reports.html_tables import table_values
from reports.method import method_paragraphs
from reports.phrases import counted, headline, scope
from reports.summary import Summary

_TEMPLATES = Path(__file__).parent / "templates"
_OPEN_CODES = (12,)


def html_text(summary: Summary) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    focus = figures.focus_of(summary)
    values: dict[str, Any] = {
        **_head(summary),
        "focus_name": "no point" if focus is None else coordinates(focus.coordinates),
        "focus_n": 0 if focus is None else focus.n,
        **figure_values(summary, focus),
        **table_values(summary, focus),
        "css": Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        "js": Markup((_TEMPLATES / "report.js").read_text(encoding="utf-8")),  # noqa: S704 - our own file
    }
    values["sections"] = _sections(values)
    return environment.get_template("report.html.j2").render(values)


def _head(summary: Summary) -> dict[str, Any]:
    questions = summary.questions
    code = summary.exit_code
    return {
        "name": questions.name,
        "requirement": questions.requirement,
        "description": questions.description,
        "headline": headline(summary),
        "tone": "is-pass" if code == 0 else "is-open" if code in _OPEN_CODES else "is-fail",
        "scope": scope(summary),
        "counted": counted(summary),
        "exit_code": code,
        "causes": summary.causes,
        "confidence": percent(questions.confidence),
        "method": method_paragraphs(summary),
        "checks": summary.checks,
    }


def _sections(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the sections that this report has, for the list at the top."""
    optional = [
        ("comparisons", "Comparisons", values["comparisons"]),
        ("faults", "Faults", values["faults"]),
        ("throughput", "Throughput", values["throughput"]),
        ("latency", "Latency", values["throughput"]),
        *((item.name, "Map", item) for item in values["maps"]),
        ("distribution", "Distribution", values["distribution"]),
        ("causes", "Where the time goes", values["causes_figure"]),
        ("gantt", "One execution", values["gantt"]),
    ]
    kept = [(name, title) for name, title, present in optional if present]
    return [
        ("targets", "Targets"),
        *kept,
        ("points", "All points"),
        ("method", "Method"),
        ("provenance", "Provenance"),
    ]
