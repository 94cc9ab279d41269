"""`make docs`: the pages of `docs/reference`, drawn from the code so that they cannot differ from it."""

import ast
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main

import scenarios
from engine.actions import CATALOGUE
from engine.actions.conditions import CONDITIONS
from engine.core import states
from engine.core.action import ActionSpec
from headroom.catalogue import described
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
    "engine": "CEL conditions behind the engine's port; the catalogue with what distributions add.",
    "engine.actions": "Remediations: effects in, effects out.",
    "engine.core": "Standard library only: no clock, no randomness, no I/O.",
}


def commands() -> str:
    """Return the page of the verbs, their options and the exit codes."""
    group: Any = typer.main.get_command(_app())
    lines = ["# Commands\n"]
    for name, command in sorted(group.commands.items()):
        arguments = [it.metavar for it in command.params if it.param_type_name == "argument"]
        options = [it for it in command.params if it.param_type_name == "option"]
        lines += [f"\n## `{' '.join(['headroom', name, *arguments])}`\n", f"\n{command.help.strip()}\n"]
        lines += ["\n| option | |\n|---|---|\n", *(f"| {_names(it)} | {it.help} |\n" for it in options)]
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


def states_page() -> str:
    """Return the page of the engine's state machines: rules, theory, and a diagram of every table."""
    rules, _, theory = inspect.cleandoc(states.__doc__ or "").partition("Theory of operation")
    lines = [
        "# States of executions, steps and attempts\n\n",
        rules.partition("=====\n")[2].strip(),
        "\n\n## Theory of operation\n\n",
        theory.lstrip("=\n").strip(),
        "\n",
    ]
    for title, table in (("Execution", states.EXECUTION), ("Step", states.STEP), ("Attempt", states.ATTEMPT)):
        first = next(iter(table))
        lines += [f"\n## {title}\n\n```mermaid\nstateDiagram-v2\n    [*] --> {_node(first)}\n"]
        for state, ways in table.items():
            lines += [f"    {_node(state)} --> {_node(after)}: {given}\n" for given, after in ways.items()]
            lines += [] if ways else [f"    {_node(state)} --> [*]\n"]
        lines.append("```\n")
    return "".join(lines)


def actions_page() -> str:
    """Return the page of the catalogue of actions."""
    lines = [
        "# Actions\n\nWhat a step of kind *action* may run, and below it what conditions and waits may\n",
        "`fetch`. *Calls* is the fewest API calls that it makes when it has something to do;\n",
        "`headroom plan` proves from it what no engine could meet. What installed distributions add\n",
        "is told by `headroom actions`; how to write one, in\n",
        "[the guide](../guides/write-an-action.md).\n",
    ]
    for name, spec in sorted(CATALOGUE.items()):
        lines += _action(name, spec)
    lines.append("\n# Sources of conditions\n")
    for name, spec in sorted(CONDITIONS.items()):
        lines += _action(name, spec)
    return "".join(lines)


def _action(name: str, spec: ActionSpec) -> Iterator[str]:
    """Yield the section of one action."""
    it = described(spec)
    text = inspect.cleandoc(it["description"]).replace("``", "`")
    yield f"\n## `{name}`\n\n{spec.summary}\n\n{text}\n"
    if spec.parameters:
        yield "\n| parameter | type | default | |\n|---|---|---|---|\n"
    for parameter, one in spec.parameters.items():
        default = "required" if one.required else f"`{json.dumps(one.default)}`"
        yield f"| `{parameter}` | {one.type} | {default} | {one.summary} |\n"
    rules = [
        f"{', '.join(rule.resources)}: {', '.join(rule.verbs)}"
        + (" (in all namespaces)" if rule.cluster_scoped else "")
        for rule in spec.rbac
    ]
    facts = {
        "Acts on": it["target"],
        "Before": spec.precondition,
        "Afterwards": spec.post_condition,
        "Rollback": it["rollback"] or (f"none: {spec.irreversible}" if spec.irreversible else ""),
        "Calls": f"at least {spec.calls_min}",
        "RBAC": "; ".join(rules),
    }
    yield "\n"
    yield from (f"- {fact}: {text}\n" for fact, text in facts.items() if text)


def library_page() -> str:
    """Return the page of the shipped scenarios: what each decides, and how large it is."""
    lines = ["# Shipped scenarios\n\nEach is run by its name: `headroom run smoke`.\n"]
    for name in scenarios.shipped():
        scenario = scenarios.load(name)
        least = scenario.experiment.replications.min
        lines += [f"\n## `{name}`\n\n{scenario.description}\n\n"]
        lines += [f"Decides {scenario.requirement}. " if scenario.requirement else ""]
        lines += [f"{len(scenario.points())} points, at least {least} replications each.\n"]
        if scenario.targets:
            lines.append("\n| target | requirement | metric | limit | severity |\n|---|---|---|---|---|\n")
        lines += [
            f"| {it.id} | {it.requirement} | {it.metric} | {_limit(it)} | {it.severity} |\n"
            for it in scenario.targets
        ]
    return "".join(lines)


def _limit(target: scenarios.Target) -> str:
    limits = [f"≥ {target.min}"] if target.min is not None else []
    limits += [f"≤ {target.max}"] if target.max is not None else []
    share = f"{target.attainment:.0%} of them " if target.attainment is not None else ""
    return share + (f"{target.stat} " if target.stat else "") + " and ".join(limits)


def _node(state: str) -> str:
    return state.replace("-", "_")


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


def _names(option: Any) -> str:
    words = [name if option.is_flag else f"{name} {option.metavar}" for name in option.opts]
    return ", ".join(f"`{word}`" for word in words)


PAGES: Mapping[str, Callable[[], str]] = {
    "actions.md": actions_page,
    "commands.md": commands,
    "library.md": library_page,
    "modules.md": modules,
    "parameters.md": scenarios.parameters_markdown,
    "scenario.md": scenarios.reference_markdown,
    "states.md": states_page,
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
