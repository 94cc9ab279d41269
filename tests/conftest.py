"""What every test may use: the reference data, and a count of the oracle tests that had none."""

import os
from pathlib import Path

import pytest

VARIABLE = "HEADROOM_REFERENCE_DATA"
skipped: list[str] = []


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of reference data. Unset: the test is skipped and counted; set, but no folder: a failure."""
    value = os.environ.get(VARIABLE)
    if not value:
        pytest.skip(f"{VARIABLE} is not set")
    folder = Path(value)
    assert folder.is_dir(), f"{VARIABLE} names {folder}, which is no folder"
    return folder


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and VARIABLE in str(report.longrepr):
        skipped.append(report.nodeid)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if skipped:
        terminalreporter.write_line(f"oracle tests skipped for want of reference data: {len(skipped)}")
