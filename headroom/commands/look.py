"""Verbs that look at what was run."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Directory, Json, app


@app.command()
def report(
    directory: Directory,
    allow_inconclusive: Annotated[
        bool, typer.Option("--allow-inconclusive", help="Let inconclusive targets pass.")
    ] = False,
    json: Json = False,
) -> None:
    """Judge a run directory again and write its documents anew."""
    from headroom import verbs

    raise typer.Exit(verbs.report(directory, allow_inconclusive=allow_inconclusive, as_json=json))


@app.command()
def replay(
    directory: Directory,
    point: Annotated[int, typer.Option(metavar="N", min=0, help="Number of the point.")],
    replication: Annotated[int, typer.Option(metavar="N", min=0, help="Number of the replication.")] = 0,
    history: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the engine's history to this file.")
    ] = None,
    json: Json = False,
) -> None:
    """Compute one run of a run directory again and compare digests."""
    from headroom import verbs

    raise typer.Exit(verbs.replay(directory, point, replication, history, as_json=json))


@app.command()
def trace(
    directory: Directory,
    point: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Number of the point. Default: that of the targets."),
    ] = None,
    replication: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Number of the replication. Default: the median one."),
    ] = None,
    execution: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this execution; may be repeated.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--format", metavar="NAME", help="chrome (Perfetto opens it) or otlp.")
    ] = "chrome",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it. Default: in the run directory.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the timeline of one run, step by step and call by call, for Perfetto or OpenTelemetry."""
    from headroom import looking

    looking.trace(directory, (point, replication), execution or (), kind, out, as_json=json)


@app.command(name="open")
def open_(directory: Directory, json: Json = False) -> None:
    """Show the report of a run in the browser."""
    from headroom import opening

    opening.open_report(directory, as_json=json)
