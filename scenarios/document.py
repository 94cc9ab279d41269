"""Reading a YAML (or JSON) file into plain data, with the line and column of every key and value.

The reader composes the document with ruamel.yaml (YAML 1.2: ``1:30`` stays text, ``no`` stays text) and
builds plain values itself, so that limits hold before anything is expanded: size, depth, aliases, duplicate
keys.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scenarios.errors import Mark, Path, Problem, ScenarioError, dotted, quoted
from scenarios.json_places import JsonPlaces

FILE_BYTES_MAX: Final = 10_000_000
SNAPSHOT_BYTES_MAX: Final = 64_000_000  # JSON, which is read a hundred times faster
ALIAS_NODES_MAX: Final = 10_000
DEPTH_MAX: Final = 60

_CORE = "tag:yaml.org,2002:"
_SEPARATOR = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")


@dataclass
class Document:
    """Plain data and its places: `marks[path]` is (place of the key, place of the value)."""

    source: str
    data: Any = None
    marks: dict[Path, tuple[Mark, Mark]] = field(default_factory=dict)
    places: JsonPlaces | None = field(default=None, repr=False, compare=False)  # of JSON, which has no marks
    base: Path = ()  # where in `places` this document begins

    def mark(self, path: Path, *, key: bool = False) -> Mark:
        """Return the place of the value (or key) at `path`, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if found := self.marks.get(path[:length]):
                return found[0] if key and length == len(path) else found[1]
        return self.places.mark((*self.base, *path)) if self.places else Mark(self.source)

    def below(self, path: Path) -> "Document":
        """Return what stands at `path` as a document of its own."""
        data = self.data
        for piece in path:
            data = data[piece]
        marks = {key[len(path) :]: mark for key, mark in self.marks.items() if key[: len(path)] == path}
        return Document(self.source, data, marks, self.places, (*self.base, *path))

    def problem(
        self, path: Path, message: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> Problem:
        """Return a problem at `path`."""
        return Problem(self.mark(path, key=key), dotted(path), message, expected, hint)

    def error(
        self, path: Path, message: str, expected: str = "", hint: str = "", *, key: bool = False
    ) -> ScenarioError:
        """Return an error with one problem at `path`."""
        return ScenarioError([self.problem(path, message, expected, hint, key=key)])


def read_file(file: FilePath, *, several: bool = False) -> Document:
    """Read a YAML or JSON file; `ScenarioError` says what is wrong with it.

    With `several`, a file of more than one YAML document is read as one Kubernetes List of them all.
    """
    text, as_json = file_text(file), file.suffix == ".json"
    if several and not as_json and _SEPARATOR.search(text):
        documents = read_all(text, str(file))
        if len(documents) > 1:
            return _listed(str(file), documents)
    return read_text(text, str(file), as_json=as_json)


def _listed(source: str, documents: list[Document]) -> Document:
    """Return a List of what several documents hold, each value at its own place."""
    marks = {
        ("items", index, *path): places
        for index, one in enumerate(documents)
        for path, places in one.marks.items()
    }
    marks[()] = documents[0].marks[()]
    return Document(source, {"kind": "List", "items": [one.data for one in documents]}, marks)


def file_text(file: FilePath) -> str:
    """Return the text of a YAML or JSON file that is not too large; `ScenarioError` otherwise."""
    source = str(file)
    as_json = file.suffix == ".json"
    limit = SNAPSHOT_BYTES_MAX if as_json else FILE_BYTES_MAX
    try:
        size = file.stat().st_size
        if size > limit:
            raise _refused(source, f"the file has {size:,} bytes", f"at most {limit:,} bytes")
        if not file.is_file():
            raise _refused(source, "not a file", "a YAML or JSON file")
        with file.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise _refused(source, f"cannot be read: {error.strerror or error}") from None
    if len(content) > limit:
        raise _refused(source, f"the file has more than {limit:,} bytes", f"at most {limit:,} bytes")
    return decode(content, source)


def decode(content: bytes, source: str) -> str:
    """Return UTF-8 bytes as text; `ScenarioError` with the place of the first byte that is not."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        byte = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise ScenarioError([Problem(Mark(source, line, column), "", byte, "a file in UTF-8")]) from None


def read_text(text: str, source: str, *, as_json: bool = False) -> Document:
    """Read YAML (or JSON) text that holds one document."""
    if as_json:
        return _read_json(text, source)
    node = _composed(source, lambda yaml: yaml.compose(text))
    if node is None:
        raise _refused(source, "the file is empty", "a mapping")
    return _Builder(source).build(node)


def read_all(text: str, source: str) -> list[Document]:
    """Read YAML text that holds any number of documents; empty ones fall away."""
    nodes = _composed(source, lambda yaml: list(yaml.compose_all(text)))
    return [_Builder(source).build(node) for node in nodes if node is not None]


def _composed(source: str, compose: Callable[[YAML], Any]) -> Any:
    """Compose YAML, and say where it is none."""
    try:
        return compose(YAML(typ="safe", pure=True))
    except MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(source, place.line + 1, place.column + 1) if place else Mark(source)
        message = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise ScenarioError([Problem(mark, "", f"not YAML: {message}")]) from None
    except RecursionError:
        raise _refused(source, "nested too deeply", f"at most {DEPTH_MAX} levels") from None
    except (YAMLError, ValueError, OverflowError, LookupError, AttributeError, TypeError) as error:
        # what ruamel.yaml raises on odd escapes, characters and directives is not always a YAMLError
        raise _refused(source, f"not YAML: {' '.join(str(error).split())}") from None


def _refused(source: str, message: str, expected: str = "") -> ScenarioError:
    return ScenarioError([Problem(Mark(source), "", message, expected)])


def _read_json(text: str, source: str) -> Document:
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        mark = Mark(source, error.lineno, error.colno)
        raise ScenarioError([Problem(mark, "", f"not JSON: {error.msg}")]) from None
    except RecursionError:
        raise _refused(source, "nested too deeply") from None
    except ValueError as error:
        raise _refused(source, f"not JSON: {error}") from None
    return Document(source, data, places=JsonPlaces(source, text))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


class _Builder:
    """Turns composed nodes into plain data, counting what aliases repeat."""

    def __init__(self, source: str) -> None:
        self.document = Document(source)
        self.problems: list[Problem] = []
        self.seen: set[int] = set()
        self.repeated_count = 0

    def build(self, node: Node) -> Document:
        place = self._mark(node)
        self.document.marks[()] = (place, place)
        self.document.data = self._value(node, ())
        if self.problems:
            raise ScenarioError(self.problems)
        return self.document

    def _mark(self, node: Node) -> Mark:
        return Mark(self.document.source, node.start_mark.line + 1, node.start_mark.column + 1)

    def _fatal(self, node: Node, path: Path, message: str, expected: str) -> ScenarioError:
        return ScenarioError([*self.problems, Problem(self._mark(node), dotted(path), message, expected)])

    def _value(self, node: Node, path: Path) -> Any:
        if len(path) > DEPTH_MAX:
            raise self._fatal(node, path[:6], "nested too deeply", f"at most {DEPTH_MAX} levels")
        if id(node) in self.seen:
            self.repeated_count += 1
            if self.repeated_count > ALIAS_NODES_MAX:
                expected = f"aliases that repeat at most {ALIAS_NODES_MAX:,} values"
                raise self._fatal(node, path[:6], "aliases expand without end", expected)
        self.seen.add(id(node))
        if isinstance(node, MappingNode):
            return dict(self._items(node, path))
        if isinstance(node, SequenceNode):
            return [self._child(item, item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _child(self, key_node: Node, node: Node, path: Path) -> Any:
        self.document.marks[path] = (self._mark(key_node), self._mark(node))
        return self._value(node, path)

    def _items(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        keys: dict[str, Node] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if first := keys.get(key):
                message = f"duplicate key '{key}', first given in line {first.start_mark.line + 1}"
                self.problems.append(Problem(self._mark(key_node), dotted((*path, key)), message))
                continue
            keys[key] = key_node
            yield key, self._child(key_node, value_node, (*path, key))

    def _key(self, node: Node, path: Path) -> str:
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.problems.append(
            Problem(self._mark(node), dotted(path), "a key that is not text", "a word as key")
        )
        return f"<key {node.start_mark.index}>"

    def _scalar(self, node: Node, path: Path) -> Any:
        text, tag = str(node.value), str(node.tag).removeprefix(_CORE)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() in {"true", "yes", "on"}
        if tag in {"int", "float"}:
            return self._number(node, text, path)
        if tag not in {"str", "timestamp", "value", "merge"}:
            self.problems.append(
                Problem(self._mark(node), dotted(path), f"tag {quoted(tag)}", "plain YAML without tags")
            )
        if any("\ud800" <= character <= "\udfff" for character in text):
            self.problems.append(
                Problem(self._mark(node), dotted(path), "half a surrogate pair", "Unicode text")
            )
        return text

    def _number(self, node: Node, text: str, path: Path) -> Any:
        plain = text.replace("_", "").lower()
        try:
            if _INT.fullmatch(plain):
                return int(plain, 0) if plain.startswith(("0o", "0x")) else int(plain)
            number = float(plain)
        except ValueError:
            return text
        if not math.isfinite(number):
            self.problems.append(Problem(self._mark(node), dotted(path), f"{text} is not a finite number"))
        return number
