"""The manifest of a run directory: what made it, out of what, and how to make it again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from headroom import identity
from scenarios import CATALOGUE, RunSpec

SCHEMA = 1


def build(spec: RunSpec, *, command: str, world: str, workers: int, source: str = "") -> dict[str, Any]:
    """Return the manifest as it is when the runs begin; `spec` is one of them, `source` their file."""
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "source": source,
        "version": identity.version(),
        "code_digest": identity.code_digest(),
        "dependencies": identity.dependencies(),
        **identity.machine(),
        "world": world,
        "workers": workers,
        "parameters": parameters(spec),
        "wall_seconds": None,
        "complete": False,
    }


def finished(manifest: Mapping[str, Any], wall_seconds: float) -> dict[str, Any]:
    """Return the manifest of runs that are all done."""
    return {**manifest, "wall_seconds": round(wall_seconds, 3), "complete": True}


def parameters(spec: RunSpec) -> list[dict[str, Any]]:
    """Return every number of the cluster model with its provenance."""
    return [
        {
            "name": name,
            "value": spec.cluster.parameters[name],
            "unit": entry.unit,
            "source": entry.source,
            "kubernetes_version": entry.kubernetes_version,
            "overridden_by": spec.cluster.overrides.get(name, ""),
        }
        for name, entry in CATALOGUE.items()
    ]
