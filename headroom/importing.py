"""`headroom import`: a workflow of another format becomes a workflow file of ours."""

import sys
from collections.abc import Sequence
from pathlib import Path

from headroom.errors import HarnessError
from headroom.rundir import write_text
from headroom.verbs import print_json
from reports import exits
from scenarios.importers import FORMATS, import_file, parse_declarations


def import_workflow(
    file: Path, out: Path | None, kind: str | None, declared: Sequence[str], *, as_json: bool
) -> None:
    """Read `file`, write what it became to `out` (stdout without one), and say what is not in it."""
    if kind is not None and kind not in FORMATS:
        raise HarnessError(
            f"--format {kind}: there is no such format", exits.USAGE, f"one of {', '.join(FORMATS)}"
        )
    imported = import_file(file, kind, parse_declarations(declared))
    text = imported.to_yaml()
    if out is not None:
        write_text(out, [text])
    result = {
        "workflow": imported.name,
        "source": imported.source,
        "what": imported.what,
        "out": None if out is None else str(out),
        "notes": list(imported.notes),
    }
    if as_json:
        print_json(result if out is not None else {**result, "text": text})
    elif out is None:
        sys.stdout.write(text)
    else:
        sys.stdout.write(f"{out}: workflow {imported.name}, from {imported.what}\n")
        sys.stdout.writelines(f"  {note}\n" for note in imported.notes)
