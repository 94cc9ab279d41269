"""One container of a pod that goes the long way: what it is, and how it stands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.core.effects import Resource
from simulator.attribution import Link
from simulator.cluster.probe import Failing, ProbeSpec
from simulator.streams import entity
from simulator.tasks import Task

INIT: Final = "init"
SIDECAR: Final = "sidecar"  # an init container with restartPolicy Always
MAIN: Final = "main"


class Container:
    """A container's spec and state."""

    __slots__ = (
        "backed_off", "begun", "code", "declared", "ended", "failing", "key", "kind", "link", "liveness",
        "message", "name", "readiness", "ready", "reason", "restarts", "running", "since", "spec", "started",
        "startup", "tasks", "up_at",
    )  # fmt: skip

    def __init__(
        self,
        pod: Resource,
        spec: Mapping[str, Any],
        kind: str,
        failing: Mapping[str, list[Failing]] | None = None,
    ) -> None:
        """Read the spec; the container has not run yet. `failing` is there if behaviour is declared of it."""
        self.spec = spec
        self.kind = kind
        self.name: str = spec["name"]
        metadata = pod["metadata"]
        self.key = entity(f"{metadata.get('namespace', '')}/{metadata['name']}/{self.name}")
        self.startup = ProbeSpec.of(spec, "startupProbe")
        self.readiness = ProbeSpec.of(spec, "readinessProbe")
        self.liveness = ProbeSpec.of(spec, "livenessProbe")
        self.declared = failing is not None  # the pod's first: the one whose behaviour is declared
        self.failing = failing or {}
        self.restarts = 0
        self.backed_off = 0  # restarts in a row that count for the back-off
        self.begun = 0
        self.up_at: int | None = None  # when its application answers; None: not known yet
        self.running = self.started = self.ready = self.ended = False
        self.code = 0
        waits = kind == MAIN and pod["spec"].get("initContainers")
        self.reason = "PodInitializing" if waits else "ContainerCreating"
        self.message = ""
        self.since = ""
        self.link: Link
        self.tasks: list[Task] = []

    def is_up(self, at: int) -> bool:
        """Say whether the application answers at an instant."""
        return self.running and self.up_at is not None and self.up_at <= at

    def cancel(self) -> None:
        """Nobody waits for anything of it any more."""
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.cancel()

    def status(self, granted: Mapping[str, Any]) -> dict[str, Any]:
        """Return its containerStatus; `granted` are the resources that it was told to have."""
        if self.running:
            state: dict[str, Any] = {"running": {"startedAt": self.since}}
        elif self.ended:
            left = {"message": self.message} if self.message else {}
            state = {
                "terminated": {
                    "exitCode": self.code, "reason": self.reason, "finishedAt": self.since, **left
                }
            }  # fmt: skip
        else:
            state = {"waiting": {"reason": self.reason}}
        told = {
            "name": self.name,
            "image": self.spec.get("image", ""),
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "resources": granted,
            "state": state,
        }
        if self.restarts and not self.ended:
            told["lastState"] = {"terminated": {"exitCode": self.code}}
        return told


def containers_of(pod: Resource, failing: Mapping[str, list[Failing]]) -> list[Container]:
    """Return a pod's containers in the order in which they start."""
    spec = pod["spec"]
    made = [
        Container(pod, one, SIDECAR if one.get("restartPolicy") == "Always" else INIT)
        for one in spec.get("initContainers") or ()
    ]
    first, *others = spec["containers"]
    return [*made, Container(pod, first, MAIN, failing), *(Container(pod, one, MAIN) for one in others)]


def first_main(containers: Sequence[Container]) -> Container:
    """Return the container whose behaviour is declared."""
    return next(one for one in containers if one.declared)


def pre_stop_ns(container: Mapping[str, Any], declared_ns: int) -> int:
    """Return how long a container's preStop hook takes: as it says itself, else as declared."""
    hook = (container.get("lifecycle") or {}).get("preStop")
    if hook is None:
        return 0
    seconds = (hook.get("sleep") or {}).get("seconds")
    command: Sequence[str] = (hook.get("exec") or {}).get("command") or ()
    if seconds is None and len(command) == 2 and command[0] == "sleep":
        seconds = float(command[1])
    return declared_ns if seconds is None else round(seconds * 1_000_000_000)
