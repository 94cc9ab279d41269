"""What all sections of a page look at: the run, the point in front, the axes of its figures."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reports import figures
from reports.columns import PointRuns
from reports.exhibits import Exhibits, read_exhibits
from reports.figures import Layout
from reports.formats import coordinate, coordinates
from reports.summary import PointSummary, Summary


@dataclass(frozen=True)
class View:
    """A run as the page shows it."""

    summary: Summary

    @cached_property
    def focus(self) -> PointSummary | None:
        """The point in front: where the requirement's first target looks."""
        return figures.focus_of(self.summary)

    @cached_property
    def focus_runs(self) -> PointRuns | None:
        """The replications of the point in front."""
        return None if self.focus is None else self.summary.run.point(self.focus.index)

    @property
    def focus_name(self) -> str:
        """The point in front, in words."""
        return "no point" if self.focus is None else coordinates(self.focus.coordinates)

    @cached_property
    def layout(self) -> Layout:
        """Which swept path lies along which axis."""
        return figures.layout_of(self.summary)

    @property
    def held(self) -> str:
        """Which swept paths the figures hold fixed, as a sentence; empty without any."""
        fixed = ", ".join(f"{path}={coordinate(value)}" for path, value in self.layout.fixed.items())
        return f" Held fixed: {fixed}." if fixed else ""

    @cached_property
    def asked_as(self) -> str:
        """The scenario as a command names it."""
        try:
            words = shlex.split(str(self.summary.run.manifest.get("command", "")))[2:3]
        except ValueError:  # quotes that do not close: a command that nobody typed
            words = []
        return shlex.quote(
            words[0] if words and not words[0].startswith("-") else self.summary.questions.name
        )

    @cached_property
    def exhibits(self) -> Exhibits | None:
        """What was kept of the point in front in detail; None where nothing was, or of another point."""
        found = read_exhibits(self.summary.run.directory)
        return found if found and self.focus and found.point == self.focus.index else None

    def absent(self, words: str, verb: str = "", options: str = "") -> Mapping[str, Any]:
        """Return what a section says that has nothing to show, and the command that would fill it."""
        command = f"headroom {verb} {self.asked_as} {options}".strip() if verb else ""
        return {"absent": words, "command": command}
