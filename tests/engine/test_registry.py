"""Actions and sources of conditions that installed distributions add, and what they may not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import registry
from engine.actions import CATALOGUE
from engine.actions.conditions import CONDITIONS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """
from engine.core.action import ActionSpec, Parameter
from engine.core.effects import Log

async def greet(context, parameters):
    await Log(f"hello {parameters['name']}")
    return {"greeted": parameters["name"]}

async def budget(context, parameters):
    return {"value": 0.5}

def plain(context, parameters):
    return {}

GREET = ActionSpec("greet", greet, {"name": Parameter("string", required=True)}, 0, "greet somebody")
BUDGET = ActionSpec("error_budget", budget, {}, 0, "what is left of the error budget")
PLAIN = ActionSpec("plain", plain, {}, 0, "no coroutine")
SCALE = ActionSpec("scale_deployment", greet, {}, 0, "somebody else's")
WORD = "greet"
"""


def install(folder: Path, name: str, entry_points: str, source: str = SOURCE) -> None:
    """Install a distribution as pip leaves it: a module, and its metadata beside it."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(entry_points.replace("MODULE", module))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, as that of an environment."""
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.reload()
    yield tmp_path
    registry.reload()
    for name in ("acme_actions", "other_actions"):
        sys.modules.pop(name, None)


GOOD = """
[headroom.actions]
greet = MODULE:GREET
[headroom.conditions]
error_budget = MODULE:BUDGET
"""


def test_what_ships_is_always_there() -> None:
    assert set(CATALOGUE) <= set(registry.actions())
    assert set(CONDITIONS) <= set(registry.conditions())
    assert set(registry.runnable()) == {*registry.actions(), *registry.conditions()}
    assert not set(CATALOGUE) & set(CONDITIONS), "one name, one meaning"


def test_an_installed_distribution_adds_its_own(site: Path) -> None:
    install(site, "acme-actions", GOOD)
    assert registry.actions()["greet"].summary == "greet somebody"
    assert "error_budget" not in registry.actions()
    assert set(registry.conditions()) == {*CONDITIONS, "error_budget"}
    assert registry.distributions() == {"acme-actions": "1.2"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("greet = MODULE:ABSENT", "cannot be loaded: AttributeError"),
        ("greet = absent_module:GREET", "cannot be loaded: ModuleNotFoundError"),
        ("greet = MODULE:WORD", "is of type str; expected an engine.core.action.ActionSpec"),
        ("hello = MODULE:GREET", "its spec is named 'greet'; give both the same name"),
        ("plain = MODULE:PLAIN", "its run is no coroutine function; write it with 'async def'"),
        ("scale_deployment = MODULE:SCALE", "Headroom itself has 'scale_deployment' already"),
        ("metric = MODULE:GREET", "Headroom itself has 'metric' already"),
        ("Greet-Me = MODULE:GREET", "lower-case letters, digits and underscores"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_distribution(site: Path, entry: str, message: str) -> None:
    install(site, "acme-actions", f"[headroom.actions]\n{entry}\n")
    with pytest.raises(registry.RegistryError) as caught:
        registry.actions()
    assert str(caught.value).startswith("acme-actions 1.2: entry point ")
    assert message in str(caught.value)


def test_two_distributions_may_not_share_a_name(site: Path) -> None:
    install(site, "acme-actions", GOOD)
    install(site, "other-actions", "[headroom.conditions]\ngreet = MODULE:GREET\n")
    with pytest.raises(registry.RegistryError, match=r"other-actions 1\.2: .*acme-actions 1\.2 has 'greet'"):
        registry.conditions()


def test_a_scenario_runs_an_installed_action(tmp_path: Path) -> None:
    """In a process of its own, as somebody who has installed the distribution."""
    install(tmp_path, "acme-actions", GOOD)
    program = (
        "import json, sys\n"
        "from engine.core.definition import Step, StepKind, Workflow\n"
        "from dataclasses import replace\n"
        "from simulator import simulate\n"
        "from tests.simulator.worlds import run_spec\n"
        "spec = run_spec()\n"
        "step = Step('hello', StepKind.ACTION, action='greet', parameters={'name': 'you'})\n"
        "flow = Workflow('w', (step,))\n"
        "spec = replace(spec, workload=replace(spec.workload, workflow=flow.to_json()))\n"
        "rows = simulate(spec).rows\n"
        "print(json.dumps([row['state'] for row in rows if row['type'] == 'execution']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    states = json.loads(done.stdout)
    assert states
    assert set(states) == {"completed"}
