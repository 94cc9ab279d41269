"""How the command ends when it cannot do what was asked. The codes are those of `reports.exits`."""


class HarnessError(Exception):
    """A message for a person, the exit code, and what to do about it."""

    def __init__(self, message: str, code: int, hint: str = "") -> None:
        """Keep the three."""
        super().__init__(message)
        self.code = code
        self.hint = hint
