"""What is wrong with a file that a person wrote: where, what was found, what was expected, and a hint.

`ScenarioError` carries every problem found, so that one reading mends them all. Nothing in this package
raises anything else because of what a file or an override says.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]  # a place in a document: keys and list indices


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file. Lines and columns count from 1; line 0 means the source as a whole."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return the place as compilers print it: ``file:line:column``."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong."""

    mark: Mark
    path: str  # dotted, as `--set` and `sweep` take it; empty for the document as a whole
    message: str  # what was found
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return one line: place, path, what was found, what was expected, hint."""
        parts = [self.message]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.hint:
            parts.append(self.hint)
        where = f"{self.mark}: {self.path}: " if self.path else f"{self.mark}: "
        return where + "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as JSON values, for `--json`."""
        return {
            "file": self.mark.source,
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.path,
            "message": self.message,
            "expected": self.expected,
            "hint": self.hint,
        }


class ScenarioError(Exception):
    """A scenario, workflow or cluster file (or an override) that cannot be used. Mend it: exit code 3."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order in which a reader meets them; at least one."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: Path) -> str:
    """Return `path` as people write it: ``targets.1.metric``."""
    return ".".join(str(piece) for piece in path)


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(found, list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""


def quoted(value: object, length_max: int = 60) -> str:
    """Return a value as an error message shows it: short, on one line."""
    text = repr(value)
    return text if len(text) <= length_max else text[: length_max - 3] + "..."


def one_of(words: Iterable[str], count_max: int = 24) -> str:
    """Return ``one of a, b, c`` for a message, cut where the list would fill the screen."""
    listed = list(words)
    more = ", ..." if len(listed) > count_max else ""
    return "one of " + ", ".join(listed[:count_max]) + more
