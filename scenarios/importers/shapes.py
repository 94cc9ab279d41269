"""The shape that a foreign document must have before anybody reads it: mappings, lists, texts and numbers.

A shape is a mapping of keys to shapes (other keys pass), a list with the shape of its items, or a word:
``text`` (a scalar), ``name`` (of a step or template), ``number`` (not negative), ``mapping``, ``list``.
A key that ends with ``!`` must be there; one that holds nothing counts as missing.
"""

import re
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import Path
from scenarios.importers.imported import Findings

Shape = Any
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,100}[A-Za-z0-9])?")
_WORDS: Final = {
    "text": "text or a number",
    "name": "a name of letters, digits and dashes",
    "number": "a number that is not negative",
    "mapping": "a mapping",
    "list": "a list",
}


def check_shape(findings: Findings, document: Document, path: Path, shape: Shape) -> None:
    """Refuse what has another shape, at its place."""
    value = document.data
    for piece in path:
        value = value[piece]
    if isinstance(shape, tuple):  # the first shape that is of the same kind
        shape = next((one for one in shape if isinstance(value, type(one))), shape[0])
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            _refuse(findings, document, path, _WORDS["mapping"])
            return
        for wanted, inner in shape.items():
            key = wanted.removesuffix("!")
            if value.get(key) is not None:
                check_shape(findings, document, (*path, key), inner)
            elif key != wanted:
                findings.problems.append(document.problem(path, f"key '{key}' is missing"))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            _refuse(findings, document, path, _WORDS["list"])
            return
        for index in range(len(value)):
            check_shape(findings, document, (*path, index), shape[0])
    elif not _fits(value, shape):
        _refuse(findings, document, path, _WORDS[shape])


def _fits(value: Any, word: str) -> bool:
    if word == "mapping":
        return isinstance(value, dict)
    if word == "list":
        return isinstance(value, list)
    if word == "name":
        return isinstance(value, str) and _NAME.fullmatch(value) is not None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if word == "number":
        return (number and 0 <= value < 10**12) or (isinstance(value, str) and value.isdecimal())
    return isinstance(value, str | bool) or (number and abs(value) < 10**18)


def _refuse(findings: Findings, document: Document, path: Path, expected: str) -> None:
    problem = document.problem(path, "this has another shape", expected)
    if problem not in findings.problems:
        findings.problems.append(problem)


def without_nothing(value: Any) -> Any:
    """Return a document's data without the keys that hold nothing."""
    if isinstance(value, dict):
        return {key: without_nothing(item) for key, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value
