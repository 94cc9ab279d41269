"""Parameters of a control plane that shares one machine, of etcd, and of KWOK's simulated kubelets.

The machine is absent by default: then a request takes what `apiserver.service.*` say, whatever else goes on.
"""

from typing import Any, Final

from scenarios.parameter import Earlier, Parameter, lognormal

_BENCH: Final = (
    "fitted to the processor time by component and request of one control plane on two cores, "
    "at 8 and 32 requests at once (control-plane measurements, api_summary.csv)"
)
_KWOK: Final = "kubernetes-sigs/kwok"
_SETUP: Final = "control-plane measurements, README: stage delays of the set-up"
_ETCD: Final = "etcd-io/etcd"
_VERSION: Final = "1.36"


def _uniform(low_s: float, high_s: float) -> dict[str, Any]:
    return {"dist": "uniform", "low_s": low_s, "high_s": high_s}


def _work(name: str, value_s: float, summary: str) -> Parameter:
    return Parameter(f"host.work.{name}", value_s, "s", "duration", _BENCH, _VERSION, summary)


HOST: Final = (
    Parameter(
        "host.cores",
        0,
        "cores",
        "number",
        "assumption: the control plane is not short of processors",
        "any",
        "cores that the client, the control plane and simulated kubelets share; 0: no such machine",
    ),
    Parameter(
        "host.client_threads",
        1,
        "threads",
        "integer",
        "CPython: the global interpreter lock",
        "any",
        "threads of the client that can work at once; all else has as many as there are cores (GOMAXPROCS)",
    ),
    Parameter(
        "host.work.sigma", 0.5, "", "number", _BENCH, _VERSION, "spread of the work on a request (lognormal)"
    ),
    _work("waking", 0.0007, "work of a component that was idle on waking up: threads, timers, its scheduler"),
    _work("client.request", 0.0006, "work of the client on a request before it is sent"),
    _work("client.answer", 0.0005, "work of the client on an answer"),
    _work("client.object", 0.00005, "the same, for every object of a list, raw"),
    _work("client.watch", 0.0008, "work of the client on an event of its watch"),
    _work(
        "client.wake", 0.008, "the same, for every thread that waits for an event: all are woken, and look"
    ),
    _work("client.turn", 0.022, "most of that work before the watching thread has its turn again"),
    _work("client.decode", 0.0011, "work of the client on making objects of an answer"),
    _work(
        "component.request",
        0.0006,
        "work of a controller, the scheduler or the kubelets on one of their requests",
    ),
    _work("serve.read", 0.0018, "work of the API server and etcd on a get"),
    _work("serve.object", 0.00012, "the same, for every object of a list"),
    _work("serve.write", 0.0042, "the same on a create or an update"),
    _work("serve.patch", 0.0055, "the same on a patch: it is applied, and the result checked"),
    _work("serve.eviction", 0.009, "the same on an eviction before it writes: get, list of budgets, checks"),
    _work("serve.delete", 0.0055, "the same on a delete"),
    _work("serve.event", 0.003, "the same on a cluster event"),
    _work("watch.send", 0.0007, "work of the API server on telling all watchers of one write"),
    _work("watch.decode", 0.0003, "work of each watching component on it"),
    Parameter(
        "etcd.fsync",
        lognormal(0.0008, 0.5),
        "s",
        "distribution",
        "etcd.io op-guide/performance: fdatasync on an SSD is often below 1 ms",
        "3.6",
        "one sync of the write-ahead log; where the control plane has a machine of its own model",
    ),
    Parameter(
        "apiserver.progress_period",
        0.1,
        "s",
        "duration",
        "k/k staging/src/k8s.io/apiserver/pkg/storage/cacher progressRequestPeriod",
        "1.31+",
        "how often the caches of quiet kinds are brought up to date while a consistent list waits; 0: never",
        (Earlier("1.31", 0.0, "k/k: consistent lists were read from etcd"),),
    ),
    Parameter(
        "kwok.nodes",
        value=False,
        unit="",
        kind="boolean",
        source=_KWOK,
        kubernetes_version="any",
        summary="whether kubelets are simulated as KWOK does it: by stages with delays",
    ),
    Parameter(
        "kwok.stage_workers",
        4,
        "workers",
        "integer",
        _KWOK + " pkg/apis podPlayStageParallelism",
        "0.7+",
        "stages of pods played at once, over all nodes",
    ),
    Parameter(
        "kwok.stage.created", _uniform(0.05, 0.2), "s", "distribution", _SETUP, "any", "from bound to created"
    ),
    Parameter(
        "kwok.stage.ready", _uniform(0.5, 2.0), "s", "distribution", _SETUP, "any", "from created to ready"
    ),
    Parameter(
        "kwok.stage.gone", _uniform(0.2, 1.0), "s", "distribution", _SETUP, "any", "from deleted to gone"
    ),
    Parameter(
        "kwok.stage.latency",
        0.006,
        "s",
        "duration",
        "control-plane measurements, README: about 17 ms a stage in all when idle",
        "any",
        "time of a stage beside its delay and its work: timers and queues of KWOK",
    ),
    Parameter(
        "kwok.stage.work",
        0.0012,
        "s",
        "duration",
        _BENCH,
        "any",
        "work of playing a stage: matching, rendering its template",
    ),
)
