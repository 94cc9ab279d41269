"""A sweep as the requirement has it, written and summarised once for all tests of reports."""

from pathlib import Path

import pytest

from reports.read import read_run
from reports.summary import Summary, summarise
from tests.reports.synthetic import standard_run


@pytest.fixture(scope="session")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """20 points, 80 replications at the requirement's point and 10 elsewhere."""
    directory, scenario = standard_run(Path(tmp_path_factory.mktemp("standard")))
    return summarise(read_run(directory), scenario)
