"""Verbs that find how far a scenario goes, and check what was found."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Json, Name, Overrides, Quiet, Seed, Workers, app, cores


class Wanted(StrEnum):
    """What may be looked for."""

    LARGEST = "largest"
    SMALLEST = "smallest"


Knobs = Annotated[
    list[str],
    typer.Option(metavar="PATH", help="What to turn, such as load.burst or cluster.nodes; two: a frontier."),
]
Ranges = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="[PATH=]A..B", help="Where to look. Default: around what it has."),
]
Prices = Annotated[
    list[str] | None,
    typer.Option(metavar="POOL=PRICE", help="What a node of a pool costs, as node=0.20/h; may be repeated."),
]


@app.command()
def capacity(
    scenario: Name,
    knob: Knobs,
    overrides: Overrides = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Judge by these targets. Default: those of severity error."),
    ] = None,
    within: Ranges = None,
    step: Annotated[str | None, typer.Option(metavar="N", help="The least difference that counts.")] = None,
    direction: Annotated[
        Wanted | None, typer.Option(help="What is looked for, if it is not plain from the knob.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(metavar="N", min=10, max=100_000, help="At most so many of each value.")
    ] = None,
    growth: Annotated[
        str | None, typer.Option(metavar="RATE", help="How the load grows, as 8%/month: when headroom ends.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day from which growth counts. Default: today.")
    ] = None,
    price: Prices = None,
    seed: Seed = None,
    workers: Workers = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write capacity.json. Default: runs/NAME.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the largest load, or the smallest cluster, that meets the targets."""
    from headroom import capacity as answering
    from headroom import registering, verbs
    from headroom.capacity_growth import Growth
    from headroom.capacity_search import Direction
    from headroom.progress import Teller

    loaded = verbs.load(scenario, overrides, None, seed)
    question = answering.Question(
        knobs=tuple(knob),
        targets=tuple(target) if target else None,
        ranges=tuple(within or ()),
        step=step,
        direction=Direction(direction.value) if direction else None,
        replications=replications,
        growth=Growth.parse(growth, since or datetime.now(UTC).date().isoformat()) if growth else None,
        prices=tuple(price or ()),
    )
    place = out or verbs.default_directory(loaded, overridden=bool(overrides or seed is not None))
    teller = Teller(quiet=quiet)
    found = answering.answer(loaded, question, place, workers or cores(), teller)
    registering.enter_capacity(found, loaded, place, answering.code_of(found), teller)
    raise typer.Exit(answering.show(found, place, as_json=json))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A capacity.json that `capacity` wrote.")],
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Root seed. Default: one that the search did not have."),
    ] = None,
    workers: Workers = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Test the answer of a capacity search again, with fresh seeds."""
    from headroom import capacity_verify, verbs
    from headroom.progress import Teller

    result, code = capacity_verify.verify(file, seed, workers or cores(), Teller(quiet=quiet))
    if json:
        verbs.print_json(result)
    else:
        verbs.console().print("\n".join(capacity_verify.lines(result)), markup=False)
    raise typer.Exit(code)
