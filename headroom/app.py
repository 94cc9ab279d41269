"""The application that every verb is added to, and the options that several of them share."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# The order of the help: what a user comes to first. A verb that is not named comes last.
ORDER = (
    *("run", "capacity", "whatif", "compare", "gate", "baseline", "verify"),
    *("init", "validate", "plan", "schema", "import", "actions"),
    *("report", "open", "explain", "trace", "replay", "history"),
    *("serve", "parameters", "cluster", "validate-model", "doctor"),
)


class Ordered(TyperGroup):
    """The verbs in the order of use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the verbs."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    name="headroom",
    cls=Ordered,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How much load does your workflow engine take before it misses its targets, what gives way first?",
)

Name = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of a shipped scenario.")
]
Directory = Annotated[Path, typer.Argument(metavar="RUN", help="A directory that `headroom run` wrote.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a value of the scenario; may be repeated."),
]
Replications = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=100_000, help="Exactly so many replications at every point."),
]
Seed = Annotated[int | None, typer.Option(metavar="N", min=0, help="Root seed of all randomness.")]
Workers = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=1024, help="Processes. Default: one for each core.")
]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
