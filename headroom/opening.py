"""`headroom open`: a run's report in the browser."""

import os
import shutil
import sys
import webbrowser
from pathlib import Path
from typing import Final

from headroom.errors import HarnessError
from headroom.rundir import RunDirectory
from headroom.verbs import console, print_json
from reports import exits

REPORT: Final = "report.html"
_SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")


def open_report(path: Path, *, as_json: bool) -> None:
    """Show the report of a run in the browser; where there is none, say where the page lies."""
    page = (page_of(path)).resolve()
    shown = has_screen() and webbrowser.open(page.as_uri())
    if as_json:
        return print_json({"file": str(page), "url": page.as_uri(), "opened": shown})
    words = "opened" if shown else "no browser was found here; the page is one file, to be opened anywhere:"
    console().print(f"{words} {page}", markup=False)
    return None


def page_of(path: Path) -> Path:
    """Return the page of a run directory, or of the file itself."""
    if path.is_file() and path.suffix == ".html":
        return path
    page = RunDirectory.existing(path).path / REPORT
    if not page.is_file():
        raise HarnessError(f"{path} has no {REPORT} yet", exits.NO_DATA, f"headroom report {path}")
    return page


def has_screen() -> bool:
    """Tell whether a browser would have anywhere to show itself; a text browser would take the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in _SCREENS) or shutil.which("wslview") is not None
