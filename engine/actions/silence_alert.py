"""`silence_alert`: keep alerts from notifying anybody for a while."""

import re
from collections.abc import Mapping
from typing import Any

from engine.actions.alerts import alert_target, equal_to, expire_own, labels_of, lasts_ns, silence_once
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Matcher


async def silence_alert(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Silence the alerts that carry `labels` and match `regex`, for `duration_s`.

    The alert need not fire yet. Without anything to match by it is refused, since it would silence
    everything. A second start finds the silence of the first. Undone by expiring the silence.
    """
    matchers = _matchers(parameters)
    duration_ns = lasts_ns("silence_alert", parameters, "duration_s")
    silence = await silence_once(context, matchers, duration_ns, parameters["comment"])
    return {"silence_id": silence}


def _matchers(parameters: Mapping[str, Any]) -> tuple[Matcher, ...]:
    matchers = equal_to(labels_of("silence_alert", parameters))
    patterns = labels_of("silence_alert", parameters, "regex")
    for pattern in patterns.values():
        try:
            re.compile(pattern)
        except re.error as error:
            raise InvalidParameters(
                f"silence_alert: {pattern!r} is no regular expression: {error}"
            ) from error
    matchers += tuple(Matcher(name, patterns[name], is_regex=True) for name in sorted(patterns))
    if not any(matcher.value and not re.fullmatch(_shown(matcher), "") for matcher in matchers):
        raise InvalidParameters(
            "silence_alert: 'name', 'labels' or 'regex' must rule something out, or every alert is silenced"
        )
    return matchers


def _shown(matcher: Matcher) -> str:
    return matcher.value if matcher.is_regex else re.escape(matcher.value)


async def undo(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Expire the silence."""
    del parameters
    return await expire_own(context)


SPEC = ActionSpec(
    name="silence_alert",
    run=silence_alert,
    rollback=undo,
    target=alert_target,
    parameters={
        "name": Parameter("string", default="", summary="the alert's name"),
        "labels": Parameter("object", default=None, summary="labels that it carries, name to value"),
        "regex": Parameter("object", default=None, summary="label to a regular expression for all of it"),
        "duration_s": Parameter("number", default=3600, summary="for how long, in seconds"),
        "comment": Parameter("string", default="silenced by a workflow", summary="why"),
    },
    calls_min=0,
    summary="keep alerts from notifying anybody for a while",
    precondition="something to match by is given",
    post_condition="a silence of the matching alerts is active",
)
