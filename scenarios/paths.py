"""Parameter paths, as `--set`, `sweep` and `where` write them, and how they lead into a scenario's data.

Short forms: ``load.burst`` is ``workload.load.burst``, ``workflow.steps`` is the workflow's parameter
``steps``, ``variables.x`` is ``workload.variables.x``. Everything else is the way through the file, list
indices included.
"""

import copy
import json
import re
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import Path, ScenarioError, quoted
from scenarios.units import UnitError, parse_duration

_SHORT: Final = {
    "load": ("workload", "load"),
    "workflow": ("workload", "parameters"),
    "variables": ("workload", "variables"),
}
_NAMED: Final = {  # below these, the rest of the path is one name, dots and all
    ("cluster", "parameters"),
    ("cluster", "pools"),
    ("cluster", "overridden_by"),
    ("sweep",),
}
_TEXT_FORMS: Final[dict[Path, str]] = {("cluster",): "profile", ("engine", "client"): "preset"}
_PATH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_/-]*(\.[A-Za-z0-9_][A-Za-z0-9_/-]*)*")
PATH_EXPECTED: Final = "a path such as load.burst, workflow.steps, engine.client.qps or cluster.nodes"


def is_path(text: str) -> bool:
    """Tell whether `text` has the form of a path."""
    return bool(_PATH.fullmatch(text)) and len(text) <= 200


def keys_of(text: str) -> Path:
    """Return the keys to which a path leads."""
    first, *rest = text.split(".")
    pieces = (*_SHORT.get(first, (first,)), *rest)
    for prefix in _NAMED:
        if pieces[: len(prefix)] == prefix and len(pieces) > len(prefix):
            return (*prefix, ".".join(pieces[len(prefix) :]))
    return tuple(
        int(piece) if piece.isdecimal() and position else piece for position, piece in enumerate(pieces)
    )


def short_form(text: str) -> str:
    """Return the canonical spelling of a path: its short form, where it has one."""
    for short, long in _SHORT.items():
        prefix = ".".join(long) + "."
        if text.startswith(prefix):
            return f"{short}.{text.removeprefix(prefix)}"
    return text


def assign(document: Document, text: str, value: Any, origin: Document) -> None:
    """Put `value` at a path of `document`, making mappings on the way; its place is that of `origin`."""
    keys = _counted(document.data, keys_of(text), value)
    at: Any = document.data
    for position, key in enumerate(keys):
        here = keys[:position]
        if position == len(keys) - 1:
            _set(at, key, value, origin)
        else:
            at = _descend(at, key, (*here, key), origin)
    for path in [path for path in document.marks if path[: len(keys)] == keys]:
        del document.marks[path]
    document.marks[keys] = (origin.mark((), key=True), origin.mark(()))


def _counted(data: Any, keys: Path, value: Any) -> Path:
    """Return where a number of nodes goes: where pools are listed, it is the number of the first."""
    if keys != ("cluster", "nodes") or not isinstance(value, int) or not isinstance(data, dict):
        return keys
    cluster = data.get("cluster")
    pools = cluster.get("nodes") if isinstance(cluster, dict) else None
    return (*keys, 0, "count") if isinstance(pools, list) and pools else keys


def _set(at: Any, key: str | int, value: Any, origin: Document) -> None:
    if isinstance(at, list):
        if not isinstance(key, int) or key >= len(at):
            raise origin.error((), f"no entry {key} in a list of {len(at)}", "an index from 0")
        at[key] = copy.deepcopy(value)
        return
    at[str(key)] = copy.deepcopy(value)


def _descend(at: Any, key: str | int, path: Path, origin: Document) -> Any:
    if isinstance(at, list):
        if not isinstance(key, int) or key >= len(at):
            raise origin.error((), f"no entry {key} in a list of {len(at)}", "an index from 0")
        return at[key]
    below = at.get(str(key))
    if below is None:
        below = at[str(key)] = {}
    elif path in _TEXT_FORMS and isinstance(below, str):
        below = at[str(key)] = {_TEXT_FORMS[path]: below}
    if not isinstance(below, dict | list):
        raise origin.error(
            (), f"{quoted(below)} has nothing below it", f"a path that ends at {'.'.join(map(str, path))}"
        )
    return below


def look_up(data: Any, text: str) -> tuple[bool, Any]:
    """Return whether a path exists in resolved data, and its value."""
    for key in keys_of(text):
        if isinstance(data, list | tuple) and isinstance(key, int) and key < len(data):
            data = data[key]
        elif isinstance(data, dict) and str(key) in data:
            data = data[str(key)]
        else:
            return False, None
    return True, data


def canonical(value: Any) -> tuple[str, Any]:
    """Return what a value of a path means, to compare: `30s` is `30000ms` and 1 is 1.0, but 1 is not true."""
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int | float):
        return "number", value
    if isinstance(value, str):
        try:
            return "duration", parse_duration(value)
        except UnitError:
            return "text", value
    return "json", json.dumps(value, sort_keys=True)


def same_value(first: Any, second: Any) -> bool:
    """Tell whether two values of a path mean the same."""
    return canonical(first) == canonical(second)


def override(document: Document, text: str) -> None:
    """Apply one ``PATH=VALUE`` of the command line; the value is read as YAML."""
    from scenarios.document import read_text

    path, separator, written = text.partition("=")
    source = f"--set {text}"
    origin = Document(source)
    if not separator or not is_path(path):
        raise origin.error((), "not PATH=VALUE", PATH_EXPECTED + ", '=', and a value")
    try:
        value = read_text(written, source).data if written.strip() else ""
    except ScenarioError as error:
        raise origin.error((), error.problems[0].message) from None
    if not isinstance(document.data, dict):
        return
    swept = document.data.get("sweep")
    short = short_form(path)
    if isinstance(swept, dict):
        axis = next((axis for axis in swept if short_form(axis) == short), None)
        if axis is not None:
            assign(document, f"sweep.{axis}", value if isinstance(value, list) else [value], origin)
            return
    elif isinstance(swept, list) and any(
        short in map(short_form, row) for row in swept if isinstance(row, dict)
    ):
        raise origin.error((), f"{short} is swept row by row", "a path outside the rows of the sweep")
    assign(document, path, value, origin)
