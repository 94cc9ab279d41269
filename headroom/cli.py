"""The command line: every verb, and one place where errors become exit codes."""

import sys
from typing import Annotated, Any

import typer

from headroom.app import app
from headroom.commands import capacity, gate, init, look, model, run, serve, whatif, write
from headroom.errors import HarnessError

__all__ = ["app", "main"]
GROUPS = (run, capacity, gate, whatif, init, look, write, model, serve)  # each has added its verbs


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
