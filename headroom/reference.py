"""`make docs`: the pages of `docs/reference`, drawn from the code so that they cannot differ from it."""

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main

import scenarios
from headroom.identity import ROOT
from headroom.rundir import write_text
from reports import exits

FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Drawn by `make docs`; edit the code instead. -->\n\n"
LAYERS: Mapping[str, str] = {
    "headroom": "The command line and the harness: binds scenarios to a world, spreads runs, judges.",
    "reports": "Reads run directories only: estimates, verdicts, figures, documents.",
    "simulator": "The modelled world; knows scenarios by their RunSpec.",
    "scenarios": "Files to Scenario to RunSpec.",
    "engine": "CEL conditions behind the engine's port.",
    "engine.actions": "Remediations: effects in, effects out.",
    "engine.core": "Standard library only: no clock, no randomness, no I/O.",
}


def commands() -> str:
    """Return the page of the verbs, their options and the exit codes."""
    group: Any = typer.main.get_command(_app())
    lines = ["# Commands\n"]
    for name, command in sorted(group.commands.items()):
        arguments = " ".join(
            it.make_metavar(_context(command)) for it in command.params if it.param_type_name == "argument"
        )
        lines += [
            f"\n## `headroom {name} {arguments}`\n".replace(" `\n", "`\n"),
            f"\n{command.help.strip()}\n",
            "\n",
        ]
        rows = [f"| {_names(it)} | {it.help} |\n" for it in command.params if it.param_type_name == "option"]
        lines += ["| option | |\n|---|---|\n", *rows]
    lines += [
        "\n## Exit codes\n",
        "\nWhere several causes apply, the first of this list is the code; `summary.json` has them all.\n\n",
        "| code | cause |\n|---|---|\n",
        *(f"| {code} | {exits.NAMES[code]} |\n" for code in exits.PRIORITY),
    ]
    return "".join(lines)


def modules() -> str:
    """Return the page that says what every module is, layer by layer from the top down."""
    lines = [
        "# Modules\n\nA layer imports only from layers below it (`tests/house/test_layers.py`).\n\n",
        "```mermaid\nflowchart TD\n",
        *(f"    {above} --> {below}\n" for above, below in edges()),
        "```\n",
    ]
    for layer, summary in LAYERS.items():
        lines.append(f"\n## `{layer}`\n\n{summary}\n\n| module | |\n|---|---|\n")
        for path in sources(layer):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            first = docstring.strip().split("\n\n")[0].replace("\n", " ")
            lines.append(f"| `{path.relative_to(ROOT).as_posix()}` | {first.replace('|', '&#124;')} |\n")
    return "".join(lines)


def sources(layer: str) -> list[Path]:
    """Return the modules of a layer, without those of a layer inside it."""
    inner = [ROOT.joinpath(*other.split(".")) for other in LAYERS if other.startswith(f"{layer}.")]
    found = sorted(ROOT.joinpath(*layer.split(".")).rglob("*.py"))
    return [path for path in found if not any(folder in path.parents for folder in inner)]


def edges() -> Iterator[tuple[str, str]]:
    """Yield which layer imports which, in the order of the layers."""
    for layer in LAYERS:
        seen = {
            other
            for path in sources(layer)
            for name in imported(ast.parse(path.read_text(encoding="utf-8")))
            if (other := layer_of(name)) is not None and other != layer
        }
        yield from ((layer, other) for other in LAYERS if other in seen)


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names of what a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(name: str) -> str | None:
    """Return the innermost layer that a dotted name belongs to."""
    fitting = [layer for layer in LAYERS if name == layer or name.startswith(f"{layer}.")]
    return max(fitting, key=len, default=None)


def _app() -> Any:
    from headroom.cli import app

    return app


def _context(command: Any) -> Any:
    return command.make_context(command.name, [], resilient_parsing=True)


def _names(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return names if option.is_flag else f"{names} {option.metavar or option.type.name.upper()}"


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "modules.md": modules,
    "parameters.md": scenarios.parameters_markdown,
    "scenario.md": scenarios.reference_markdown,
}


def pages() -> dict[str, str]:
    """Return every generated page by its name."""
    return {name: NOTE + draw() for name, draw in PAGES.items()}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        write_text(FOLDER / name, [text])


if __name__ == "__main__":
    main()
