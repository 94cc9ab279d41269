"""The verb that speaks Kubernetes."""

from pathlib import Path
from typing import Annotated

import typer

from headroom.app import Overrides, Seed, app


@app.command()
def serve(
    cluster: Annotated[
        str,
        typer.Option(metavar="NAME", help="A shipped cluster profile, a cluster file, or a snapshot."),
    ] = "high-load-production",
    scenario: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="Instead of --cluster: the cluster of a scenario.")
    ] = None,
    overrides: Overrides = None,
    seed: Seed = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0: any that is free.")] = 18080,
    kubeconfig: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a kubeconfig for it.")
    ] = None,
    speed: Annotated[
        float, typer.Option(metavar="X", min=0.01, max=10_000, help="Virtual seconds a second.")
    ] = 1.0,
    token: Annotated[
        str, typer.Option(metavar="TEXT", envvar="HEADROOM_SERVE_TOKEN", help="What clients must send.")
    ] = "",
    view_token: Annotated[str, typer.Option(metavar="TEXT", help="A token that only reads.")] = "",
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve TLS: the certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve TLS: its key.")] = None,
) -> None:
    """Serve the modelled cluster over the Kubernetes API, for kubectl and any other client."""
    from headroom import serving_verbs

    serving_verbs.serve(
        serving_verbs.spec_of(cluster, scenario, overrides, seed),
        serving_verbs.place(host, port, (token, view_token), (tls_cert, tls_key)),
        speed,
        kubeconfig,
    )
