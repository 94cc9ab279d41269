"""The verb that asks what would buy more."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Json, Name, Overrides, Quiet, Replications, Seed, Workers, app, cores


@app.command()
def whatif(
    scenario: Name,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=VALUE", help="Where in the sweep to ask. Default: where the target looks."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="ID", help="Ask for the metric of this target.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME[:STAT]", help="Ask for this metric, such as makespan.")
    ] = None,
    knob: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=STEP",
            help="Turn this instead of the catalogue: x2, +50%, -50%, +1, +5s or a value; may be repeated.",
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(metavar="N", min=1, help="Show so many that buy nothing, at most.")
    ] = 10,
    overrides: Overrides = None,
    replications: Replications = None,
    workers: Workers = None,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where whatif.json goes. Default: runs/NAME.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn each knob by a stated step, on the same dice, and rank them by what they buy."""
    from headroom import verbs
    from headroom import whatif as asking
    from headroom.progress import Teller

    if target is not None and metric is not None:
        from headroom.errors import HarnessError
        from reports import exits

        raise HarnessError("--target beside --metric", exits.USAGE, "one of the two")
    loaded = verbs.load(scenario, overrides, None, seed)
    directory = out or verbs.default_directory(loaded, overridden=bool(overrides) or seed is not None)
    wanted = asking.Wanted(asking.values_at(at or ()), target, metric, tuple(knob or ()), replications)
    told = asking.ask(loaded, wanted, directory, workers or cores(), Teller(quiet=quiet))
    if json:
        return verbs.print_json(dict(told.document))
    from headroom.whatif_console import show

    return show(told, verbs.console(), top)
