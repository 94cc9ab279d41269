"""`headroom open`: the page is shown where there is a screen, and named where there is none."""

import json
import os
import stat
from pathlib import Path

import pytest

from headroom import opening
from headroom.errors import HarnessError
from reports import exits
from tests.headroom.command import headroom


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "a run"
    path.mkdir()
    (path / "manifest.json").write_text("{}")
    (path / "report.html").write_text("<!doctype html>")
    return path


def test_without_a_screen_the_page_is_named(run: Path) -> None:
    nowhere = dict.fromkeys(("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"), "")
    done = headroom("open", run, "--json", env=nowhere)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {
        "file": str(run / "report.html"),
        "url": (run / "report.html").as_uri(),
        "opened": False,
    }
    assert "%20" in told["url"]


def test_the_browser_of_the_environment_is_given_the_page(run: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/seen\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    done = headroom("open", run, env={"BROWSER": f"{browser} %s", "PATH": os.environ["PATH"]})
    assert done.stdout.startswith("opened "), done.stdout + done.stderr
    assert (tmp_path / "seen").read_text() == (run / "report.html").as_uri()


def test_what_has_no_page_is_told(run: Path) -> None:
    (run / "report.html").unlink()
    with pytest.raises(HarnessError, match=r"has no report\.html yet") as caught:
        opening.page_of(run)
    assert (caught.value.code, caught.value.hint) == (exits.NO_DATA, f"headroom report {run}")
    with pytest.raises(HarnessError, match="is not a run directory"):
        opening.page_of(run.parent)
