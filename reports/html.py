"""`report.html`: one self-contained page. What comes from a scenario is escaped; nothing is loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.formats import visible
from reports.page import SECTIONS, View, head_values
from reports.summary import Summary

_TEMPLATES = Path(__file__).parent / "templates"


def html_text(summary: Summary) -> str:
    """Return the page of one run."""
    view = View(summary)
    sections = [
        {
            "id": section.id,
            "title": section.title,
            "short": section.short,
            "it": {"absent": "", **section.values(view)},
        }
        for section in SECTIONS
    ]
    return rendered("report.html.j2", {**head_values(view), "sections": sections})


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """Return a page with the style sheet and the script of all pages."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    own = {name: _own(f"report.{name}") for name in ("css", "js")}
    return environment.get_template(template).render({**values, **own})


def _shown(value: Any) -> Any:
    """Make visible what a page would obey and not show; what is markup already is ours."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(visible(line) for line in value.replace("\t", " ").split("\n"))
    return value


def _own(name: str) -> Markup:
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file
