"""Verbs that look at what was run."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Directory, Json, app


@app.command()
def report(
    directories: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="A directory that `headroom run` wrote; several: side by side."
        ),
    ],
    allow_inconclusive: Annotated[
        bool, typer.Option("--allow-inconclusive", help="Let inconclusive targets pass.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The page of several runs. Default: side-by-side.html."),
    ] = None,
    json: Json = False,
) -> None:
    """Judge a run directory again and write its documents anew; lay several side by side."""
    from headroom import besides, verbs

    if len(directories) > 1:
        besides.report_beside(directories, out, as_json=json)
        raise typer.Exit
    raise typer.Exit(verbs.report(directories[0], allow_inconclusive=allow_inconclusive, as_json=json))


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


@app.command()
def explain(
    directory: Directory,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The id of a target of its scenario.")],
    point: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Number of the point. Default: the worst one.")
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="How many executions to show.")] = 3,
    json: Json = False,
) -> None:
    """Say why a target stands as it does: the worst replication, and its slowest executions step by step."""
    from headroom import explaining

    explaining.explain(directory, target, point, top, as_json=json)


@app.command()
def history(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="Its name. Default: which there are.")
    ] = None,
    metric: Annotated[
        str, typer.Option(metavar="NAME", help="A measure, as points.csv names them.")
    ] = "makespan",
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUE", help="The point; may be repeated. Default: that of the targets."),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Show so many runs, the last ones.")] = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="Also runs with values set on the command line.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what earlier runs of a scenario found, and where it changed beyond chance."""
    from headroom import history as histories

    histories.history(scenario, metric, at or (), limit, everything=everything, as_json=json)
