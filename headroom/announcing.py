"""What a run or a gate tells GitHub: annotations on stderr, which its runner reads too, and the summary."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios import Scenario

if TYPE_CHECKING:
    from reports.github import Annotation
    from reports.summary import Summary


def wanted(*, given: bool | None) -> bool:
    """Tell whether GitHub is told: as the user says, else if it is GitHub that runs this."""
    return os.environ.get("GITHUB_ACTIONS") == "true" if given is None else given


def file_of(scenario: Scenario) -> str:
    """Return the scenario's file as GitHub names it, below the workspace; empty for a shipped one."""
    path = Path(scenario.source)
    if not path.is_file():
        return ""
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    found = path.resolve()
    return found.relative_to(root).as_posix() if found.is_relative_to(root) else ""


def announce(annotations: Sequence["Annotation"], summary: str) -> None:
    """Print the annotations, and add the summary to the file that GitHub names, as far as it has room."""
    from reports.github import bounded, commands

    for line in commands(annotations):
        sys.stderr.write(line + "\n")
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    path = Path(place)
    taken = path.stat().st_size if path.is_file() else 0
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(bounded(summary, taken))


def announce_run(summary: "Summary", scenario: Scenario) -> None:
    """Tell GitHub of a run: its targets and regressions, each on its own line of the scenario."""
    from reports.attachments import answer
    from reports.gate_view import gate_view
    from reports.github import gate_annotations, target_annotations
    from reports.markdown import markdown_text

    file = file_of(scenario)
    judged = [(item, file, scenario.line_of(item.target.id)) for item in summary.judgements]
    annotations = target_annotations(judged)
    told = answer(summary.run, "regressions")
    if told is not None:
        annotations += gate_annotations(gate_view(told), file)
    announce(annotations, markdown_text(summary))
