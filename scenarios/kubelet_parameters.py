"""Parameters of nodes: kubelets, container starts and image pulls."""

from typing import Final

from scenarios.parameter import Earlier, Parameter, constant, lognormal

_SLOWER = "k/k CHANGELOG-1.27: kubeAPIQPS and kubeAPIBurst 5 and 10 until then"
_KUBELET = "k/k pkg/kubelet/apis/config/v1beta1/defaults.go"
_ASSUMED = "assumption"

KUBELET: Final = (
    Parameter(
        "kubelet.qps",
        50,
        "1/s",
        "number",
        _KUBELET,
        "1.27+",
        "kubeAPIQPS: requests a second of one kubelet",
        (Earlier("1.27", 5, _SLOWER),),
    ),
    Parameter(
        "kubelet.burst",
        100,
        "requests",
        "integer",
        _KUBELET,
        "1.27+",
        "kubeAPIBurst of the same",
        (Earlier("1.27", 10, _SLOWER),),
    ),
    Parameter(
        "kubelet.pleg_period",
        1.0,
        "s",
        "duration",
        "k/k pkg/kubelet/kubelet.go genericPlegRelistPeriod",
        "1.2+",
        "how often a kubelet lists its containers, and so sees that one has started or ended",
    ),
    Parameter(
        "kubelet.volume_setup",
        constant(0.4),
        "s",
        "distribution",
        _ASSUMED + ": the projected token volume; fitted with container_start to an idle pod start of 1.5 s",
        "1.30-1.34",
        "time to mount the volumes of a pod",
    ),
    Parameter(
        "kubelet.container_start",
        lognormal(0.5, 0.25),
        "s",
        "distribution",
        _ASSUMED
        + ": sandbox, network, create and start; fitted with volume_setup to an idle pod start of 1.5 s",
        "1.30-1.34",
        "time to create the sandbox and start the container",
    ),
    Parameter(
        "kubelet.sync_latency",
        0.014,
        "s",
        "duration",
        "fitted to the time to Initialized of a small cluster: kube-burner PR#200, 25 ms at the median",
        "1.20+",
        "from the arrival of a pod at its kubelet to its first status, ContainerCreating",
    ),
    Parameter(
        "kubelet.start_slower_per_pod",
        0,
        "share",
        "number",
        _ASSUMED + ": none with today's runtimes; in 2015 about 0.15 (Kubernetes blog 2015/09, fitted)",
        "1.30-1.34",
        "by which share the start of a container takes longer for each other pod on its node",
    ),
    Parameter(
        "kubelet.pod_teardown",
        constant(0.0),
        "s",
        "distribution",
        _ASSUMED + ": part of the workload's exit time where it is measured from outside",
        "1.30-1.34",
        "time to take down the sandbox of a pod that has ended, in the seat that starts need",
    ),
    Parameter(
        "kubelet.start_concurrency",
        1,
        "pods",
        "integer",
        _ASSUMED + ": starts on one node are serial in the container runtime",
        "1.30-1.34",
        "pods that one node starts at once",
    ),
    Parameter(
        "kubelet.serialize_image_pulls",
        value=True,
        unit="",
        kind="boolean",
        source=_KUBELET,
        kubernetes_version="1.2+",
        summary="serializeImagePulls: one pull at a time on a node",
    ),
    Parameter(
        "kubelet.registry_qps",
        5,
        "1/s",
        "number",
        _KUBELET,
        "1.2+",
        "registryPullQPS: pulls a second that a node may begin",
    ),
    Parameter(
        "kubelet.registry_burst", 10, "pulls", "integer", _KUBELET, "1.2+", "registryBurst of the same"
    ),
    Parameter("image.pull_mb_per_s", 50, "MB/s", "number", _ASSUMED, "", "speed of a pull, compressed size"),
    Parameter(
        "image.pull_latency",
        constant(0.5),
        "s",
        "distribution",
        _ASSUMED,
        "",
        "time of a pull before the first byte",
    ),
    Parameter(
        "image.cached",
        value=True,
        unit="",
        kind="boolean",
        source=_ASSUMED + ": the images of running workloads are on every node",
        kubernetes_version="",
        summary="whether images are present on all nodes at the start",
    ),
)
