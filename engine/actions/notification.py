"""`notification`: tell people through a channel that the engine's configuration names."""

from collections.abc import Mapping
from typing import Any, Final

from engine.actions.identity import writer_of
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Notify, Remember

MESSAGE_LENGTH_MAX: Final = 4_000
_SENT: Final = "sent"


async def notification(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send `message` through `channel`.

    A channel that is not configured: `TargetMissing`. Sent by an earlier attempt: nothing is sent. After a
    crash in the very moment of sending it may come twice, with the same key both times.
    """
    channel, message = parameters["channel"], parameters["message"]
    if not message or len(message) > MESSAGE_LENGTH_MAX:
        raise InvalidParameters(
            f"notification: 'message' must have 1 to {MESSAGE_LENGTH_MAX} characters, found {len(message)}"
        )
    key = writer_of(context)
    if context.memory.get(_SENT) != key:
        await Notify(channel, message, key, parameters["fields"] or {})
        await Remember(_SENT, key)
    return {"channel": channel, "key": key}


SPEC = ActionSpec(
    name="notification",
    run=notification,
    parameters={
        "channel": Parameter("string", required=True, summary="a channel of the engine's configuration"),
        "message": Parameter("string", required=True, summary="what to say"),
        "fields": Parameter("object", default=None, summary="more to send along, as JSON"),
    },
    calls_min=0,
    summary="tell people through a configured channel",
    precondition="the channel is configured",
    post_condition="the channel's server has taken the message",
    irreversible="what was said cannot be unsaid",
)
