"""Reference data for the oracles: where it is configured, a file that is missing is a failure."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference_file(reference_data: Path) -> Callable[[str], Path]:
    """A file of the reference data by its relative path; skipped (and counted) where there is none at all."""

    def find(name: str) -> Path:
        file = reference_data / name
        assert file.is_file(), f"the reference data lacks {name}"
        return file

    return find
