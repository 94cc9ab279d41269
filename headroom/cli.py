"""The command line: verbs, their options, and one place where errors become exit codes."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from headroom.errors import HarnessError

app = typer.Typer(
    name="headroom",
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
    )
    raise typer.Exit(code)


@app.command()
def validate(scenario: Name, overrides: Overrides = None, json: Json = False) -> None:
    """Check a scenario, with every problem at its line and column."""
    from headroom import verbs

    verbs.validate(verbs.load(scenario, overrides), as_json=json)


@app.command()
def schema(json: Json = False) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from headroom import verbs

    del json  # it is JSON in any case
    verbs.schema()


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


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An Argo, kubernaut or WfFormat file.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The workflow file to write. Default: stdout.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="argo, kubernaut or wfformat. Default: what it is."),
    ] = None,
    declare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEMPLATE.KEY=VALUE",
            help="Argo: a container's duration, exit_codes, result or outputs; may be repeated.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make a workflow file of a workflow of another format; what cannot be expressed is refused."""
    from headroom.importing import import_workflow

    import_workflow(file, out, kind, declare or (), as_json=json)


@app.command()
def actions(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Only these, with all that is known of them.")
    ] = None,
    rbac: Annotated[
        bool, typer.Option("--rbac", help="Print what they need of RBAC, as Kubernetes manifests.")
    ] = False,
    workflow: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="With --rbac: what its workflow runs.")
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(metavar="NS", help="With --rbac: where actions act that state no namespace."),
    ] = None,
    account: Annotated[
        str, typer.Option(metavar="NS/NAME", help="With --rbac: the ServiceAccount that is given it.")
    ] = "headroom/headroom-engine",
    json: Json = False,
) -> None:
    """List what a step can run; one by name in full; or the RBAC manifests that it needs."""
    from headroom import verbs

    if rbac or workflow:
        verbs.rbac(names or [], workflow, tuple(namespace or ()), account, as_json=json)
    else:
        verbs.actions(names or [], as_json=json)


def version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from headroom import identity

        typer.echo(f"headroom {identity.version()}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Options before the verb."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """Run the command line and turn errors into exit codes."""
    try:
        app()
    except Exception as error:
        found = user_error(error)
        if found is None:
            raise
        sys.exit(tell(*found))


def user_error(error: Exception) -> tuple[int, dict[str, Any]] | None:
    """Return code and content of an error about what the user gave; None for a bug."""
    if isinstance(error, HarnessError):
        return error.code, {"message": str(error), "hint": error.hint}

    import scenarios
    from engine.registry import RegistryError
    from reports import ReportError, exits

    if isinstance(error, RegistryError):
        return exits.INVALID, {"message": str(error)}
    if isinstance(error, scenarios.ScenarioError):
        problems = [problem.to_json() for problem in error.problems]
        return exits.INVALID, {"message": str(error), "problems": problems}
    if isinstance(error, ReportError):
        return exits.INVALID, {"message": str(error)}
    if isinstance(error, OSError) and error.strerror:  # a place that cannot be written, a full disk
        where = f"{error.filename}: " if error.filename else ""
        return exits.USAGE, {"message": f"{where}{error.strerror}"}
    return None


def tell(code: int, told: dict[str, Any]) -> int:
    """Print an error for a person on stderr, and for a program on stdout if it asked for JSON."""
    if "--json" in sys.argv:
        import json

        typer.echo(json.dumps({"exit_code": code, "error": told}, indent=2, ensure_ascii=False))
    hint = f"\n{told['hint']}" if told.get("hint") else ""
    typer.echo(f"{told['message']}{hint}", err=True)
    return code
