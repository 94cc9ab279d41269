"""`headroom actions`: the catalogue for a person or a program, and what it needs of RBAC."""

import inspect
import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.core.action import ActionSpec
from engine.registry import actions, conditions
from headroom.rbac import find


def described(spec: ActionSpec) -> dict[str, Any]:
    """Return all that is known of an action, as JSON; the parameters as JSON Schema."""
    properties = {
        name: ({} if it.type == "any" else {"type": it.type})
        | ({} if it.required else {"default": it.default})
        | {"description": it.summary}
        for name, it in spec.parameters.items()
    }
    return {
        "name": spec.name,
        "summary": spec.summary,
        "description": inspect.cleandoc(spec.run.__doc__ or ""),
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": [name for name, it in spec.parameters.items() if it.required],
            "additionalProperties": False,
        },
        "calls_min": spec.calls_min,
        "target": target_kinds(spec),
        "precondition": spec.precondition,
        "post_condition": spec.post_condition,
        "rollback": rollback_of(spec),
        "irreversible": spec.irreversible,
        "coalescible": spec.coalescible,
        "rbac": [
            {
                "apiGroups": [rule.group],
                "resources": list(rule.resources),
                "verbs": list(rule.verbs),
                "cluster_scoped": rule.cluster_scoped,
            }
            for rule in spec.rbac
        ],
    }


def target_kinds(spec: ActionSpec) -> str:
    """Return the kinds of what an action acts on, as its parameters name it; empty for none."""
    if spec.target is None:
        return ""
    kinds = []
    for name, parameter in spec.parameters.items():
        if parameter.type == "string" and name not in ("namespace", "kind"):
            found = spec.target({"namespace": "n", "kind": "object", name: "x"})
            kinds += [found.kind] if found is not None else []
    return " or ".join(dict.fromkeys(kinds))


def rollback_of(spec: ActionSpec) -> str:
    """Return the first sentence of what the rollback does; empty if there is none."""
    if spec.rollback is None:
        return ""
    paragraph = inspect.cleandoc(spec.rollback.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def listed() -> list[ActionSpec]:
    """Return all actions, then all sources of conditions, each by name."""
    return [found[name] for found in (actions(), conditions()) for name in sorted(found)]


def show_table(out: Console) -> None:
    """Print the catalogue."""
    table = Table("name", "what it does", "parameters", "acts on", box=None)
    for spec in listed():
        names = ", ".join(f"{name}*" if it.required else name for name, it in spec.parameters.items())
        table.add_row(spec.name, spec.summary, names, target_kinds(spec))
    out.print(table)
    out.print("* required. `headroom actions NAME` tells more.", markup=False)


def show(names: Sequence[str], out: Console) -> None:
    """Print all that is known of some actions."""
    for name in names:
        it = described(find(name))
        out.print(f"{it['name']}: {it['summary']}\n\n{it['description']}\n", markup=False)
        table = Table("parameter", "type", "default", "", box=None)
        for parameter, schema in it["parameters"]["properties"].items():
            default = json.dumps(schema["default"]) if "default" in schema else "required"
            table.add_row(parameter, schema.get("type", "any"), default, schema["description"])
        if it["parameters"]["properties"]:
            out.print(table)
        undone = it["rollback"] or f"not possible: {it['irreversible']}"
        for what, text in (
            ("acts on", it["target"] or "nothing of Kubernetes"),
            ("before", it["precondition"]),
            ("afterwards", it["post_condition"]),
            ("rollback", undone),
            ("API calls", f"at least {it['calls_min']}"),
        ):
            if text:
                out.print(f"{what:11} {text}", markup=False)
        for rule in it["rbac"]:
            scope = " in all namespaces" if rule["cluster_scoped"] else ""
            resources = ", ".join(rule["resources"])
            out.print(f"{'RBAC':11} {resources}: {', '.join(rule['verbs'])}{scope}", markup=False)
