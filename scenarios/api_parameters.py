"""Parameters of the API server: its seats, its service times, and what it tells watchers."""

from typing import Final

from scenarios.parameter import Parameter, constant, lognormal

_FLOW = "k/k staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go, 600 seats in all"
_FITTED = "fitted to recorded latencies of small clusters (p50 and p99)"
_ASSUMED = "assumption"

APISERVER: Final = (
    Parameter(
        "apiserver.seats.workload-low",
        245,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once at this priority level: service accounts, the engine among them",
    ),
    Parameter(
        "apiserver.seats.workload-high",
        98,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once: service accounts of kube-system, controller manager and scheduler",
    ),
    Parameter(
        "apiserver.seats.system",
        74,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once: nodes, other than their health",
    ),
    Parameter(
        "apiserver.service.read",
        lognormal(0.002, 0.9),
        "s",
        "distribution",
        _FITTED,
        "1.30-1.34",
        "time to serve a get from the watch cache",
    ),
    Parameter(
        "apiserver.service.write",
        lognormal(0.005, 1.07),
        "s",
        "distribution",
        _FITTED,
        "1.30-1.34",
        "time to serve a write, the etcd commit included",
    ),
    Parameter(
        "apiserver.service.list_per_object",
        0.00002,
        "s",
        "duration",
        _ASSUMED + ": 50,000 objects a second encoded",
        "1.30-1.34",
        "time added to a list for every object in it",
    ),
    Parameter(
        "watch.delay",
        constant(0.002),
        "s",
        "distribution",
        _FITTED,
        "1.30-1.34",
        "from the commit of a write to the watcher's cache",
    ),
)
