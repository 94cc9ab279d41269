"""The defaults that the API server fills in, as far as the model reads them.

Source: kubernetes/kubernetes, pkg/apis/apps/v1/defaults.go and pkg/apis/core/v1/defaults.go.
"""

from collections.abc import Mapping
from typing import Any

from engine.core.effects import Resource

_DEPLOYMENT = {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
_ROLLING_UPDATE = {"maxUnavailable": "25%", "maxSurge": "25%"}
_POD = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
_PROBE = {"periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


def defaulted(deployment: Resource) -> dict[str, Any]:
    """Return the Deployment with every default in place; what is stated stays."""
    spec = {**_DEPLOYMENT, **deployment["spec"]}
    strategy = spec.get("strategy") or {}
    if strategy.get("type", "RollingUpdate") == "RollingUpdate":
        rolling = {**_ROLLING_UPDATE, **(strategy.get("rollingUpdate") or {})}
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    template = spec["template"]
    spec["template"] = {
        **template,
        "metadata": template.get("metadata") or {},
        "spec": defaulted_pod(template["spec"]),
    }
    return {**deployment, "spec": spec}


def defaulted_set(owner: Resource) -> dict[str, Any]:
    """Return a StatefulSet or DaemonSet with the defaults that the model reads in place."""
    spec = {**owner["spec"]}
    if owner["kind"] == "StatefulSet":
        spec.setdefault("replicas", 1)
        spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("updateStrategy", {"type": "RollingUpdate"})
    template = spec["template"]
    spec["template"] = {
        **template,
        "metadata": template.get("metadata") or {},
        "spec": defaulted_pod(template["spec"]),
    }
    return {**owner, "spec": spec}


def defaulted_pod(pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a pod with the defaults that the model reads in place."""
    spec = {**_POD, **pod_spec}
    for name in ("containers", "initContainers"):
        if name in spec:
            spec[name] = [_defaulted_container(container) for container in spec[name]]
    return spec


def _defaulted_container(container: Mapping[str, Any]) -> dict[str, Any]:
    _, _, tag = container.get("image", "").rpartition("/")[2].partition(":")
    pull = "Always" if tag in ("", "latest") and "@" not in container.get("image", "") else "IfNotPresent"
    probes = {name: {**_PROBE, **container[name]} for name in _PROBES if container.get(name)}
    return {"imagePullPolicy": pull, **container, **probes}
