"""An Argo manifest as it stands: the workflow of a file, its templates, and those of templates beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import did_you_mean, one_of
from scenarios.importers.argo.fields import check_fields
from scenarios.importers.argo.places import Place
from scenarios.importers.imported import Findings

GROUP: Final = "argoproj.io/"
RUNNABLE: Final = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate")
_KINDS: Final = ("container", "script", "resource", "suspend", "steps", "dag")


def is_argo(documents: Sequence[Document]) -> bool:
    """Tell whether one of a file's documents is an Argo manifest."""
    return any(
        isinstance(one.data, dict) and str(one.data.get("apiVersion", "")).startswith(GROUP)
        for one in documents
    )


@dataclass(frozen=True)
class Template:
    """One template, with the templates that it may call by name."""

    name: str
    place: Place
    data: Mapping[str, Any]
    kind: str
    owner: str  # the document's metadata.name

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it in a file."""
        return (self.owner, self.name)

    @property
    def is_leaf(self) -> bool:
        """Whether it calls no others."""
        return self.kind not in ("steps", "dag")

    def inputs(self) -> dict[str, Mapping[str, Any]]:
        """Return its input parameters by name."""
        return named((self.data.get("inputs") or {}).get("parameters"))


class Manifest:
    """The documents of a file, and the one that is to be imported."""

    def __init__(self, documents: Sequence[Document], findings: Findings) -> None:
        """Find the workflow and read all templates; what is wrong is kept in `findings`."""
        self.findings = findings
        self.documents = [one for one in documents if isinstance(one.data, dict)]
        self.root = _root(self.documents, findings)
        self.spec = Place(self.root, ("spec",))
        self.templates: dict[tuple[str, str], Template] = {}
        for document in self.documents:
            if str(document.data.get("apiVersion", "")).startswith(GROUP):
                self._read_templates(document)
        reference = (self.spec.data or {}).get("workflowTemplateRef")
        self.owner = _name(self.root)
        if reference:
            self._follow(str(reference.get("name", "")))

    def _follow(self, name: str) -> None:
        """Take the spec of a WorkflowTemplate, with what the workflow says itself laid over it."""
        for document in self.documents:
            if document is not self.root and _name(document) == name:
                self.owner = name
                own = self.spec.data or {}
                self.base = Place(document, ("spec",)).data or {}
                self.merged = {**self.base, **{k: v for k, v in own.items() if k != "workflowTemplateRef"}}
                given = [(spec.get("arguments") or {}).get("parameters") for spec in (self.base, own)]
                rows = {**named(given[0]), **named(given[1])}
                if rows:  # merged by name
                    arguments = {**(self.base.get("arguments") or {}), **(own.get("arguments") or {})}
                    self.merged = {
                        **self.merged,
                        "arguments": {**arguments, "parameters": list(rows.values())},
                    }
                return
        place = self.spec / "workflowTemplateRef"
        place.refuse(
            self.findings, f"there is no WorkflowTemplate '{name}' in the file", "one in the same file"
        )

    base: Mapping[str, Any] | None = None
    merged: Mapping[str, Any] | None = None

    @property
    def settings(self) -> Mapping[str, Any]:
        """The workflow's spec, a referenced template's included."""
        return self.merged if self.merged is not None else (self.spec.data or {})

    def _read_templates(self, document: Document) -> None:
        spec = Place(document, ("spec",))
        check_fields(self.findings, "spec", spec, f"workflow '{_name(document)}'")
        defaults = (spec.data or {}).get("templateDefaults") or {}
        self._check_defaults(spec / "templateDefaults")
        shared = {
            key: spec.data[key] for key in ("nodeSelector", "retryStrategy") if (spec.data or {}).get(key)
        }
        rows = (spec.data or {}).get("templates") or []
        for index, row in enumerate(rows):
            place = spec / "templates" / index
            name = str(row.get("name", "")) if isinstance(row, dict) else ""
            check_fields(self.findings, "template", place, f"template '{name}'")
            if not isinstance(row, dict):
                continue
            kinds = [kind for kind in _KINDS if row.get(kind) is not None]
            if len(kinds) != 1:
                if not any(row.get(kind) for kind in ("containerSet", "data", "http", "plugin")):
                    place.refuse(
                        self.findings, f"template '{name}' is of no kind", f"exactly {one_of(_KINDS)}"
                    )
                continue
            leaf_only = {} if kinds[0] in ("steps", "dag", "suspend") else shared
            data = {**leaf_only, **defaults, **row}
            self.templates[_name(document), name] = Template(name, place, data, kinds[0], _name(document))

    def _check_defaults(self, place: Place) -> None:
        if place.data:
            check_fields(self.findings, "template", place, "templateDefaults")
            for kind in (kind for kind in _KINDS if kind in place.data):
                message = f"a {kind} that templates share cannot be expressed"
                (place / kind).refuse(self.findings, message, "it in each template", key=True)

    def find(self, name: str, caller: str, place: Place) -> Template | None:
        """Return the template of that name as seen from the document `caller`."""
        found = self.templates.get((caller, name)) or self.templates.get((_name(self.root), name))
        if found is None:
            known = [one for owner, one in self.templates if owner in (caller, _name(self.root))]
            hint = did_you_mean(name, known)
            place.refuse(self.findings, f"there is no template '{name}'", one_of(known), hint)
        return found

    def find_reference(self, reference: Mapping[str, Any], place: Place) -> Template | None:
        """Return the template that a templateRef means, which must stand in the same file."""
        key = (str(reference.get("name", "")), str(reference.get("template", "")))
        found = self.templates.get(key)
        if found is None:
            message = f"templateRef {key[0]}/{key[1]} leads out of the file"
            place.refuse(self.findings, message, "a WorkflowTemplate in the same file")
        return found


def named(rows: Any) -> dict[str, Mapping[str, Any]]:
    """Return a list of parameters by name."""
    return {str(row["name"]): row for row in rows or () if isinstance(row, dict) and "name" in row}


def _name(document: Document) -> str:
    metadata = document.data.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or "workflow").rstrip("-")


def workflow_name(document: Document) -> str:
    """Return the name of a manifest, without the dash of a generated one."""
    metadata = document.data.get("metadata") or {}
    return str(metadata.get("generateName") or metadata.get("name") or "workflow").rstrip("-")


def _root(documents: Iterable[Document], findings: Findings) -> Document:
    ours = [one for one in documents if str(one.data.get("apiVersion", "")).startswith(GROUP)]
    runnable = [one for one in ours if one.data.get("kind") in RUNNABLE]
    workflows = [one for one in runnable if one.data.get("kind") == "Workflow"]
    for one in ours:
        if one not in runnable:
            Place(one, ("kind",)).refuse(
                findings, f"a {one.data.get('kind')} cannot be expressed", one_of(RUNNABLE)
            )
    for one in workflows[1:]:
        Place(one, ("kind",)).refuse(findings, "a second Workflow", "one in a file")
    return (workflows or runnable or ours)[0]
