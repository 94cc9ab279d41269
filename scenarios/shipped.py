"""What is shipped, by name; and where a name or a path in a scenario leads."""

from pathlib import Path as FilePath
from typing import Final

from scenarios.document import Document, read_file
from scenarios.errors import Mark, Problem, ScenarioError, did_you_mean, one_of

LIBRARY: Final = FilePath(__file__).parent / "library"
_FOLDERS: Final = {
    "scenario": LIBRARY,
    "workflow": LIBRARY / "workflows",
    "cluster": LIBRARY / "clusters",
    "workload profile": LIBRARY / "workloads",
}
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def shipped(kind: str = "scenario") -> tuple[str, ...]:
    """Return the names of what is shipped: of scenarios, workflows, clusters or workload profiles."""
    return tuple(sorted(file.stem for file in _FOLDERS[kind].glob("*.yaml")))


def is_file_name(name: str) -> bool:
    """Tell whether `name` means a file and not something shipped."""
    return "/" in name or name.lower().endswith(_SUFFIXES)


def open_named(kind: str, name: str, base: FilePath, mark: Mark, path: str = "") -> Document:
    """Read what is named, shipped or by its path; a relative path starts at `base`."""
    if is_file_name(name):
        file = base / name
        if not file.exists():
            raise ScenarioError([Problem(mark, path, f"there is no file '{name}'", f"a {kind} file")])
        return read_file(file, several=kind == "cluster")
    names = shipped(kind)
    if name not in names:
        message = f"there is no {kind} '{name}'"
        hint = did_you_mean(name, names)
        raise ScenarioError([Problem(mark, path, message, f"a path, or {one_of(names)}", hint)])
    document = read_file(_FOLDERS[kind] / f"{name}.yaml")
    shown = f"{name}.yaml"
    document.source = shown
    document.marks = {
        place: (Mark(shown, key.line, key.column), Mark(shown, value.line, value.column))
        for place, (key, value) in document.marks.items()
    }
    return document
