"""The door of the importers: which format a file is of, and what the user declares beside it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from scenarios.document import Document, file_text, read_all, read_text
from scenarios.errors import Mark, Problem, ScenarioError, did_you_mean, one_of
from scenarios.importers.argo import import_argo, is_argo
from scenarios.importers.imported import Imported
from scenarios.importers.kubernaut import import_kubernaut, is_kubernaut
from scenarios.importers.wfformat import import_wfformat, is_wfformat

FORMATS: Final = ("argo", "kubernaut", "wfformat")
Declared = Mapping[str, Mapping[str, Any]]


def import_file(file: Path, kind: str | None = None, declared: Declared | None = None) -> Imported:
    """Return the workflow that a file of another format holds; `ScenarioError` for what cannot be expressed.

    `kind` is one of `FORMATS`; without it, the file says by itself what it is. `declared` says of containers
    what their commands do not: name of the template -> duration, exit_codes, result, outputs.
    """
    documents = _read(file)
    found = kind or _format_of(documents)
    if found is None:
        expected = "an Argo Workflow, a RemediationWorkflow of kubernaut, or a WfFormat instance"
        raise documents[0].error((), "a format that is not known", expected)
    if found not in FORMATS:
        raise _refused(str(file), f"unknown format '{found}'", one_of(FORMATS), did_you_mean(found, FORMATS))
    if kind is not None and _format_of(documents) != kind:
        raise documents[0].error((), f"this is not {kind}", f"a file of the format {kind}")
    if found == "argo":
        return import_argo(documents, file.name, declared or {})
    if declared:
        raise _refused(str(file), "declarations are for the containers of Argo", "no --declare")
    if found == "kubernaut":
        return import_kubernaut(documents, file.name)
    return import_wfformat(documents[0], file.name)


def parse_declarations(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return ``TEMPLATE.KEY=VALUE`` as a mapping; values are YAML."""
    declared: dict[str, dict[str, Any]] = {}
    for text in texts:
        left, equals, right = text.partition("=")
        name, dot, key = left.rpartition(".")
        if not (equals and dot and name and key):
            message = f"--declare {text}: not TEMPLATE.KEY=VALUE"
            raise _refused(f"--declare {text}", message, "such as flip-coin.result=[heads, tails]")
        declared.setdefault(name, {})[key] = read_text(right, f"--declare {text}").data
    return declared


def _read(file: Path) -> Sequence[Document]:
    text = file_text(file)
    if file.suffix == ".json":
        return [read_text(text, str(file), as_json=True)]
    documents = read_all(text, str(file))
    if not documents:
        raise _refused(str(file), "the file is empty", "a workflow of another format")
    return documents


def _format_of(documents: Sequence[Document]) -> str | None:
    if is_kubernaut(documents):
        return "kubernaut"
    if is_argo(documents):
        return "argo"
    return "wfformat" if is_wfformat(documents[0]) else None


def _refused(source: str, message: str, expected: str, hint: str = "") -> ScenarioError:
    return ScenarioError([Problem(Mark(source), "", message, expected, hint)])
