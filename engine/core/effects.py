"""The small typed vocabulary of what an action may ask of the world.

An action is an ``async def`` coroutine that awaits effects::

    pod = await Get(Ref("Pod", "web-1", "default"))

Awaiting an effect yields it to whoever drives the coroutine (`engine.core.attempts.Attempt`); the driver
hands it to its world's performer and later sends the result, or throws an `ActionError`, back in. No event
loop is involved, so the same action runs on the modelled and on a live cluster.

Resources are plain JSON-shaped mappings exactly as the Kubernetes API writes them. They are shared and must
not be modified: build a new one, or send a patch.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")
Resource = Mapping[str, Any]
Labels = Mapping[str, str]


class Ref(NamedTuple):
    """The address of one object. `namespace` is empty for cluster-scoped kinds."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        """Render as ``Kind namespace/name``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Selection(NamedTuple):
    """Objects of one kind in one namespace: all, those with `labels`, or the one called `name`."""

    kind: str
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    name: str = ""


class Reads(Flag):
    """What of an object a condition looks at."""

    SPEC = auto()
    READINESS = auto()  # the Ready condition of a pod
    LIFE = auto()  # whether it has been asked to go, and whether its phase is final


class Effect(Generic[T]):
    """One request an action makes; awaiting it gives a `T` or raises an `ActionError`."""

    __slots__ = ()

    def __await__(self) -> Generator["Effect[T]", T, T]:
        """Yield the effect to the driver and return what the driver sends back."""
        return (yield self)


@dataclass(slots=True)
class Get(Effect[Resource]):
    """Read one object; raises `NotFound`."""

    ref: Ref


@dataclass(slots=True)
class List(Effect[Sequence[Resource]]):
    """Read all objects of a selection, in order of namespace and name."""

    selection: Selection


@dataclass(slots=True)
class Create(Effect[Resource]):
    """Create an object; raises `Conflict` if the name is taken, `Forbidden` over quota."""

    resource: Resource


@dataclass(slots=True)
class Patch(Effect[Resource]):
    """JSON merge patch (RFC 7386) of one object.

    With `resource_version` the patch applies only to that version (`Conflict` otherwise). `subresource` may
    be ``scale`` or ``status``. `manager` names the writer in the object's managed fields.
    """

    ref: Ref
    changes: Mapping[str, Any]
    resource_version: str | None = None
    subresource: str = ""
    manager: str = ""


@dataclass(slots=True)
class Delete(Effect[None]):
    """Delete an object, gracefully for pods; `uid` is a precondition (`Conflict` if it is another object)."""

    ref: Ref
    uid: str | None = None
    grace_s: int | None = None


@dataclass(slots=True)
class Evict(Effect[None]):
    """Evict a pod through the eviction subresource; raises `TooManyRequests` where a budget forbids it."""

    ref: Ref
    uid: str | None = None


@dataclass(slots=True)
class WaitUntil(Effect[T], Generic[T]):
    """Wait, on a watch and without polling, until `ready` gives something other than None.

    `ready` gets one sequence of resources per selection, as the watch cache has them; it must be pure. It
    is asked at once, and again whenever an object of a selection changes. `purpose` is what a person reads
    when it never comes. `reads` says, for each selection, what of its objects `ready` looks at besides their
    identity: a world need not ask it again after a change of nothing else. Without, it looks at everything.
    """

    selections: tuple[Selection, ...]
    ready: Callable[..., T | None]
    purpose: str
    reads: tuple[Reads, ...] = ()


@dataclass(slots=True)
class Sleep(Effect[None]):
    """Let `duration_ns` pass as declared work, or as the `eviction retry` cause when `retry` is set."""

    duration_ns: int
    retry: bool = False


@dataclass(slots=True)
class Remember(Effect[None]):
    """Record `value` (JSON) under `key` in the history: a restarted attempt finds it in its memory."""

    key: str
    value: Any


@dataclass(slots=True)
class Log(Effect[None]):
    """Write a line to the run's trace."""

    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Sample(NamedTuple):
    """One value that a metric query gave; `value` may be NaN or infinite, as in Prometheus."""

    labels: Labels
    value: float


class Matcher(NamedTuple):
    """What a label must be, as Alertmanager has it; a regular expression must match all of the value."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True  # else it must not match


class WebhookAnswer(NamedTuple):
    """What a webhook's server answered: an HTTP status, whichever it was, and the text."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Now(Effect[int]):
    """The world's wall clock: nanoseconds since 1970-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class QueryMetrics(Effect[Sequence[Sample]]):
    """An instant query in PromQL; raises `Invalid` for one that the monitoring system does not take.

    Nothing that matches is an empty answer, not an error.
    """

    query: str


@dataclass(frozen=True, slots=True)
class ListAlerts(Effect[Sequence[Resource]]):
    """The alerts that fire and match, silenced or not, as Alertmanager's API v2 writes them."""

    matchers: tuple[Matcher, ...] = ()


@dataclass(frozen=True, slots=True)
class PostAlert(Effect[None]):
    """Raise the alert of these labels, or keep it up; with `lasts_ns` 0 it is resolved."""

    labels: Labels
    annotations: Labels
    lasts_ns: int

    @property
    def about(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "")


@dataclass(frozen=True, slots=True)
class ListSilences(Effect[Sequence[Resource]]):
    """The silences that are not expired, as Alertmanager's API v2 writes them."""


@dataclass(frozen=True, slots=True)
class CreateSilence(Effect[str]):
    """Silence what matches for `lasts_ns` from now on; gives the silence's id."""

    matchers: tuple[Matcher, ...]
    lasts_ns: int
    created_by: str
    comment: str

    @property
    def about(self) -> str:
        """What must match."""
        return ", ".join(f"{matcher.name}={matcher.value}" for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class ExpireSilence(Effect[None]):
    """End a silence now; raises `NotFound` if there is none of this id, and not if it has expired."""

    silence_id: str


@dataclass(frozen=True, slots=True)
class Notify(Effect[None]):
    """Tell people through a channel that the world knows by name; raises `TargetMissing` for others.

    `key` is the same whenever the same message is sent again, so that a receiver can drop repetitions.
    """

    channel: str
    message: str
    key: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallWebhook(Effect[WebhookAnswer]):
    """Call somebody else's server; raises `TargetRefused` for one that the world's policy does not list.

    Raises `Unreachable` where there is no answer. An answer of any status, redirects included, is given
    back as it is.
    """

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def origin(self) -> str:
        """Scheme and host: all that a record may say, since path and query may hold a secret."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0].partition('?')[0].rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class ReadLogs(Effect[str]):
    """The last lines that a pod's container wrote; raises `NotFound`, or `Invalid` before it has started.

    An empty `container` means the pod's only one.
    """

    ref: Ref
    container: str = ""
    tail_lines: int = 100
    bytes_max: int = 65_536
