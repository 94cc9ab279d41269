"""Presets: the limits that known engines and clients have by default, each with where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

UNLIMITED: Final = "unlimited"


@dataclass(frozen=True, slots=True)
class Given:
    """A value of the `engine` block that a preset gives, as a file writes it."""

    path: str  # below `engine`
    value: Any
    source: str


def _client(qps: float | str, burst: int, source: str) -> tuple[Given, Given]:
    return Given("client.qps", qps, source), Given("client.burst", burst, source)


_CONTROLLER_RUNTIME = "controller-runtime pkg/client/config/config.go GetConfig"
_CLIENT_GO = "k/k staging/src/k8s.io/client-go/rest/config.go DefaultQPS, DefaultBurst"
_ARGO_WORKERS = "argo-workflows cmd/workflow-controller --workflow-workers"
_ARGO_CLIENT = "argo-workflows docs/scaling.md: --qps, --burst"
_TEKTON_THREADS = "knative.dev/pkg/controller DefaultThreadsPerController, as Tekton's controllers use it"
_NO_LIMIT = "no limit on executions unless one is configured"

CLIENT_PRESETS: Final[Mapping[str, tuple[Given, Given]]] = MappingProxyType(
    {
        "client-go": _client(5, 10, _CLIENT_GO),
        "controller-runtime": _client(20, 30, _CONTROLLER_RUNTIME),
        "argo": _client(20, 30, _ARGO_CLIENT),
        "kubelet": _client(50, 100, "k/k pkg/kubelet/apis/config/v1beta1/defaults.go"),
        "unlimited": _client(UNLIMITED, 1, "no token bucket at all"),
    }
)
"""By name, what `engine.client` may be in one word."""

ENGINE_PRESETS: Final[Mapping[str, tuple[Given, ...]]] = MappingProxyType(
    {
        "argo-workflows": (
            Given("max_concurrency", UNLIMITED, "argo-workflows config.parallelism: " + _NO_LIMIT),
            Given("cost.workers", 32, _ARGO_WORKERS),
            *_client(20, 30, _ARGO_CLIENT),
        ),
        "tekton": (
            Given("max_concurrency", UNLIMITED, "Tekton Pipelines: " + _NO_LIMIT),
            Given("cost.workers", 2, _TEKTON_THREADS),
            *_client(5, 10, "tektoncd/pipeline docs/tekton-controller-performance-configuration.md"),
        ),
        "controller-runtime": (
            Given("max_concurrency", UNLIMITED, "an operator: " + _NO_LIMIT),
            Given("cost.workers", 1, "controller-runtime pkg/controller MaxConcurrentReconciles"),
            *_client(20, 30, _CONTROLLER_RUNTIME),
        ),
        "unlimited": (
            Given("max_concurrency", UNLIMITED, "nothing holds an execution back"),
            Given("step_slots", UNLIMITED, "nothing holds a step back"),
            Given("cost.workers", 1_000, "as many as there may be"),
            *_client(UNLIMITED, 1, "no token bucket at all"),
        ),
    }
)
"""By name, what `engine.preset` gives; what a scenario writes beside it is kept."""


def with_preset(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return an `engine` block with what its preset gives where the block itself says nothing."""
    result = {key: value for key, value in written.items() if key != "preset"}
    for given in ENGINE_PRESETS[written["preset"]]:
        outer, _, inner = given.path.partition(".")
        if not inner:
            result.setdefault(outer, given.value)
        elif isinstance(part := result.get(outer, {}), Mapping) and not part.get("preset"):
            result[outer] = {inner: given.value} | dict(part)
    return result
