"""What the verbs that look print: for a person, or as JSON."""

from collections.abc import Sequence
from pathlib import Path

from headroom import tracing
from headroom.verbs import console, print_json
from reports.formats import coordinates, quantity


def trace(
    path: Path,
    which: tuple[int | None, int | None],
    executions: Sequence[str],
    kind: str,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write a timeline and say where it is and who opens it."""
    made = tracing.trace(path, tracing.telling(path, *which), out, kind, executions)
    if as_json:
        return print_json(made)
    shown = console()
    where = coordinates(made["coordinates"])
    shown.print(f"point {made['point']} ({where}), replication {made['replication']}", markup=False)
    length = quantity(made["makespan_s"], "s")
    shown.print(f"{made['executions']} executions, {made['spans']} spans, {length} of virtual time")
    shown.print(f"{made['file']}: open it in {made['opens_in']}", markup=False)
    return None
