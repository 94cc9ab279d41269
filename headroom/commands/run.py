"""Verbs that run scenarios, or say what a run would be."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Json, Name, Overrides, Quiet, Replications, Seed, Workers, app, cores


@app.command()
def run(
    scenario: Name,
    overrides: Overrides = None,
    replications: Replications = None,
    workers: Workers = None,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run directory. Default: runs/NAME.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Also write the engine's history of every run.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run even what cannot meet or find its target.")
    ] = False,
    allow_inconclusive: Annotated[
        bool, typer.Option("--allow-inconclusive", help="Let inconclusive targets pass.")
    ] = False,
    github: Annotated[
        bool | None,
        typer.Option("--github/--no-github", help="Annotations and step summary. Default: on GitHub."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a sweep, judge it against its targets, and write the run directory."""
    from headroom import verbs
    from headroom.experiment import Settings
    from headroom.progress import Teller

    loaded = verbs.load(scenario, overrides, replications, seed)
    directory = out or verbs.default_directory(
        loaded, overridden=bool(overrides or replications or seed is not None)
    )
    settings = Settings(directory, workers or cores(), histories=history, force=force)
    code = verbs.run(
        loaded,
        settings,
        Teller(quiet=quiet),
        explore=bool(overrides),
        allow_inconclusive=allow_inconclusive,
        as_json=json,
        github=github,
    )
    raise typer.Exit(code)


@app.command()
def validate(scenario: Name, overrides: Overrides = None, json: Json = False) -> None:
    """Check a scenario, with every problem at its line and column."""
    from headroom import verbs

    verbs.validate(verbs.load(scenario, overrides), as_json=json)


@app.command()
def plan(
    scenario: Name,
    overrides: Overrides = None,
    replications: Replications = None,
    workers: Workers = None,
    seed: Seed = None,
    json: Json = False,
) -> None:
    """Say what `run` would do, without doing it: points, runs, estimated time, what cannot be met."""
    from headroom import verbs

    verbs.plan(verbs.load(scenario, overrides, replications, seed), workers or cores(), as_json=json)
