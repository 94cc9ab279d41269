"""`log`: write a line to the run's trace."""

from collections.abc import Mapping
from typing import Any

from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Log


async def log(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write `message` with the writer's name. There is no target; a second start writes a second line."""
    await Log(parameters["message"], {"manager": context.manager})
    return {}


SPEC = ActionSpec(
    name="log",
    run=log,
    parameters={"message": Parameter("string", required=True, summary="the line to write")},
    calls_min=0,
    summary="write a line to the run's trace",
    precondition="nothing",
    post_condition="the line is in the trace",
    irreversible="a line that was written stays written",
)
