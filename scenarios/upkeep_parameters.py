"""Parameters of what a cluster writes about itself: cluster events, leases, the heartbeats of nodes."""

from typing import Final

from scenarios.parameter import Earlier, Parameter

_FLOW = "k/k staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go, 600 seats in all"
_KUBELET = "k/k pkg/kubelet/apis/config/v1beta1/defaults.go"
_SLOWER = "k/k CHANGELOG-1.27: eventRecordQPS and eventBurst 5 and 10 until then"
_EVENTS = "k/k staging/src/k8s.io/client-go/tools/record/events_cache.go"

UPKEEP: Final = (
    Parameter(
        "apiserver.seats.node-high",
        98,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once: the health of nodes, their leases and status",
    ),
    Parameter(
        "apiserver.seats.leader-election",
        25,
        "seats",
        "integer",
        _FLOW,
        "1.26+",
        "requests served at once: the leases by which controller managers and schedulers elect a leader",
    ),
    Parameter(
        "kubelet.event_qps",
        50,
        "1/s",
        "number",
        _KUBELET,
        "1.27+",
        "eventRecordQPS: events a second of a node",
        (Earlier("1.27", 5, _SLOWER),),
    ),
    Parameter(
        "kubelet.event_burst",
        100,
        "events",
        "integer",
        _KUBELET,
        "1.27+",
        "eventBurst of the same",
        (Earlier("1.27", 10, _SLOWER),),
    ),
    Parameter(
        "kubelet.lease_period",
        10.0,
        "s",
        "duration",
        _KUBELET + ": nodeLeaseDurationSeconds 40, renewed after a quarter",
        "1.17+",
        "how often a node renews its lease",
    ),
    Parameter(
        "kubelet.node_status_period",
        300.0,
        "s",
        "duration",
        _KUBELET + ": nodeStatusReportFrequency",
        "1.17+",
        "how often a node reports its status when nothing of it has changed",
    ),
    Parameter(
        "autoscaler.sync_period",
        15.0,
        "s",
        "duration",
        "k/k pkg/controller/podautoscaler/config/v1alpha1/defaults.go",
        "1.12+",
        "--horizontal-pod-autoscaler-sync-period: how often each autoscaler is looked at",
    ),
    Parameter(
        "leader_election.lease_duration",
        15.0,
        "s",
        "duration",
        "k/k staging/src/k8s.io/component-base/config/v1alpha1/defaults.go leaseDuration",
        "1.14+",
        "how long after its last renewal a lease is had by nobody else",
    ),
    Parameter(
        "leader_election.replicas",
        1,
        "processes",
        "integer",
        "assumption: one control-plane machine",
        "",
        "controller managers, and schedulers, of which one leads and the others stand by",
    ),
    Parameter(
        "leader_election.retry_period",
        2.0,
        "s",
        "duration",
        "k/k staging/src/k8s.io/component-base/config/v1alpha1/defaults.go RetryPeriod",
        "1.14+",
        "how often the leader among controller managers, and the one among schedulers, renews its lease",
    ),
    Parameter(
        "events.burst",
        25,
        "events",
        "integer",
        _EVENTS + " defaultSpamBurst",
        "1.9+",
        "cluster events about one object that a component may write at once; more are dropped",
    ),
    Parameter(
        "events.refill",
        300.0,
        "s",
        "duration",
        _EVENTS + " defaultSpamQPS",
        "1.9+",
        "time after which it may write one more about the same object",
    ),
)
