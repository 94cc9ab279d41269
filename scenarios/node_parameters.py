"""Parameters of the health of nodes, of what becomes of their pods, and of the cluster autoscaler."""

from typing import Final

from scenarios.parameter import Earlier, Parameter

_LIFECYCLE = "k/k pkg/controller/nodelifecycle/config/v1alpha1/defaults.go"
_MONITOR = "k/k cmd/kube-controller-manager/app/options, NodeMonitorPeriod"
_GRACE = "k/k pkg/controller/nodelifecycle/config/v1alpha1/defaults.go NodeMonitorGracePeriod"
_GC = "k/k pkg/controller/podgc/gc_controller.go"
_AUTOSCALER = "kubernetes/autoscaler cluster-autoscaler/FAQ.md"

NODES: Final = (
    Parameter(
        "node_lifecycle.monitor_period", 5.0, "s", "duration", _MONITOR, "1.0+",
        "--node-monitor-period: how often the health of nodes is looked at",
    ),
    Parameter(
        "node_lifecycle.monitor_grace", 50.0, "s", "duration", _GRACE + ", k/k pull 126287", "1.32+",
        "--node-monitor-grace-period: without a sign for longer, a node's state is Unknown",
        earlier=(Earlier("1.32", 40.0, _GRACE),),
    ),
    Parameter(
        "node_lifecycle.eviction_rate", 0.1, "nodes/s", "number", _LIFECYCLE, "1.4+",
        "--node-eviction-rate: nodes of a zone that are tainted NoExecute a second",
    ),
    Parameter(
        "node_lifecycle.secondary_eviction_rate", 0.01, "nodes/s", "number", _LIFECYCLE, "1.4+",
        "the same while a large zone is partly disrupted; of a small one none is",
    ),
    Parameter(
        "node_lifecycle.unhealthy_zone_threshold", 0.55, "share", "number", _LIFECYCLE, "1.4+",
        "share of its nodes (and more than 2) that must be not ready for a zone to be partly disrupted",
    ),
    Parameter(
        "node_lifecycle.large_cluster_size", 50, "nodes", "integer", _LIFECYCLE, "1.4+",
        "a zone with more nodes than this is large",
    ),
    Parameter(
        "kubelet.node_status_update_period", 10.0, "s", "duration",
        "k/k pkg/kubelet/apis/config/v1beta1/defaults.go nodeStatusUpdateFrequency", "1.13+",
        "how often a kubelet looks whether its node's status has changed, and reports that it has",
    ),
    Parameter(
        "pod_gc.period", 20.0, "s", "duration", _GC + " gcCheckPeriod", "1.5+",
        "how often pods on nodes that there are not are looked for",
    ),
    Parameter(
        "pod_gc.quarantine", 40.0, "s", "duration", _GC + " quarantineTime", "1.19+",
        "how long a node must have been gone until its pods are removed",
    ),
    Parameter(
        "cluster_autoscaler.scan_interval", 10.0, "s", "duration", _AUTOSCALER, "1.3+",
        "--scan-interval: how often pods that fit nowhere, and nodes that are not needed, are looked for",
    ),
    Parameter(
        "cluster_autoscaler.expander", "random", "", "word", _AUTOSCALER, "1.3+",
        "--expander: which group grows where several would do: random, least-waste, price or most-pods",
        words=("random", "least-waste", "price", "most-pods"),
    ),
    Parameter(
        "cluster_autoscaler.provision", {"dist": "uniform", "low_s": 180.0, "high_s": 240.0}, "s",
        "distribution", _AUTOSCALER + ": 3 to 4 minutes for a node of GCE", "1.3+",
        "from the decision to a node that is ready",
    ),
    Parameter(
        "cluster_autoscaler.max_node_provision", 900.0, "s", "duration", _AUTOSCALER, "1.3+",
        "--max-node-provision-time: a node that has not come by then is given up",
    ),
    Parameter(
        "cluster_autoscaler.group_backoff", 300.0, "s", "duration", _AUTOSCALER, "1.3+",
        "--initial-node-group-backoff-duration: no growth of a group after a node of it did not come",
    ),
    Parameter(
        "cluster_autoscaler.unneeded_time", 600.0, "s", "duration", _AUTOSCALER, "1.3+",
        "--scale-down-unneeded-time: how long a node must not be needed until it is removed",
    ),
    Parameter(
        "cluster_autoscaler.unready_time", 1200.0, "s", "duration", _AUTOSCALER, "1.3+",
        "--scale-down-unready-time: the same of a node that is not ready",
    ),
    Parameter(
        "cluster_autoscaler.delay_after_add", 600.0, "s", "duration", _AUTOSCALER, "1.3+",
        "--scale-down-delay-after-add: no node is removed so long after one was added",
    ),
    Parameter(
        "cluster_autoscaler.utilization_threshold", 0.5, "share", "number", _AUTOSCALER, "1.3+",
        "--scale-down-utilization-threshold: a node whose pods request less may not be needed",
    ),
    Parameter(
        "cluster_autoscaler.max_empty_bulk_delete", 10, "nodes", "integer", _AUTOSCALER, "1.3+",
        "--max-empty-bulk-delete: empty nodes removed at once",
    ),
    Parameter(
        "cluster_autoscaler.max_graceful_termination", 600.0, "s", "duration", _AUTOSCALER, "1.3+",
        "--max-graceful-termination-sec: how long a removed node's pods are waited for",
    ),
    Parameter(
        "cluster_autoscaler.max_unready_share", 0.45, "share", "number", _AUTOSCALER, "1.3+",
        "--max-total-unready-percentage: with more nodes unready (and more than 3) it does nothing",
    ),
)  # fmt: skip
