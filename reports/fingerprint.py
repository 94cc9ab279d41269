"""The fingerprint of an environment: what must be the same, or values may differ though nothing changed.

The code and the configuration are no part of it: they are what a gate is there to judge. Libraries that only
read files, estimate or draw are no part of it either.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from engine.core.records import SCHEMA_VERSION
from reports.difference import Difference, differences

# Run-time dependencies that have no part in what a world records.
_BESIDE: Final = (
    "jinja2",
    "matplotlib",
    "networkx",
    "numpy",
    "pandas",
    "pydantic",
    "rich",
    "ruamel-yaml",
    "scipy",
    "typer",
)
_MINOR: Final = re.compile(r"(\d+\.\d+)\.\S*")


def fingerprint(manifest: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Return the fingerprint of what a run's manifest describes; `seed` is the root of its dice."""
    dependencies = manifest.get("dependencies")
    found = {
        "world": str(manifest.get("world", "unknown")),
        "seed": str(seed),
        "records": f"schema {SCHEMA_VERSION}",
        "python": _MINOR.sub(r"\1", str(manifest.get("python", "unknown"))),
        "platform": str(manifest.get("platform", "unknown")),
    }
    rows = dependencies.items() if isinstance(dependencies, Mapping) else ()
    return found | {str(name): str(version) for name, version in sorted(rows) if _normal(name) not in _BESIDE}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """Return what differs between two fingerprints."""
    return differences(before, after)
