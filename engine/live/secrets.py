"""Where a credential is: named in the configuration, read when it is used, and written down nowhere."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.core.errors import ActionError

SECRET_BYTES_MAX: Final = 16_384


class SecretMissing(ActionError):
    """A credential is not where the configuration says."""

    reason = "SecretMissing"
    retryable = False


@dataclass(frozen=True, slots=True)
class SecretHeader:
    """A header whose value is `prefix` and a secret: from the environment variable `env`, or from `file`.

    It is read anew for each request, so a token that is renewed in its file is taken up.
    """

    env: str = ""
    file: str = ""
    name: str = "Authorization"
    prefix: str = "Bearer "

    def __post_init__(self) -> None:
        """Refuse a header that has no source, or two."""
        if bool(self.env) == bool(self.file):
            raise ValueError("SecretHeader: give either 'env' or 'file'")

    def header(self) -> tuple[str, str]:
        """Return name and value; raises `SecretMissing`, which never says what was found."""
        source = f"environment variable {self.env}" if self.env else f"file {self.file}"
        try:
            secret = os.environ[self.env] if self.env else self._from_file()
        except (KeyError, OSError, UnicodeDecodeError) as error:
            raise SecretMissing(f"{source}: no secret can be read there ({type(error).__name__})") from None
        secret = secret.strip()
        if not secret or not secret.isascii() or not secret.isprintable():
            raise SecretMissing(f"{source}: what is there cannot be a header's value")
        return self.name, f"{self.prefix}{secret}"

    def _from_file(self) -> str:
        with Path(self.file).open("rb") as file:
            return file.read(SECRET_BYTES_MAX).decode("ascii")
