"""What `headroom serve` does with its options."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import scenarios
from headroom.errors import HarnessError
from reports import exits
from scenarios import RunSpec

if TYPE_CHECKING:
    from headroom.serving.running import Place

_EXTRA: Final = "install it with the extra: pip install 'headroom[serve]'"
_SCENARIO: Final = "smoke"  # any will do whose cluster can be exchanged: only the cluster is served


def spec_of(cluster: str, scenario: str | None, overrides: Sequence[str] | None, seed: int | None) -> RunSpec:
    """Return a RunSpec with the cluster that is to be served."""
    given = [*(overrides or ())]
    if seed is not None:
        given.append(f"experiment.seed={seed}")
    if scenario is None:
        loaded = scenarios.load(_SCENARIO, [f"cluster={cluster}", *given])
    else:
        loaded = scenarios.load(scenario, given)
    return scenarios.compile(loaded, loaded.points()[0], 0)


def place(host: str, port: int, tokens: tuple[str, str], tls: tuple[Path | None, Path | None]) -> "Place":
    """Return where to listen; exit code 2 where the extra is not installed."""
    try:
        from headroom.serving.running import Place
    except ImportError as error:
        raise HarnessError(f"`headroom serve` needs {error.name}", exits.USAGE, _EXTRA) from error
    return Place(host, port, *tokens, *tls)


def serve(spec: RunSpec, where: "Place", speed: float, kubeconfig: Path | None) -> None:
    """Serve until interrupted."""
    from headroom.serving.running import serve as run

    run(spec, where, speed, kubeconfig, lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201
