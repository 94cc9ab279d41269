"""What a run's records depend on besides its RunSpec: the code that made them and the versions below it."""

import hashlib
import platform
import re
from functools import cache
from importlib import metadata
from pathlib import Path

from engine import registry

ROOT = Path(__file__).resolve().parent.parent
# What writes records. Reports are left out, so that a better figure does not make a finished sweep stale, and
# the library is left out, because all that a run takes from it is in the RunSpec.
SOURCES = ("engine", "simulator", "scenarios", "headroom/worker.py")


@cache
def code_digest() -> str:
    """SHA-256 over path and content of every Python source that has a part in the records."""
    total = hashlib.sha256()
    for source in SOURCES:
        path = ROOT / source
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        for file in files:
            total.update(file.relative_to(ROOT).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def version() -> str:
    """Return the version of Headroom."""
    return metadata.version("headroom")


def dependencies() -> dict[str, str]:
    """Return name and installed version of each run-time dependency, by name; who adds actions is one."""
    found = {}
    for requirement in metadata.requires("headroom") or ():
        name = re.split(r"[ <>=!~;\[(]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement:
            found[name] = metadata.version(name)
    return dict(sorted({**found, **registry.distributions()}.items()))


def machine() -> dict[str, str]:
    """Return interpreter and platform, as the manifest names them."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
    }
