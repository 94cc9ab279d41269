"""The verb that begins."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Json, app


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to begin. Default: the current directory.")
    ] = Path(),
    ci: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also write the file of a pipeline: github.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="With --ci: the scenario to run, below DIR. Default: the new one."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a first scenario that runs as it is; with --ci github, also a workflow that judges it."""
    from headroom import initialise

    initialise.init(folder, ci, scenario, as_json=json)
