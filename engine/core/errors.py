"""The error tree of the engine: who is at fault, and what to do.

    EngineError
    |-- DefinitionError        the author of the workflow: mend the definition
    |-- ProtocolError          the caller of the engine: a programmer error, it should crash
    |   `-- ForbiddenTransition   the engine itself: stop, its memory is wrong; recover from what is stored
    |-- HistoryError           the stored history: cut or altered; recover from the last good one
    |-- ConditionError         the author of an expression: mend the expression
    |-- StoreError             the durable store: nothing uncommitted has acted; see docs/durability.md
    |   |-- LeaseHeld             another process runs this engine: wait for it, or stop it
    |   |-- LeaseLost             another process has taken over: stop, it goes on from what is stored
    |   |-- NotTheEnd             what was to be appended does not follow what is stored: recover again
    |   |-- SchemaTooNew          a newer version wrote the store: run that version
    |   |-- StoreFull             no room: make some, then recover
    |   |-- StoreCorrupt          the store's own files are damaged: restore a copy
    |   `-- StoreUnreachable      not there, not permitted, or gone in the middle: mend it, then recover
    `-- ActionError            the world, as an action sees it; `retryable` says whether a retry can help
        |-- TargetMissing      what the action was asked to act on does not exist
        |-- TargetRefused      the action will not touch its target (autoscaled, paused, wrong state)
        |-- Cancelled          the attempt is to stop: clean up if need be, and let it through
        |-- Unreachable        a server did not answer in time, or could not be connected to
        `-- ApiError           the Kubernetes API answered with an error status
            |-- Forbidden         403  quota or permission
            |-- NotFound          404
            |-- Conflict          409  the object changed, or exists already
            |-- Gone              410  a watch or list continuation expired
            |-- Invalid           422  the object does not validate
            |-- TooManyRequests   429  flow control, or an exhausted disruption budget
            `-- ServerError       5xx

Failures inside the modelled (or live) world are values with a cause: an `ActionError` becomes a
`Failure` in the history and never crosses the engine as an exception.
"""

from typing import ClassVar


class EngineError(Exception):
    """Root of every error that the engine raises."""


class DefinitionError(EngineError):
    """A workflow that cannot run: a cycle, an unknown need, a duplicate id, a limit exceeded."""


class ProtocolError(EngineError):
    """The engine was told something impossible, such as the end of an attempt never started."""


class ForbiddenTransition(ProtocolError):
    """A state and an input that no table holds: the engine followed an event halfway and cannot go on."""


class HistoryError(EngineError):
    """A history that does not replay: cut, altered, or of another version."""


class ConditionError(EngineError):
    """An expression that does not compile, does not evaluate, or costs too much."""


class StoreError(EngineError):
    """The durable store refused or failed; what was being written has not acted."""


class LeaseHeld(StoreError):
    """Another process holds the engine's lease; it can be had when that one releases it or lets it lapse."""


class LeaseLost(StoreError):
    """The lease was released, or another process has taken it over: this one may write no more."""


class NotTheEnd(StoreError):
    """Events were to be appended at a position that is not the end of what is stored."""


class SchemaTooNew(StoreError):
    """The store was written by a newer version of this program."""


class StoreFull(StoreError):
    """There is no room for what was to be written."""


class StoreCorrupt(StoreError):
    """The store cannot be read as what it ought to be."""


class StoreUnreachable(StoreError):
    """The store is not there, does not let us in, or went away."""


class ActionError(EngineError):
    """Something an action could not do; `reason` is a CamelCase word, as in Kubernetes."""

    reason: str = "ActionFailed"
    retryable: bool = True

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        """Keep the message; `reason` replaces the class's own word."""
        super().__init__(message)
        if reason is not None:
            self.reason = reason


class TargetMissing(ActionError):
    """The target does not exist, so a retry would only find the same."""

    reason = "TargetMissing"
    retryable = False


class TargetRefused(ActionError):
    """The action refuses its target by rule; the message says which rule."""

    reason = "TargetRefused"
    retryable = False


class Cancelled(ActionError):
    """Thrown into an action that is to stop; it may still await effects to clean up, for a while."""

    reason = "Cancelled"
    retryable = False


class Unreachable(ActionError):
    """No answer in time, or no connection; what was asked for may or may not have been done."""

    reason = "Unreachable"


class ApiError(ActionError):
    """An error status from the Kubernetes API. `status` is the HTTP code."""

    status: ClassVar[int] = 500
    reason = "InternalError"


class Forbidden(ApiError):
    """403: refused by quota or by authorization."""

    status = 403
    reason = "Forbidden"
    retryable = False


class NotFound(ApiError):
    """404: no such object."""

    status = 404
    reason = "NotFound"
    retryable = False


class Conflict(ApiError):
    """409: a precondition (uid, resourceVersion) does not hold, or the name is taken."""

    status = 409
    reason = "Conflict"


class Gone(ApiError):
    """410: the resource version asked for has been compacted away."""

    status = 410
    reason = "Expired"


class Invalid(ApiError):
    """422: the object does not validate."""

    status = 422
    reason = "Invalid"
    retryable = False


class TooManyRequests(ApiError):
    """429: flow control, or a disruption budget that allows no eviction now."""

    status = 429
    reason = "TooManyRequests"
    retry_after_ns: int = 0  # what its Retry-After header asks for; 0: it has none


class ServerError(ApiError):
    """5xx: the server failed; the request may or may not have been carried out."""

    status = 500
    reason = "InternalError"
