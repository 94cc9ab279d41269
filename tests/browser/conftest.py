"""A browser for the tests of pages, and the pages that they open."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.html import html_text
from reports.read import read_run
from reports.summary import summarise
from tests.browser.devtools import Browser, find_chromium
from tests.reports.hostile import hostile_run
from tests.reports.synthetic import standard_run


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium. Without one the tests are skipped, unless HEADROOM_CHROMIUM=required."""
    found = find_chromium()
    if found is None:
        assert os.environ.get("HEADROOM_CHROMIUM") != "required", "no Chromium is installed"
        pytest.skip("no Chromium is installed")
    with Browser(found, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a sweep as the requirement has it."""
    directory, scenario = standard_run(tmp_path_factory.mktemp("standard"))
    file = directory / "report.html"
    file.write_text(html_text(summarise(read_run(directory), scenario)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run whose every name is chosen to break it."""
    directory = tmp_path_factory.mktemp("hostile")
    file = directory / "report.html"
    file.write_text(html_text(hostile_run(directory)), encoding="utf-8")
    return file
