"""Reports: run directories in, estimates, verdicts and documents out.

The names load their modules when first used: numpy, scipy and matplotlib take long to import, and
`headroom --help` needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.console import render_console as render_console
    from reports.documents import summary_json as summary_json
    from reports.errors import ReportError as ReportError
    from reports.exits import ExitCause as ExitCause
    from reports.exits import exit_code as exit_code
    from reports.looks import next_look as next_look
    from reports.looks import planned_looks as planned_looks
    from reports.markdown import markdown_text as markdown_text
    from reports.read import read_run as read_run
    from reports.summary import Summary as Summary
    from reports.summary import summarise as summarise
    from reports.summary import undecided as undecided
    from reports.summary import wanting as wanting
    from reports.verdicts import Verdict as Verdict
    from reports.write import write as write

_HOMES = {
    "ExitCause": "reports.exits",
    "ReportError": "reports.errors",
    "Summary": "reports.summary",
    "Verdict": "reports.verdicts",
    "exit_code": "reports.exits",
    "markdown_text": "reports.markdown",
    "next_look": "reports.looks",
    "planned_looks": "reports.looks",
    "read_run": "reports.read",
    "render_console": "reports.console",
    "summarise": "reports.summary",
    "summary_json": "reports.documents",
    "undecided": "reports.summary",
    "wanting": "reports.summary",
    "write": "reports.write",
}

__all__ = [
    "ExitCause",
    "ReportError",
    "Summary",
    "Verdict",
    "exit_code",
    "markdown_text",
    "next_look",
    "planned_looks",
    "read_run",
    "render_console",
    "summarise",
    "summary_json",
    "undecided",
    "wanting",
    "write",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
