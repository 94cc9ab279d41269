"""`wait`: let declared time pass."""

from collections.abc import Mapping
from typing import Any

from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.definition import SECOND_NS
from engine.core.effects import Sleep


async def wait(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Sleep for `duration_s`, holding the step's slot.

    There is no target. A second start waits in full again, since an action has no clock; a step of kind
    `wait` is kept by the engine, survives a crash and holds no slot.
    """
    duration_s = parameters["duration_s"]
    if duration_s < 0:
        raise InvalidParameters(f"wait: 'duration_s' must not be negative, found {duration_s}")
    await Sleep(round(duration_s * SECOND_NS))
    return {}


SPEC = ActionSpec(
    name="wait",
    run=wait,
    parameters={"duration_s": Parameter("number", required=True, summary="how long, in seconds")},
    calls_min=0,
    summary="let declared time pass",
    precondition="nothing",
    post_condition="the duration has passed",
    irreversible="time that has passed does not come back",
)
