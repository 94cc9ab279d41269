"""From the schema's refusals to problems with a place: one message a mistake, in the words of the file."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from scenarios.document import Document
from scenarios.empirical import beside
from scenarios.errors import Path, Problem, ScenarioError, did_you_mean, dotted, one_of, quoted

PROBLEMS_MAX: Final = 50  # of one reading; the rest would only repeat

_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "too_short": "at least {min_length} of them",
    "string_too_short": "text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "literal_error": "{expected}",
    "finite_number": "a finite number",
}


def problems_of(
    error: ValidationError, model: type[BaseModel], document: Document, base: Path = ()
) -> list[Problem]:
    """Return the problems behind a refusal, placed in `document`, below `base`, in the order of the file."""
    grouped: dict[Path, list[Any]] = {}
    for detail in error.errors(include_url=False):
        at = (detail.get("ctx") or {}).get("at", ())
        keep_last = detail["type"] in {"missing", "extra_forbidden"}
        path = _known_path(document.data, (*base, *detail["loc"]), keep_last=keep_last) + tuple(at)
        grouped.setdefault(path, []).append(detail)
    for path in [path for path, rows in grouped.items() if rows[0]["type"] == "too_short"]:
        if any(other[: len(path)] == path != other for other in grouped):
            del grouped[path]  # its entries are refused for what they say, and so are not counted
    schema = model.model_json_schema()
    misspelt = _misspelt(grouped, schema, base)
    found = [
        _problem(path, rows, document, schema, base) for path, rows in grouped.items() if path not in misspelt
    ]
    found.sort(key=lambda problem: (problem.mark.line, problem.mark.column))
    return found[:PROBLEMS_MAX]


Checked = TypeVar("Checked", bound=BaseModel)


def validated(model: type[Checked], document: Document, base: Path = ()) -> Checked:
    """Return what stands at `base` of `document` as a `model`; `ScenarioError` with every problem."""
    data = document.data
    for piece in base:
        data = data[piece]
    try:
        with beside(document.source):
            return model.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(problems_of(error, model, document, base)) from None


def _known_path(data: Any, location: Path, *, keep_last: bool) -> Path:
    """Drop the pieces of a refusal's location that name a branch of the schema and not a key of the file."""
    path: list[str | int] = []
    for position, piece in enumerate(location):
        last = position == len(location) - 1
        inside, below = _step(data, piece)
        if inside:
            data = below
        if inside or (last and keep_last):
            path.append(piece)
    return tuple(path)


def _step(data: Any, piece: str | int) -> tuple[bool, Any]:
    if isinstance(data, dict) and piece in data:
        return True, data[piece]
    if isinstance(data, list) and isinstance(piece, int) and piece < len(data):
        return True, data[piece]
    return False, None


def _misspelt(grouped: Mapping[Path, list[Any]], schema: Mapping[str, Any], base: Path) -> set[Path]:
    """Return the missing keys that an unknown key beside them was meant to be."""
    unknown = [path for path, rows in grouped.items() if rows[0]["type"] == "extra_forbidden"]
    missing = [path for path, rows in grouped.items() if rows[0]["type"] == "missing"]
    meant = set()
    for path in unknown:
        hint = did_you_mean(str(path[-1]), allowed_keys(schema, path[len(base) : -1]))
        meant |= {other for other in missing if other[:-1] == path[:-1] and f"'{other[-1]}'" in hint}
    return meant


def _problem(
    path: Path, rows: list[Any], document: Document, schema: Mapping[str, Any], base: Path
) -> Problem:
    detail = rows[0]
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind == "extra_forbidden":
        allowed = allowed_keys(schema, path[len(base) : -1])
        hint = did_you_mean(str(path[-1]), allowed)
        return document.problem(path, f"unknown key '{path[-1]}'", one_of(allowed), hint, key=True)
    if kind == "missing":
        return Problem(document.mark(path[:-1]), dotted(path), f"key '{path[-1]}' is missing")
    if kind == "headroom":
        return document.problem(path, context["message"], context["expected"], context["hint"])
    expected = " or ".join(dict.fromkeys(_expected(row) for row in rows))
    hint = did_you_mean(str(detail["input"]), _words(rows)) if isinstance(detail["input"], str) else ""
    return document.problem(path, f"found {describe(detail['input'])}", expected, hint)


def _expected(detail: Mapping[str, Any]) -> str:
    template = _EXPECTED.get(detail["type"])
    if template is None:
        return str(detail["msg"]).removeprefix("Input should be ")
    return template.format(**(detail.get("ctx") or {})).replace("'", "")


def _words(rows: list[Any]) -> list[str]:
    literals = [row["ctx"]["expected"] for row in rows if row["type"] == "literal_error"]
    return [word.strip("' ") for text in literals for word in text.replace(" or ", ",").split(",")]


def describe(value: object) -> str:
    """Return a value with the name of its kind, as a message shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{str(value).lower()} (true or false)"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return f"{quoted(value)} (text)" if isinstance(value, str) else quoted(value)


def allowed_keys(schema: Mapping[str, Any], path: Path) -> list[str]:
    """Return the keys that the schema knows at `path`."""
    nodes = list(_branches(schema, schema))
    for piece in path:
        nodes = [
            branch
            for node in nodes
            for child in _children(node, piece)
            for branch in _branches(child, schema)
        ]
    return list(dict.fromkeys(key for node in nodes for key in node.get("properties", ())))


def _children(node: Mapping[str, Any], piece: str | int) -> Iterator[Mapping[str, Any]]:
    child = node.get("items") if isinstance(piece, int) else node.get("properties", {}).get(piece)
    child = node.get("additionalProperties") if child is None else child
    if isinstance(child, dict):
        yield child


def _branches(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if reference := node.get("$ref"):
        yield from _branches(schema["$defs"][reference.rsplit("/", 1)[-1]], schema)
    elif "anyOf" in node or "oneOf" in node:
        for branch in node.get("anyOf") or node["oneOf"]:
            yield from _branches(branch, schema)
    else:
        yield node
