"""The action of the guide works as the guide says: done, undone, and crashed at every boundary."""

import re
from pathlib import Path
from typing import Any

from engine.core.action import ActionSpec
from tests.actions.bench import ModelBench, attempt

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "write-an-action.md"


def spec() -> ActionSpec:
    [code] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {"__name__": "acme_headroom"}
    exec(compile(code, str(GUIDE), "exec"), namespace)
    found = namespace["SPEC"]
    assert isinstance(found, ActionSpec)
    return found


def test_the_guides_action_survives_a_crash_at_any_boundary_and_is_undone() -> None:
    action = spec()
    parameters = action.bind({"namespace": "default", "deployment": "web"})
    for boundary in range(7):
        bench, memory, outputs = ModelBench(), dict[str, Any](), list[Any]()
        steps = attempt(bench, action.run, parameters, memory, outputs)
        for _ in range(boundary):
            next(steps, None)
        steps.close()  # type: ignore[attr-defined]  # it is a generator
        outputs.clear()
        for _ in attempt(bench, action.run, parameters, memory, outputs, 2):
            pass
        assert outputs == [{"was_paused": False}]
        assert bench.get("Deployment", "web")["spec"]["paused"] is True
        assert bench.mutations == ["patch Deployment web"]
        assert action.rollback is not None
        for _ in attempt(bench, action.rollback, parameters, memory, outputs):
            pass
        assert outputs[-1] == {"undone": True}
        assert bench.get("Deployment", "web")["spec"]["paused"] is False
