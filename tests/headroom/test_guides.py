"""Every guide that says what to type is typed: files are written, commands run, exit codes checked.

A guide names a file by "Save this as `NAME`:" before a fenced block. Commands stand in indented lines that
begin with `headroom`; `# exit 10` behind one says how it ends, if not with 0. `cp A B` copies a file.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.headroom.command import ROOT, headroom

GUIDES = (
    "tutorial",
    "guides/first-capacity-plan",
    "guides/gate-in-ci",
    "guides/read-a-report",
    "guides/how-sure",
)


class File(NamedTuple):
    """A file that the reader is to write."""

    name: str
    text: str


class Command(NamedTuple):
    """A line that the reader is to type."""

    words: list[str]
    code: int


def steps_of(text: str) -> Iterator[File | Command]:
    """Yield what a guide asks its reader to do, in order."""
    pattern = r"Save this as `([^`\n]+)`:\n\n```\w*\n(.*?)```|^ {4,8}((?:headroom|cp) [^\n]*)$"
    for match in re.finditer(pattern, text, re.DOTALL | re.MULTILINE):
        if match[1]:
            yield File(match[1], match[2])
        else:
            line, _, end = match[3].partition("# exit ")
            yield Command(shlex.split(line, comments=True), int(end or 0))


def follow(text: str, folder: Path) -> int:
    """Do what a guide says; return how many commands were run."""
    count = 0
    for step in steps_of(text):
        if isinstance(step, File):
            path = folder / step.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        elif step.words[0] == "cp":
            shutil.copy(folder / step.words[1], folder / step.words[2])
        else:
            env = {"HEADROOM_REGISTRY": str(folder / "registry.sqlite")}
            result = headroom(*step.words[1:], cwd=folder, env=env)
            told = f"{shlex.join(step.words)}: {result.stdout[-3000:]}{result.stderr[-3000:]}"
            assert result.returncode == step.code, told
            count += 1
    return count


@pytest.mark.slow
@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_does_what_it_says(name: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert follow(text, tmp_path) >= 2


def test_a_command_that_ends_otherwise_than_said_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nowhere"):
        follow("    headroom validate nowhere.yaml\n", tmp_path)
    assert follow("    headroom validate nowhere.yaml  # exit 3\n", tmp_path) == 1


@pytest.mark.slow
def test_the_tutorial_leaves_what_it_promises(tmp_path: Path) -> None:
    follow((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"), tmp_path)
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir() if path.is_dir())
    assert runs[0] == "checkout"
    assert len(runs) == 2  # the one with overrides lies beside it
    assert (tmp_path / "runs" / "checkout" / "report.html").is_file()
