"""Verbs for writing scenarios and workflows."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Json, app


@app.command()
def schema(json: Json = False) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from headroom import verbs

    del json  # it is JSON in any case
    verbs.schema()


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
