"""What GitHub shows of a run: annotations on the scenario's own lines, and the step summary."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.formats import coordinates, visible
from reports.gate_view import GateView
from reports.judge import Judgement
from reports.verdicts import Verdict

SUMMARY_BYTES_MAX: Final = 1024 * 1024 - 1  # of all summaries of one step; GitHub drops what is larger
ANNOTATIONS_MAX: Final = 10  # of each level in a step; GitHub shows no more
_MESSAGE_MAX: Final = 1000
_CUT: Final = "\n\n</details>\n\n... cut here: the rest is in the run directory\n"
_LEVELS: Final = ("error", "warning", "notice")


@dataclass(frozen=True)
class Annotation:
    """One message; without a file it stands on no line."""

    level: str  # "error" | "warning" | "notice"
    title: str
    message: str
    file: str = ""
    line: int = 0

    @property
    def command(self) -> str:
        """The workflow command that makes it."""
        place = f"file={_property(self.file)},line={max(self.line, 1)}," if self.file else ""
        title, message = _property(_short(self.title, 200)), _data(_short(self.message, _MESSAGE_MAX))
        return f"::{self.level} {place}title={title}::{message}"


def target_annotations(judged: Sequence[tuple[Judgement, str, int]]) -> list[Annotation]:
    """Return what is to be said of targets, each given with the file and the line on which it stands."""
    found = []
    for item, file, line in judged:
        if item.verdict is Verdict.PASS:
            continue
        target = item.target
        error = target.severity == "error" and item.verdict is not Verdict.INCONCLUSIVE
        level = "error" if error else "notice" if target.severity == "info" else "warning"
        title = f"{item.verdict.value.replace('_', ' ')} {target.requirement} {target.id}".replace("  ", " ")
        told = f"{target.metric}: {item.value_text}, asked {item.limit_text}, n={item.n}"
        where = f"at {coordinates(item.coordinates)}"
        message = "; ".join(part for part in (told, where, item.reason) if part)
        found.append(Annotation(level, title, message, file, line))
    return found


def gate_annotations(view: GateView, file: str) -> list[Annotation]:
    """Return what is to be said of a gate's rows, on the lines of their rules."""
    found = []
    for row in view.rows:
        if row.verdict is Verdict.PASS and not row.waived:
            continue
        level = "notice" if row.waived else "warning" if row.verdict is Verdict.INCONCLUSIVE else "error"
        message = f"{row.where}: {row.text}" + (f"; waived {row.waived}" if row.waived else "")
        found.append(
            Annotation(level, f"{row.state} {row.rule}", message, file if row.line else "", row.line)
        )
    found += [Annotation("error", "NO DATA", text, file, 1) for text in view.unjudged]
    return found


def commands(annotations: Sequence[Annotation]) -> list[str]:
    """Return the workflow commands, the gravest first and no more than GitHub shows; the rest is counted."""
    lines = []
    for level in _LEVELS:
        own = [item for item in annotations if item.level == level]
        shown = own if len(own) <= ANNOTATIONS_MAX else own[: ANNOTATIONS_MAX - 1]
        lines += [item.command for item in shown]
        if len(shown) < len(own):
            more = f"{len(own) - len(shown)} more are in the step summary and in the run directory"
            lines.append(Annotation(level, "and more", more).command)
    return lines


def bounded(text: str, taken: int = 0) -> str:
    """Return the summary cut at a line so that it fits after `taken` bytes of others, or nothing."""
    room = SUMMARY_BYTES_MAX - taken
    whole = text.encode("utf-8", errors="replace")
    if len(whole) <= room:
        return whole.decode("utf-8")
    room -= len(_CUT.encode())
    if room <= 0:
        return ""
    return whole[:room].decode("utf-8", errors="ignore").rpartition("\n")[0] + _CUT


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return visible(escaped)


def _property(text: str) -> str:
    return re.sub("[:,]", lambda found: f"%{ord(found.group()):02X}", _data(text))
