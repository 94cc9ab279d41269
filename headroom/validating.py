"""`headroom validate-model`: what others measured, beside what the model makes of it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from headroom.errors import HarnessError
from headroom.rundir import write_text
from headroom.validation.pack import PARTS, run_all
from headroom.validation.row import Row, Settings
from headroom.validation.table import console_table, markdown_table, to_json
from reports import exits
from scenarios.errors import did_you_mean

REFERENCE_DATA = "HEADROOM_REFERENCE_DATA"
_HEADING = "# The validation pack\n\n<!-- Drawn by `make validation`. What it means: ../validation.md -->\n\n"


def validate_model(
    parts: Sequence[str],
    settings: Settings,
    workers: int,
    markdown: Path | None,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run the pack, print its table, and return the exit code: 0 when every row that counts holds."""
    chosen = list(parts) or list(PARTS)
    for part in chosen:
        if part not in PARTS:
            hint = did_you_mean(part, PARTS) or f"There are {', '.join(PARTS)}."
            raise HarnessError(f"no part '{part}' in the validation pack", exits.USAGE, hint)
    told = Console(stderr=True, quiet=quiet)
    rows: list[Row] = []
    with told.status("") as status:

        def begun(part: str, over: int) -> None:
            status.update(f"validating the model: {part} ({over} of {len(chosen)} parts done)")

        for _, found in run_all(chosen, settings, workers, begun):
            rows += found
    failed = [row for row in rows if row.counts and not row.holds]
    code = exits.TARGET_FAILED if failed or not rows else 0
    if markdown is not None:
        write_text(markdown, [_HEADING, markdown_table(rows)])
    if as_json:
        typer.echo(json.dumps({"exit_code": code, "rows": [to_json(row) for row in rows]}, indent=2))
    else:
        console = Console()
        console.print(console_table(rows))
        console.print(_sentence(rows, failed, settings))
        if failed:
            console.print("Those that do not:", console_table(failed))
    return code


def data_folder(given: Path | None) -> Path | None:
    """Return the folder of the reference data: as given, or as the environment says."""
    named = given or (Path(os.environ[REFERENCE_DATA]) if os.environ.get(REFERENCE_DATA) else None)
    if named is not None and not (named / "manifest.csv").is_file():
        raise HarnessError(
            f"{named} holds no reference data: no manifest.csv in it",
            exits.USAGE,
            f"Give its folder with --data or {REFERENCE_DATA}, or neither, to use the shipped figures alone.",
        )
    return named


def _sentence(rows: Sequence[Row], failed: Sequence[Row], settings: Settings) -> str:
    counted = [row for row in rows if row.counts]
    words = f"{len(counted) - len(failed)} of {len(counted)} rows that count hold"
    fits = len(rows) - len(counted)
    words += f"; {fits} fits prove nothing" if fits else ""
    return words + ("." if settings.data else f". More with the reference data ({REFERENCE_DATA}).")
