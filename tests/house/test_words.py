"""The tree speaks of itself alone: no path of a machine, no address of a registry, nothing unfinished."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT

# Written apart, so that this file does not hold what it forbids.
FORBIDDEN = {
    "an address of a package registry": (
        "py" + r"pi\.",
        "python" + "hosted",
        "npm" + r"js\.",
        r"deb\.deb" + "ian",
    ),
    "a path of somebody's machine": (r"/home/\w", "/work" + "/", "/Users" + r"/\w", r"/tmp/\w+/"),
    "something unfinished": (
        r"\bTO" + r"DO\b",
        r"\bFIX" + r"ME\b",
        r"\bXX" + r"X\b",
        "NotImplemented" + "Error",
    ),
}
TEXT = (".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".html", ".css", ".j2", "")


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("meaning", FORBIDDEN)
def test_nothing_says(meaning: str) -> None:
    pattern = re.compile("|".join(FORBIDDEN[meaning]))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        if path.suffix in TEXT and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []
