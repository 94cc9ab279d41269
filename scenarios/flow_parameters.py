"""Parameters of priority and fairness: seats, queues and lending of each level, and how they are shared."""

from typing import Final, NamedTuple

from scenarios.parameter import Kind, Parameter

_DEFAULTS = "k/k staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go"
_SEATS = f"{_DEFAULTS}, 600 seats in all"
_FILTER = "k/k staging/src/k8s.io/apiserver/pkg/server/filters/priority-and-fairness.go"
_CONTROLLER = "k/k staging/src/k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go"
_QUEUESET = "k/k staging/src/k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset/queueset.go"
_WIDTH = "k/k staging/src/k8s.io/apiserver/pkg/util/flowcontrol/request/config.go"


class _Level(NamedTuple):
    """One row of the defaults; a level without queues refuses what finds no seat."""

    name: str
    lendable_percent: int
    queues: int
    hand_size: int
    queue_length: int


_LEVELS: Final = (
    _Level("system", 33, 64, 6, 50),
    _Level("node-high", 25, 64, 6, 50),
    _Level("leader-election", 0, 16, 4, 50),
    _Level("workload-high", 50, 128, 6, 50),
    _Level("workload-low", 90, 128, 6, 50),
    _Level("global-default", 50, 128, 6, 50),
    _Level("catch-all", 0, 0, 0, 0),
)


def _count(name: str, value: int, unit: str, source: str, summary: str) -> Parameter:
    kind: Kind = "integer" if unit == "seats" else "count"
    return Parameter(name, value, unit, kind, source, "1.26+", summary)


def _of_level(level: _Level) -> tuple[Parameter, ...]:
    name = level.name
    return (
        _count(
            f"apiserver.queues.{name}", level.queues, "queues", _DEFAULTS,
            "queues of this priority level; 0: what finds no seat is refused",
        ),
        _count(
            f"apiserver.hand_size.{name}", level.hand_size, "queues", _DEFAULTS,
            "queues that one flow is dealt, of which it takes the one with the least work",
        ),
        _count(
            f"apiserver.queue_length.{name}", level.queue_length, "requests", _DEFAULTS,
            "requests that wait in one queue before more are refused with 429",
        ),
        _count(
            f"apiserver.lendable.{name}", level.lendable_percent, "%", _DEFAULTS,
            "share of its seats that others may borrow while it does not need them",
        ),
    )  # fmt: skip


FLOW: Final = (
    _count(
        "apiserver.seats.global-default",
        49,
        "seats",
        _SEATS,
        "requests served at once: users that nothing else names",
    ),
    _count("apiserver.seats.catch-all", 13, "seats", _SEATS, "requests served at once: whatever is left"),
    *(parameter for level in _LEVELS for parameter in _of_level(level)),
    Parameter(
        "apiserver.flow.wait_limit",
        15.0,
        "s",
        "duration",
        f"{_FILTER}: a quarter of the request timeout of 60 s",
        "1.26+",
        "how long a request waits in its queue before it is refused with 429",
    ),
    Parameter(
        "apiserver.flow.retry_after",
        1.0,
        "s",
        "duration",
        _FILTER,
        "1.26+",
        "Retry-After of a refusal with 429",
    ),
    Parameter(
        "apiserver.flow.adjustment_period",
        10.0,
        "s",
        "duration",
        f"{_CONTROLLER} borrowingAdjustmentPeriod",
        "1.26+",
        "how often the priority levels' seats are shared out anew",
    ),
    Parameter(
        "apiserver.flow.borrowing",
        value=True,
        unit="",
        kind="boolean",
        source=f"{_CONTROLLER}: always",
        kubernetes_version="1.26+",
        summary="whether a level that is full borrows seats from levels that do not need them",
    ),
    Parameter(
        "apiserver.flow.estimated_service",
        0.003,
        "s",
        "duration",
        f"{_QUEUESET} estimatedServiceDuration",
        "1.26+",
        "what a queue is charged for a request until it is known how long it took",
    ),
    _count(
        "apiserver.flow.objects_per_seat",
        100,
        "objects",
        f"{_WIDTH} objectsPerSeat",
        "objects listed for each seat",
    ),
    _count(
        "apiserver.flow.list_seats_max",
        10,
        "seats",
        f"{_WIDTH} maximumSeats",
        "seats that one list takes at most",
    ),
    Parameter(
        "watch.relist_backoff",
        0.8,
        "s",
        "duration",
        "k/k staging/src/k8s.io/client-go/tools/cache/reflector.go: 800 ms, and up to twice that",
        "1.21+",
        "least wait between the break of a watch and the lists that make its cache whole",
    ),
    Parameter(
        "background.rate",
        0,
        "1/s",
        "number",
        "assumption: nobody else uses the API",
        "",
        "how often other users of the API server come, all of them together; at random",
    ),
    Parameter(
        "background.users",
        4,
        "users",
        "integer",
        "assumption",
        "",
        "service accounts that these are; each is a flow of its own at the engine's priority level",
    ),
    Parameter(
        "background.requests", 1, "requests", "integer", "assumption", "", "what such a user asks for at once"
    ),
    Parameter(
        "background.objects",
        0,
        "objects",
        "count",
        "assumption",
        "",
        "objects that each of these requests lists; 0: it gets one",
    ),
)
