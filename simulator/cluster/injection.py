"""What goes wrong with requests to the API server because a scenario says so.

An injection concerns requests by client, verb and kind. Those that it hits, drawn request by request, are
slower by `delay_ns`, and fail if it has a status: refused before anything was done (429, 409, 500, 503), or
not answered in time (504, "timeout"), and then done or not, half of them each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from engine.core.errors import ActionError, Conflict, ServerError, TooManyRequests, Unreachable
from simulator.attribution import Link
from simulator.streams import Stream

What = tuple[str, str]
"""(verb, kind) of a request; the kind is empty where its sender does not say it."""

GET: Final[What] = ("get", "")
LIST: Final[What] = ("list", "")
UPDATE: Final[What] = ("update", "")
GET_POD: Final[What] = ("get", "Pod")
CREATE_POD: Final[What] = ("create", "Pod")
DELETE_POD: Final[What] = ("delete", "Pod")
PATCH_POD: Final[What] = ("patch", "Pod")

Status = Literal[409, 429, 500, 503, 504, "timeout"]
REQUEST_TIMEOUT_NS: Final = 60 * 1_000_000_000  # apiserver/pkg/server/config.go RequestTimeout
_READS: Final = ("get", "list")
_MODIFIED: Final = (
    "Operation cannot be fulfilled on {}: the object has been modified; "
    "please apply your changes to the latest version and try again"
)
_FAILURES: Final = {
    500: ("InternalError", "Internal error occurred: injected by the scenario"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: (
        "Timeout",
        "Timeout: request did not complete within requested timeout - context deadline exceeded",
    ),
}
_UNANSWERED: Final = (504, "timeout")


@dataclass(frozen=True, slots=True)
class Injection:
    """One kind of trouble. Clients are named by pattern (`kubelet.*`); no clients, verbs or kinds mean all.

    Verbs are those of the API (get, list, create, update, patch, delete), or `read` and `write`.
    """

    status: Status | None = None  # None: only slow
    probability: float = 1.0
    clients: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    delay_ns: int = 0
    retry_after_s: int = 1  # of a 429
    factor: float = 1.0  # on the time of service
    message: str = ""  # of a 500, in place of the usual one

    def concerns(self, client: str, what: What) -> bool:
        """Say whether it may hit a request."""
        verb, kind = what
        group = "read" if verb in _READS else "write"
        return (
            (not self.clients or any(fnmatchcase(client, pattern) for pattern in self.clients))
            and (not self.verbs or verb in self.verbs or group in self.verbs)
            and (not self.kinds or kind in self.kinds)
        )

    def error(self, what: What) -> ActionError | None:
        """Return what the client is told, in the API server's words."""
        match self.status:
            case None:
                return None
            case "timeout":
                return Unreachable("no answer within the client's timeout")
            case 409:
                return Conflict(_MODIFIED.format(what[1] or "the object"))
            case 429:
                return busy(self.retry_after_s * 1_000_000_000)
            case status:
                reason, message = _FAILURES[status]
                return ServerError(self.message or message, reason=reason)


def busy(retry_after_ns: int) -> TooManyRequests:
    """Return the refusal of flow control (apiserver/pkg/server/filters/priority-and-fairness.go)."""
    refusal = TooManyRequests("Too many requests, please try again later.")
    refusal.retry_after_ns = retry_after_ns
    return refusal


class Trouble:
    """What happens to one request: how long it is served, and what becomes of it."""

    __slots__ = ("_error", "_healthy_ns", "_is_done", "_operation", "key", "service_ns", "what")

    def __init__(self, operation: Callable[[Link], Any], service_ns: int, key: int, what: What) -> None:
        """Begin with a request that nothing has hit yet."""
        self._operation = operation
        self._error: ActionError | None = None
        self._is_done = True
        self._healthy_ns = service_ns
        self.service_ns = service_ns
        self.key = key
        self.what = what

    def renewed(self) -> "Trouble":
        """Return the request as it was, to be made once more."""
        return Trouble(self._operation, self._healthy_ns, self.key, self.what)

    def hit(self, injection: Injection, toss: float) -> bool:
        """Let an injection hit it; return whether it fails by that. `toss` decides what nobody can know."""
        self.service_ns = round(self.service_ns * injection.factor) + injection.delay_ns
        self._error = injection.error(self.what)
        if injection.status is None:
            return False
        if injection.status in _UNANSWERED:
            self._is_done = toss < 0.5
            self.service_ns += 0 if injection.delay_ns else REQUEST_TIMEOUT_NS
        else:
            self._is_done = False
        return True

    def __call__(self, link: Link) -> Any:
        """Carry the request out, as far as it is; raises what the client is told."""
        if self._error is None:
            return self._operation(link)
        if self._is_done:
            self._operation(link)
        raise self._error


class Dice:
    """Draws whom an injection hits: by the request's key and how often it has been asked about."""

    __slots__ = ("_asked", "_stream")

    def __init__(self, stream: Stream) -> None:
        """Draw from `stream`."""
        self._stream = stream
        self._asked: dict[int, int] = {}

    def throw(self, key: int) -> tuple[float, float]:
        """Return two uniform numbers: whether it hits, and what becomes of the request."""
        ordinal = self._asked[key] = self._asked.get(key, 0) + 2
        return self._stream.uniform(key, ordinal - 1), self._stream.uniform(key, ordinal)
