"""What an importer gives: a workflow file of ours, and in words what the source would do beyond it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scenarios.document import Document
from scenarios.emit import to_yaml
from scenarios.errors import Path, Problem, ScenarioError
from scenarios.problems import PROBLEMS_MAX

NAME_MAX: Final = 100
COMMENT_WIDTH: Final = 110
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9-]+")
_RESERVED: Final = (  # by CEL
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let",
    "loop", "namespace", "null", "package", "return", "true", "var", "void", "while",
)  # fmt: skip


@dataclass(frozen=True)
class Imported:
    """A workflow that was made from a file of another format."""

    source: str  # the file that it was made from, as a person names it
    what: str  # what that file holds, such as "an Argo Workflow"
    data: Mapping[str, Any]  # the workflow file
    notes: tuple[str, ...]  # what the source would do beyond this, one sentence each

    @property
    def name(self) -> str:
        """The workflow's name."""
        return str(self.data["name"])

    def to_yaml(self) -> str:
        """Return the workflow file, headed by where it comes from and what is not in it."""
        lines = [f"# Imported from {_plain(self.source)}, {self.what}."]
        if self.notes:
            lines.append("# What it would do beyond this file, and what was assumed:")
            lines += [f"# - {_plain(note)}" for note in self.notes]
        return "".join(line + "\n" for line in lines) + to_yaml(dict(self.data))


def _plain(text: str) -> str:
    """Return a text as one line that YAML takes for a comment, whatever a foreign file put into it."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))


@dataclass
class Findings:
    """What an importer finds on its way through a document: notes to keep, and what cannot be expressed."""

    document: Document
    notes: dict[str, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a sentence, once."""
        self.notes[text] = None

    def refuse(
        self, path: Path, message: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> None:
        """Keep a refusal; all of them are raised together by `check`."""
        problem = self.document.problem(path, message, expected, hint, key=key)
        if problem not in self.problems:
            self.problems.append(problem)

    def check(self) -> None:
        """Raise what has been refused, if anything was."""
        if self.problems:
            self.problems.sort(key=lambda problem: (problem.mark.line, problem.mark.column))
            raise ScenarioError(self.problems[:PROBLEMS_MAX])


def name_of(text: str) -> str:
    """Return a text as a name of ours: lower-case letters, digits and dashes."""
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-")[:NAME_MAX].strip("-") or "imported"


def job_name(text: str, length_max: int) -> str:
    """Return a text as what a Job's name may begin with."""
    return name_of(text)[:length_max].strip("-") or "job"


def identifier(text: str) -> str:
    """Return a text as the name of a variable."""
    word = re.sub(r"\W", "_", text)
    if word in _RESERVED:
        word += "_"
    return word if word[:1].isalpha() or word[:1] == "_" else f"_{word}"


def unique(wanted: str, taken: Iterable[str]) -> str:
    """Return `wanted`, numbered if it is taken."""
    names, number, name = set(taken), 2, wanted
    while name in names:
        name, number = f"{wanted}-{number}", number + 1
    return name
