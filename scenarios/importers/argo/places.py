"""Places in a manifest of several documents, so that whatever is refused is refused where it stands."""

from dataclasses import dataclass
from typing import Any

from scenarios.document import Document
from scenarios.errors import Path, dotted
from scenarios.importers.imported import Findings


@dataclass(frozen=True)
class Place:
    """A path in one of the documents."""

    document: Document
    path: Path = ()

    def __truediv__(self, piece: str | int) -> "Place":
        """Return the place one step further in."""
        return Place(self.document, (*self.path, piece))

    def __str__(self) -> str:
        """Return the path as people write it."""
        return dotted(self.path)

    @property
    def data(self) -> Any:
        """What stands there; None where nothing does."""
        value = self.document.data
        for piece in self.path:
            try:
                value = value[piece]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def refuse(
        self, findings: Findings, message: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> None:
        """Refuse what stands here."""
        problem = self.document.problem(self.path, message, expected, hint, key=key)
        if problem not in findings.problems:
            findings.problems.append(problem)
