"""Verbs that compare: with a reviewed baseline, and anything with anything."""

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Json, Overrides, Quiet, Replications, Seed, Workers, app, cores

SELFTEST = "selftest"


class Deed(StrEnum):
    """What is done to a baseline."""

    ACCEPT = "accept"


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A run directory, a baseline, or a scenario.")],
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="Another. Default: A under other settings.")
    ] = None,
    overrides: Overrides = None,
    only_first: Annotated[
        list[str] | None,
        typer.Option("--first", metavar="PATH=VALUE", help="Set in A alone; may be repeated."),
    ] = None,
    only_second: Annotated[
        list[str] | None,
        typer.Option("--second", metavar="PATH=VALUE", help="Set in B alone; may be repeated."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:STAT]", help="Compare this; may be repeated. Default: the usual ones."),
    ] = None,
    replications: Replications = None,
    workers: Workers = None,
    seed: Seed = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where scenarios are run meanwhile. Default: runs.")
    ] = Path("runs"),
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare two runs, baselines or scenarios on the same seeds: what changed, by how much, how surely."""
    from headroom import gate_verbs
    from headroom.comparing import Asked
    from headroom.progress import Teller

    asked = Asked(
        first,
        second,
        tuple(overrides or ()),
        tuple(only_first or ()),
        tuple(only_second or ()),
        tuple(metric or ()),
        replications,
        seed,
    )
    raise typer.Exit(gate_verbs.compare(asked, out, workers or cores(), Teller(quiet=quiet), as_json=json))


@app.command()
def gate(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[selftest] SCENARIO",
            help="A scenario; `selftest` before it builds regressions in and proves that the gate sees them.",
        ),
    ],
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: the scenario's, or baselines/NAME.json.")
    ] = None,
    overrides: Overrides = None,
    replications: Annotated[
        int, typer.Option(metavar="N", min=2, max=10_000, help="Of the selftest, at each point.")
    ] = 10,
    workers: Workers = None,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the answer is left. Default: runs/NAME.")
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="DAY", help="The day for waivers. Default: today, in UTC.")
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option("--github/--no-github", help="Annotations and step summary. Default: on GitHub."),
    ] = None,
    allow_inconclusive: Annotated[
        bool, typer.Option("--allow-inconclusive", help="Let undecided rules pass.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure a scenario and judge it against a reviewed baseline: regressions are exit code 11."""
    from headroom import gate_verbs, verbs
    from headroom.gating import Asked
    from headroom.progress import Teller

    name, selftest = gate_verbs.asked_for(what)
    scenario = verbs.load(name, overrides, seed=seed)
    place = out or verbs.default_directory(scenario, overridden=bool(overrides or seed is not None))
    asked = Asked(place, workers or cores(), day(on), baseline, allow_inconclusive)
    teller = Teller(quiet=quiet)
    if selftest:
        raise typer.Exit(gate_verbs.selftest(scenario, asked, teller, replications, as_json=json))
    raise typer.Exit(gate_verbs.gate(scenario, asked, teller, github=github, as_json=json))


@app.command()
def baseline(
    deed: Annotated[Deed, typer.Argument(metavar="accept", help="What to do: accept the values of a run.")],
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="A directory that `headroom run` wrote.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why these values are right; it is kept.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Default: where the scenario says, or baselines/NAME.json."),
    ] = None,
    keep: Annotated[
        int, typer.Option(metavar="N", min=2, max=10_000, help="Replications kept of each point, at most.")
    ] = 80,
    json: Json = False,
) -> None:
    """Make the values of a reviewed run the baseline that gates compare with."""
    from headroom import gate_verbs

    del deed  # there is only one
    gate_verbs.accept(directory, reason, out, keep, as_json=json)


def day(text: str | None) -> date:
    """Return the day on which waivers are judged."""
    from headroom.errors import HarnessError
    from reports import exits

    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HarnessError(f"--on {text!r} is no day", exits.USAGE, "write it as 2026-12-31") from error
