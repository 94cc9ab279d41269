"""A browser for the tests of pages, and the pages that they open."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.beside import Side, beside
from reports.beside_html import beside_html
from reports.html import html_text
from reports.read import read_run
from reports.summary import summarise
from tests.browser.devtools import Browser, find_chromium
from tests.reports.attached import write_answers, write_exhibits
from tests.reports.hostile import HOSTILE, hostile_run
from tests.reports.synthetic import grid, standard_run


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
    write_exhibits(directory, grid().index({"load.burst": 5, "workflow.steps": 1}))
    write_answers(directory, ["capacity", "regressions"])
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


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two runs side by side, whose names are hostile."""
    directory = tmp_path_factory.mktemp("pair")
    summary = hostile_run(directory)
    file = directory / "pair.html"
    sides = [Side(name, summary, {"load.burst": name}) for name in HOSTILE[:2]]
    file.write_text(beside_html(beside(sides)), encoding="utf-8")
    return file
