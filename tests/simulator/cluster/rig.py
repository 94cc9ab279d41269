"""A modelled cluster with constant distributions: a test writes to its API and lets virtual time pass."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from engine.core.effects import Resource
from scenarios.parameters import defaults
from scenarios.runspec import ClusterSpec, EngineSpec
from simulator.agenda import Agenda
from simulator.attribution import Link, root
from simulator.checkers import ClusterChecker
from simulator.cluster.cluster import Cluster
from simulator.cluster.disruption import evict
from simulator.cluster.objects import is_active, is_ready, owner_of
from simulator.streams import Streams, entity
from tests.simulator.cluster.objects import Object, ref

MS = 1_000_000
S = 1_000_000_000


def constant(seconds: float) -> dict[str, Any]:
    return {"dist": "constant", "value_s": seconds}


# Every duration is its own round number, so that a sum tells what it is made of.
READ, WRITE, WATCH, SYNC, CYCLE = 3 * MS, 7 * MS, 2 * MS, 1 * MS, 4 * MS
REPORT = READ + WRITE  # a kubelet gets a pod before it patches its status
VOLUMES, START, STARTUP, EXIT = 300 * MS, 500 * MS, 1 * S, 2 * S
PARAMETERS = {
    "apiserver.service.read": constant(READ / S),
    "apiserver.service.write": constant(WRITE / S),
    "apiserver.service.list_per_object": 0,
    "watch.delay": constant(WATCH / S),
    "controller_manager.sync": constant(SYNC / S),
    "controller_manager.qps": 1000,
    "controller_manager.burst": 1000,
    "scheduler.cycle": constant(CYCLE / S),
    "scheduler.qps": 1000,
    "scheduler.burst": 1000,
    "kubelet.sync_latency": 0.0,
    "kubelet.volume_setup": constant(VOLUMES / S),
    "kubelet.container_start": constant(START / S),
    "kubelet.qps": 1000,
    "kubelet.burst": 1000,
}
BEHAVIOUR = {"startup": constant(STARTUP / S), "exit": constant(EXIT / S), "image_mb": 100}
ENGINE = EngineSpec(
    max_concurrency=None,
    step_slots=None,
    step_timeout_ns=600 * S,
    execution_timeout_ns=None,
    dispatch="fifo",
    client_qps=None,
    client_burst=1,
    decision_ns=0,
)


def cluster_spec(
    *objects: Object,
    behaviours: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> ClusterSpec:
    return ClusterSpec(
        name="test",
        kubernetes_version="1.34",
        objects=objects,
        behaviours={"*": BEHAVIOUR, **(behaviours or {})},
        parameters={**defaults(), **PARAMETERS, **(parameters or {})},
        overrides={},
    )


class Write(NamedTuple):
    """One write to the store."""

    at_ns: int
    kind: str
    before: Resource | None
    after: Resource | None


class Rig:
    """One cluster. Calls of the API act at once, as if they were being committed at this instant."""

    def __init__(
        self,
        *objects: Object,
        behaviours: Mapping[str, Mapping[str, Any]] | None = None,
        parameters: Mapping[str, Any] | None = None,
        seed: int = 1,
    ) -> None:
        self.agenda = Agenda()
        self._streams = Streams(seed, 0)
        spec = cluster_spec(*objects, behaviours=behaviours, parameters=parameters)
        self.cluster = Cluster(self.agenda, spec, ENGINE, self._streams)
        self.store = self.cluster.store
        self.checker = ClusterChecker(self.store)
        self.writes: list[Write] = []
        self.store.published.append(self._written)

    def _written(self, kind: str, before: Resource | None, after: Resource | None, _link: Link) -> None:
        self.writes.append(Write(self.agenda.now, kind, before, after))

    @property
    def now(self) -> int:
        return self.agenda.now

    @property
    def link(self) -> Link:
        return root(self.agenda.now)

    # What a client does.

    def get(self, kind: str, name: str) -> Resource:
        return self.store.get(ref(kind, name))

    def create(self, resource: Object) -> Resource:
        return self.store.create(resource, self.link)

    def patch(self, kind: str, name: str, changes: Object) -> Resource:
        return self.store.patch(ref(kind, name), changes, self.link)

    def scale(self, name: str, replicas: int) -> None:
        self.patch("Deployment", name, {"spec": {"replicas": replicas}})

    def roll_out(self, name: str, mark: str) -> None:
        """Change the template's annotations, as ``kubectl rollout restart`` does."""
        annotations = {"metadata": {"annotations": {"mark": mark}}}
        self.patch("Deployment", name, {"spec": {"template": annotations}})

    def delete(self, kind: str, name: str, grace_s: int | None = None) -> None:
        self.store.delete(ref(kind, name), self.link, None, grace_s)

    def evict(self, pod: str) -> None:
        evict(self.store, ref("Pod", pod), None, self.link)

    # Virtual time.

    def run(self, duration_ns: int) -> None:
        """Let time pass, up to but without the entries of the last instant."""
        self.agenda.run(until=self.agenda.now + duration_ns)

    def run_until(self, condition: Callable[[], bool], limit_ns: int = 600 * S) -> int:
        """Step to the first instant in which something is so, and return it."""
        end = self.agenda.now + limit_ns
        while not condition():
            assert self.agenda.peek() <= end, f"not so within {limit_ns / S} s"
            self.agenda.step()
        return self.agenda.now

    def relist_after(self, node: str, at_ns: int, period_ns: int = 1 * S) -> int:
        """The first instant from `at_ns` on at which a node's kubelet relists, reckoned from its phase."""
        phase = round(period_ns * self._streams.stream("kubelet").uniform(entity(f"pleg/{node}")))
        return at_ns + (phase - at_ns) % period_ns

    # What there is.

    def pods(self, app: str = "") -> list[Resource]:
        """All pods, or those of an app, in order of name."""
        pods = self.store.objects.get("Pod", {})
        return [
            pods[key] for key in sorted(pods) if not app or pods[key]["metadata"]["labels"].get("app") == app
        ]

    def active(self, app: str = "") -> list[Resource]:
        return [pod for pod in self.pods(app) if is_active(pod)]

    def ready(self, app: str = "") -> list[Resource]:
        return [pod for pod in self.active(app) if is_ready(pod)]

    def replicasets(self, app: str) -> list[Resource]:
        """Those of a Deployment, the oldest revision first."""
        found = self.store.objects.get("ReplicaSet", {}).values()
        owned = [one for one in found if (owner_of(one, "Deployment") or ("", ""))[1] == app]
        return sorted(owned, key=revision)

    def settled(self, app: str) -> bool:
        """Whether the Deployment says that it is as wanted, and is."""
        found = self.get("Deployment", app)
        status = found.get("status") or {}
        wanted = found["spec"]["replicas"]
        counts = [
            status.get(name, 0)
            for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        ]
        seen = status.get("observedGeneration") == found["metadata"]["generation"]
        return seen and counts == [wanted] * 4 and len(self.ready(app)) == len(self.pods(app)) == wanted

    def settle(self, app: str, limit_ns: int = 600 * S) -> int:
        return self.run_until(lambda: self.settled(app), limit_ns)


def revision(resource: Resource) -> int:
    return int((resource["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", 0))


def name_of(resource: Resource) -> str:
    name: str = resource["metadata"]["name"]
    return name


def node_of(pod: Resource) -> str:
    node: str = pod["spec"].get("nodeName", "")
    return node
