"""Parameters of the storage system and its controller."""

from typing import Final

from scenarios.parameter import Parameter, constant

_RESIZER = "kubernetes-csi/external-resizer cmd/csi-resizer/main.go"
_ASSUMED = "assumption"

STORAGE: Final = (
    Parameter(
        "storage.qps",
        5,
        "1/s",
        "number",
        _RESIZER,
        "1.24+",
        "--kube-api-qps: requests a second of the storage system's controller",
    ),
    Parameter("storage.burst", 10, "requests", "integer", _RESIZER, "1.24+", "--kube-api-burst of the same"),
    Parameter("storage.workers", 10, "workers", "integer", _RESIZER, "1.24+", "--workers: volumes at once"),
    Parameter(
        "storage.provision",
        constant(3.0),
        "s",
        "distribution",
        _ASSUMED + ": a network volume is created in seconds",
        "",
        "time to provision the volume of a new claim",
    ),
    Parameter(
        "storage.expand",
        constant(5.0),
        "s",
        "distribution",
        _ASSUMED + ": the EBS CSI driver gathers requests for up to 2 s, then the volume is modified",
        "",
        "time to expand a volume in the storage system",
    ),
    Parameter(
        "storage.filesystem",
        constant(1.0),
        "s",
        "distribution",
        _ASSUMED + ": growing a mounted file system (resize2fs) writes metadata only",
        "",
        "time to grow the file system of a mounted volume",
    ),
)
