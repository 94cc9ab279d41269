"""The documentation says what the code does: generated pages, commands, links, names of files."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from headroom import reference
from headroom.cli import app
from tests.house.tree import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [path for path in DOCUMENTS if path.parent.name != "reference"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_generated_pages_are_up_to_date() -> None:
    stale = [
        name
        for name, text in reference.pages().items()
        if not (page := reference.FOLDER / name).is_file() or page.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `make docs`"


def commands(path: Path) -> list[str]:
    """Return the command lines in a document's code: `headroom ...` and `make ...`."""
    text = path.read_text(encoding="utf-8")
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    blocks = re.findall(r"```(?:sh|console|bash|yaml)?\n(.*?)```", text, re.DOTALL)
    fenced = [line.strip().removeprefix("- run: ") for block in blocks for line in block.splitlines()]
    found = [re.sub(r"^(\$ )?(\.venv/bin/)?", "", line) for line in [*spans, *lines, *fenced]]
    return [line for line in found if re.match(r"(headroom|make) \S", line)]


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_commands_in_a_document_exist(path: Path) -> None:
    group: Any = typer.main.get_command(app)
    verbs = group.commands
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    wrong = []
    for line in commands(path):
        program, word, *rest = shlex.split(line, comments=True)
        if program == "make" and word not in targets:
            wrong.append(line)
        if program == "headroom" and not word.startswith("-"):
            options = {name for it in verbs[word].params for name in it.opts} if word in verbs else set()
            given = [option.partition("=")[0] for option in rest if option.startswith("--")]
            if word not in verbs or any(option not in options for option in given):
                wrong.append(line)
    assert wrong == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_files_named_in_code_exist(path: Path) -> None:
    pattern = r"`((?:engine|simulator|scenarios|reports|headroom|tests|docs)/[\w./-]+)`"
    spans = re.findall(pattern, path.read_text("utf-8"))
    assert [name for name in spans if not (ROOT / name).exists()] == []
