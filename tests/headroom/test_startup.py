"""The command starts at once: what is heavy is loaded by the verb that needs it."""

import subprocess
import sys

import pytest

from tests.headroom.command import environment, headroom

HEAVY = ("pandas", "matplotlib", "scipy", "numpy", "simpy", "networkx", "jinja2")


def loaded(*arguments: str) -> list[str]:
    """Return the top-level modules that the command imports, as Python itself reports them."""
    code = "from headroom.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    names = [line.rpartition("|")[2].strip().partition(".")[0] for line in lines]
    return sorted(set(names))


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("--version",), ("nonsense",)])
def test_help_and_mistakes_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    names = loaded(*arguments)
    assert "typer" in names  # or nothing was measured
    assert [name for name in HEAVY if name in names] == []


def test_validate_loads_no_statistics_and_no_world() -> None:
    names = loaded("validate", "smoke")
    assert "scenarios" in names
    assert [name for name in ("pandas", "matplotlib", "scipy", "simpy") if name in names] == []


def test_a_mistyped_verb_gets_a_suggestion() -> None:
    result = headroom("valdate", "smoke")
    assert result.returncode == 2
    assert "Did you mean 'validate'" in result.stderr
    assert result.stdout == ""


def test_a_mistyped_option_gets_a_suggestion() -> None:
    result = headroom("run", "smoke", "--worker", "2")
    assert result.returncode == 2
    assert "--workers" in result.stderr


def test_help_lists_the_verbs() -> None:
    result = headroom("--help")
    assert result.returncode == 0
    for verb in ("run", "validate", "schema", "plan", "report", "replay", "doctor"):
        assert verb in result.stdout
