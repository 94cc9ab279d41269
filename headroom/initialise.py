"""`headroom init`: a first scenario with comments, and the file that runs it in a pipeline."""

from pathlib import Path
from typing import Any, Final

from headroom import identity
from headroom.errors import HarnessError
from headroom.rundir import write_text
from headroom.verbs import console, print_json
from reports import exits
from scenarios.errors import did_you_mean

STARTER: Final = Path(__file__).parent / "starter"
SCENARIO: Final = "first-scenario.yaml"
PIPELINES: Final = {"github": ".github/workflows/headroom.yml"}  # and where its file belongs


def init(folder: Path, ci: str | None, scenario: str | None, *, as_json: bool) -> None:
    """Write what is missing, and say what to do next; nothing that is there is touched.

    Raises:
        HarnessError: a file that would be written is there already.
    """
    if ci is not None and ci not in PIPELINES:
        hint = did_you_mean(ci, PIPELINES) or f"known: {', '.join(PIPELINES)}"
        raise HarnessError(f"--ci {ci}: unknown", exits.USAGE, hint)
    if scenario is not None and ci is None:
        raise HarnessError(
            "--scenario without --ci", exits.USAGE, "headroom init --ci github --scenario FILE"
        )
    name = scenario or SCENARIO
    files: dict[Path, str] = {}
    if scenario is None:
        files[folder / SCENARIO] = (STARTER / SCENARIO).read_text(encoding="utf-8")
    if ci is not None:
        files[folder / PIPELINES[ci]] = pipeline(ci, name)
        if (folder / SCENARIO).exists():  # of an earlier init
            files.pop(folder / SCENARIO, None)
    _check(folder, files, scenario)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, [text])
    commands = [f"headroom run {folder / name if folder != Path() else name}"]
    if as_json:
        return print_json({"files": [str(path) for path in files], "next": commands})
    out = console()
    for path in files:
        out.print(f"wrote {path}", markup=False)
    out.print(f"next: {commands[0]}", markup=False)
    return None


def pipeline(ci: str, scenario: str) -> str:
    """Return the workflow file of a pipeline that runs `scenario`."""
    text = (STARTER / f"{ci}.yml").read_text(encoding="utf-8")
    return text.replace("@SCENARIO@", _quoted(scenario)).replace("@VERSION@", identity.version())


def _quoted(text: str) -> str:
    """Write a file's name so that YAML reads a string and the pipeline sees no expression in it."""
    if "${{" in text or not text.isprintable():
        raise HarnessError(f"{text!r} cannot stand in a workflow file", exits.USAGE, "rename the scenario")
    return "'" + text.replace("'", "''") + "'"


def _check(folder: Path, files: dict[Path, Any], scenario: str | None) -> None:
    if folder.exists() and not folder.is_dir():
        raise HarnessError(f"{folder} is a file", exits.USAGE, "name a directory, or none: the current one")
    if scenario is not None and not (folder / scenario).is_file():
        hint = "name it as it lies below the directory"
        raise HarnessError(f"{folder / scenario}: there is no such scenario", exits.USAGE, hint)
    there = [str(path) for path in files if path.exists()]
    if there:
        hint = "it is left as it is; remove it, or give another directory"
        raise HarnessError(f"{', '.join(there)} is there already", exits.USAGE, hint)
