"""Argo's ``{{references}}`` in our spelling: ``${...}`` while it runs, ``{{ ... }}`` before."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from scenarios.importers.argo.places import Place
from scenarios.importers.imported import Findings, identifier

TOKEN: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_OURS: Final = re.compile(r"\$\{([^{}]*)\}|\{\{ (\w+) \}\}")


@dataclass(frozen=True)
class Scope:
    """What references mean in one place: inputs and globals are values in our spelling already."""

    findings: Findings
    inputs: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)  # workflow.parameters -> our parameter
    loops: tuple[str, ...] = ()  # steps that are loops: what they give is a list
    status: Any = None  # of the workflow, in an exit handler
    name: str = ""  # of the workflow

    def given(self, inputs: Mapping[str, Any]) -> "Scope":
        """Return the scope with other inputs."""
        return replace(self, inputs=inputs)

    def value(self, text: Any, place: Place) -> Any:
        """Return a value with its references in our spelling; whole numbers as numbers."""
        if isinstance(text, list):
            return [self.value(item, place) for item in text]
        if isinstance(text, dict):
            return {str(key): self.value(item, place) for key, item in text.items()}
        return self._text(text, place) if isinstance(text, str) else text

    def _text(self, text: str, place: Place) -> Any:
        if _INTEGER.fullmatch(text):
            return int(text)
        if any(mark in TOKEN.sub("", text) for mark in ("{{", "}}", "${")):
            place.refuse(
                self.findings, f"{text!r} holds what would be taken for a reference", "text without it"
            )
            return ""
        whole = TOKEN.fullmatch(text.strip())
        if whole:
            return self.token(whole.group(1), place)
        return TOKEN.sub(lambda match: _written(self.token(match.group(1), place)), text)

    def token(self, reference: str, place: Place) -> Any:
        """Return what one reference means."""
        parts = reference.split(".")
        if parts[0] == "item":
            return "${" + reference + "}"
        if parts[0] in ("steps", "tasks") and len(parts) >= 4 and parts[2] == "outputs":
            return self._output(parts, reference, place)
        if reference.startswith("inputs.parameters."):
            return self._known(self.inputs, ".".join(parts[2:]), reference, place)
        if reference.startswith("workflow.parameters."):
            name = self._known(self.arguments, ".".join(parts[2:]), reference, place)
            return f"{{{{ {name} }}}}"
        own = {"workflow.name": self.name, "workflow.status": self.status}
        return self._known({key: value for key, value in own.items() if value}, reference, reference, place)

    def _output(self, parts: list[str], reference: str, place: Place) -> Any:
        step = parts[1]
        if step in self.loops:
            message = f"'{{{{{reference}}}}}' collects what all items of a loop gave: cannot be expressed"
            place.refuse(self.findings, message)
            return ""
        if parts[3] == "result" and len(parts) == 4:
            return f"${{steps.{step}.outputs.result}}"
        if parts[3] == "parameters" and len(parts) == 5:
            return f"${{steps.{step}.outputs.{parts[4]}}}"
        return self._refused(reference, place)

    def _known(self, values: Mapping[str, Any], name: str, reference: str, place: Place) -> Any:
        return values[name] if name in values else self._refused(reference, place)

    def _refused(self, reference: str, place: Place) -> Any:
        message = f"'{{{{{reference}}}}}' cannot be expressed here"
        place.refuse(self.findings, message, "inputs, workflow parameters, outputs of steps, item")
        return ""


def cel_of(value: Any) -> str:
    """Return a value in our spelling as a CEL operand."""
    if not isinstance(value, str):
        return json.dumps(value)
    pieces = []
    at = 0
    for match in _OURS.finditer(value):
        if match.start() > at:
            pieces.append(json.dumps(value[at : match.start()]))
        pieces.append(_recorded(match.group(1)) if match.group(1) else f'"{match.group(0)}"')
        at = match.end()
    if at < len(value) or not pieces:
        pieces.append(json.dumps(value[at:]))
    return pieces[0] if len(pieces) == 1 else " + ".join(f"string({piece})" for piece in pieces)


def _recorded(path: str) -> str:
    head, *rest = path.split(".")
    if head == "steps":
        return f'steps["{rest[0]}"]' + "".join(_member(part) for part in rest[1:])
    return f"variables.{head}" + "".join(_member(part) for part in rest)


def _member(name: str) -> str:
    return f".{name}" if name.isidentifier() else f'["{name}"]'


def variable(name: str) -> str:
    """Return the name of ours for an input or a parameter."""
    return identifier(name)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
