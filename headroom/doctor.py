"""`headroom doctor`: is this installation sound, and do equal runs give equal bytes here?"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from headroom import identity

PYTHON_MIN = (3, 11)
SELF_CHECK = "smoke"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "firefox")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. Only what is not `ok` and not `optional` makes the command fail."""

    name: str
    ok: bool
    found: str
    optional: bool = False


def examine() -> list[Finding]:
    """Look at everything."""
    checks: tuple[Callable[[], Finding], ...] = (python, pins, writing, cores, fonts, browser, reproducible)
    return [check() for check in checks]


def python() -> Finding:
    """The interpreter's version."""
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python 3.11 or newer", sys.version_info[:2] >= PYTHON_MIN, found)


def pins() -> Finding:
    """Installed versions against the pinned ones: others work, but the stored digests hold for these."""
    name = "versions as pinned"
    pinned = identity.ROOT / "constraints.txt"
    if not pinned.is_file():
        return Finding(name, ok=True, found="no constraints.txt beside the code: not compared", optional=True)
    differing = []
    for line in pinned.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"([\w.-]+)==(\S+)", line.strip())
        if match:
            found = installed(match[1])
            if found not in ("", match[2]):
                differing.append(f"{match[1]} {found}, pinned {match[2]}")
    missing = [needed for needed, found in identity.dependencies().items() if not found]
    text = "; ".join(differing + [f"{needed} is missing" for needed in missing]) or "all"
    return Finding(name, not missing and not differing, text, optional=not missing)


def installed(name: str) -> str:
    """Return the installed version of a distribution, or nothing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def writing() -> Finding:
    """May results be written here?"""
    place = Path.cwd()
    try:
        with tempfile.TemporaryDirectory(dir=place):
            return Finding("results can be written here", ok=True, found=str(place))
    except OSError as error:
        return Finding("results can be written here", ok=False, found=str(error))


def cores() -> Finding:
    """How many runs go on at once."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("cores", ok=True, found=str(count))


def fonts() -> Finding:
    """What figures are set in."""
    from matplotlib import font_manager

    path = font_manager.findfont("DejaVu Sans", fallback_to_default=True)
    return Finding("font for figures", Path(path).is_file(), Path(path).name)


def browser() -> Finding:
    """Something to look at a report with; a report can be taken elsewhere as well."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), "")
    return Finding("a browser for reports", bool(found), found or "none found", optional=True)


def reproducible() -> Finding:
    """The same run twice here, and once more in a process with another hash seed."""
    name = "equal runs give equal bytes"
    here = {self_check(), self_check()}
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    code = "from headroom.doctor import self_check; print(self_check())"
    there = subprocess.run(  # noqa: S603 - this very interpreter, constant code
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    if there.returncode != 0:
        return Finding(name, ok=False, found=there.stderr.strip().splitlines()[-1])
    digests = sorted(here | {there.stdout.strip()})
    return Finding(name, len(digests) == 1, ", ".join(digest[:16] for digest in digests))


def self_check() -> str:
    """Run one replication of the smallest shipped scenario; return a digest of its records."""
    import scenarios
    from headroom.worker import WORLD, line_of, load_world

    scenario = scenarios.load(SELF_CHECK)
    result = load_world(WORLD)(scenarios.compile(scenario, scenario.points()[0], 0))
    return hashlib.sha256("".join(line_of(row) for row in result.rows).encode()).hexdigest()
