"""Verbs about the model, its numbers and this installation."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Json, Name, Overrides, Quiet, Workers, app, cores


@app.command()
def doctor(json: Json = False) -> None:
    """Check this installation: versions, cores, writing, and that equal runs give equal bytes."""
    from headroom import verbs

    raise typer.Exit(verbs.doctor(as_json=json))


@app.command()
def parameters(
    scenario: Annotated[
        str | None,
        typer.Argument(metavar="SCENARIO", help="What holds in it. Default: the defaults."),
    ] = None,
    overrides: Overrides = None,
    prefix: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Only those whose name begins so, as `kubelet.`; may be repeated."),
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only those that somebody set, and who it was.")
    ] = False,
    kubernetes: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Without a scenario: the defaults of this version.")
    ] = None,
    json: Json = False,
) -> None:
    """List every number of the model: value, source, Kubernetes version, and who set it."""
    from headroom import verbs

    verbs.parameters(scenario, overrides, prefix or (), kubernetes, changed=changed, as_json=json)


@app.command()
def cluster(
    scenario: Name,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to write it: YAML if FILE says so, else JSON. Default: stdout."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the cluster of a scenario, settled, as a Kubernetes List; `cluster: FILE` reads it again."""
    from headroom import verbs

    verbs.cluster(verbs.load(scenario, overrides), out, as_json=json)


@app.command(name="validate-model")
def validate_model(
    parts: Annotated[
        list[str] | None, typer.Argument(metavar="PART", help="Only these parts of the pack. Default: all.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the reference data, for the rows it has.")
    ] = None,
    replications: Annotated[
        int, typer.Option(metavar="N", min=2, max=10_000, help="Replications of what is random.")
    ] = 10,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Until intervals are narrow, however long it takes.")
    ] = False,
    workers: Workers = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Root seed of all randomness.")] = 20260101,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the table, with sources, as Markdown.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare the model with what others measured or proved: reference, model, interval, ratio, verdict."""
    from headroom import validating
    from headroom.validation.row import Settings

    settings = Settings(validating.data_folder(data), thorough, replications, seed)
    code = validating.validate_model(
        parts or (), settings, workers or cores(), markdown, as_json=json, quiet=quiet
    )
    raise typer.Exit(code)
