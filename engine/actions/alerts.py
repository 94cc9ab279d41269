"""What the actions on alerts share: how labels select, and how a silence is made once and found again."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions.identity import writer_of
from engine.core.action import ActionContext, InvalidParameters
from engine.core.definition import SECOND_NS
from engine.core.effects import (
    CreateSilence,
    ExpireSilence,
    ListAlerts,
    ListSilences,
    Matcher,
    Ref,
    Remember,
    Resource,
)
from engine.core.errors import NotFound, TargetMissing

ALERTNAME: Final = "alertname"
SEVERITY: Final = "severity"
LABELS_MAX: Final = 32
LENGTH_MAX: Final = 1_024
LASTS_S_MAX: Final = 31 * 86_400
_ASKED: Final = "asked"
_SILENCE: Final = "silence"


def labels_of(action: str, parameters: Mapping[str, Any], name: str = "labels") -> dict[str, str]:
    """Return the labels of a parameter, with the alert's name; raises `InvalidParameters`."""
    given = dict(parameters[name] or {})
    if len(given) > LABELS_MAX:
        raise InvalidParameters(f"{action}: {len(given)} {name!r}; at most {LABELS_MAX} are taken")
    for label, value in given.items():
        if not isinstance(value, str) or not label or len(label) + len(value) > LENGTH_MAX:
            raise InvalidParameters(
                f"{action}: {name!r}.{label} must be a text of at most {LENGTH_MAX} characters, not {value!r}"
            )
    if parameters.get("name") and name == "labels":
        given[ALERTNAME] = parameters["name"]
    return given


def equal_to(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Return matchers for exactly these labels, in order of name."""
    return tuple(Matcher(name, labels[name]) for name in sorted(labels))


def lasts_ns(action: str, parameters: Mapping[str, Any], name: str) -> int:
    """Return a duration parameter in nanoseconds; raises `InvalidParameters`."""
    seconds: float = parameters[name]
    if not 0 < seconds <= LASTS_S_MAX:
        raise InvalidParameters(
            f"{action}: {name!r} must be more than 0 and at most {LASTS_S_MAX} (31 days), found {seconds}"
        )
    return round(seconds * SECOND_NS)


def alert_target(parameters: Mapping[str, Any]) -> Ref | None:
    """Return the alert that parameters name, if they do."""
    labels = parameters.get("labels") or {}
    name = parameters.get("name") or labels.get(ALERTNAME)
    return Ref("Alert", str(name), str(labels.get("namespace", ""))) if name else None


async def firing(matchers: tuple[Matcher, ...]) -> Sequence[Resource]:
    """Return the alerts that match; raises `TargetMissing` if there is none."""
    alerts = await ListAlerts(matchers)
    if not alerts:
        wanted = ", ".join(f"{matcher.name}={matcher.value!r}" for matcher in matchers)
        raise TargetMissing(f"no alert fires with {wanted}")
    return alerts


async def silence_once(
    context: ActionContext, matchers: tuple[Matcher, ...], duration_ns: int, comment: str
) -> str:
    """Create a silence, or find the one that an earlier attempt created; return its id."""
    known = context.memory.get(_SILENCE)
    if known is not None:
        return str(known)
    silence = await _find(context) if context.memory.get(_ASKED) else ""
    if not silence:
        await Remember(_ASKED, True)  # noqa: FBT003 - the value that is kept
        silence = await CreateSilence(matchers, duration_ns, _author(context), comment)
    await Remember(_SILENCE, silence)
    return silence


async def expire_own(context: ActionContext) -> Mapping[str, Any]:
    """Roll back `silence_once`: expire the silence if one was made; a silence that is gone is as good."""
    silence = context.memory.get(_SILENCE) or context.outputs.get("silence_id")
    if not silence and context.memory.get(_ASKED):
        silence = await _find(context)
    if not silence:
        return {"expired": False}
    try:
        await ExpireSilence(str(silence))
    except NotFound:
        return {"expired": False}
    return {"expired": True}


def _author(context: ActionContext) -> str:
    return f"headroom/{writer_of(context)}"


async def _find(context: ActionContext) -> str:
    author = _author(context)
    return next((str(one["id"]) for one in await ListSilences() if one["createdBy"] == author), "")
