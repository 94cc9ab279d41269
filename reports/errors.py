"""What can be wrong with a run directory that a report is asked to read."""

from pathlib import Path


class ReportError(Exception):
    """A run directory that cannot be read: which file, which line, what was found and what was expected."""

    def __init__(self, message: str, path: Path | None = None, line: int | None = None) -> None:
        """Put the place in front of the message, as compilers do."""
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + message)
        self.path = path
        self.line = line
