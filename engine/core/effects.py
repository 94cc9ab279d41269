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
    when it never comes.
    """

    selections: tuple[Selection, ...]
    ready: Callable[..., T | None]
    purpose: str


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
