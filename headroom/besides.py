"""`headroom report RUN RUN...`: several runs side by side, in the console and as one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import scenarios
from headroom import rundir
from headroom.errors import HarnessError
from headroom.rundir import RunDirectory
from headroom.verbs import console, print_json
from reports import exits

if TYPE_CHECKING:
    from reports.beside import Side

PAGE = Path("side-by-side.html")


def report_beside(paths: Sequence[Path], out: Path | None, *, as_json: bool) -> None:
    """Read the runs, the first of which the others are held against; write the page, print what it says."""
    from reports.beside import RUNS_MAX, beside, beside_json
    from reports.beside_console import render_beside
    from reports.beside_html import beside_html

    if len(paths) > RUNS_MAX:
        hint = f"at most {RUNS_MAX} runs stand side by side; name fewer"
        raise HarnessError(f"{len(paths)} runs", exits.USAGE, hint)
    twice = next((path for at, path in enumerate(paths) if path.resolve() in _resolved(paths[:at])), None)
    if twice is not None:
        raise HarnessError(f"{twice} is named twice", exits.USAGE, "name each run once")
    found = beside([_side(path) for path in paths])
    page = out or PAGE
    rundir.write_text(page, [beside_html(found)])
    if as_json:
        return print_json({**beside_json(found), "page": str(page)})
    shown = console()
    render_beside(found, shown)
    shown.print(f"report: {page}", markup=False)
    return None


def _resolved(paths: Sequence[Path]) -> list[Path]:
    return [path.resolve() for path in paths]


def _side(path: Path) -> "Side":
    import reports
    from reports.beside import Side
    from scenarios.configuration import configuration

    directory = RunDirectory.existing(path)
    scenario = scenarios.load(directory.path / rundir.SCENARIO)
    summary = reports.summarise(reports.read_run(path), scenario)
    return Side(str(path), summary, configuration(scenario))
