"""Row A: Argo Workflows' controller behind its client's token bucket.

Source: CNOE blog, June 2024 (cnoe-io/website@3c580c33, argo-workflows-scalability): Argo Workflows 3.5.4 on
50 m5.large nodes, workflows of one step, pods removed when they succeed. 32 workers drain 5,000 queued
workflows in 17 to 19 minutes at 20/30 and in 12 at 30/40, 96 workers in 16; rates were raised in steps of 30
a minute, and the highest that were kept up with are 270, 420 and 330 a minute.

Its controller makes four requests a workflow (workflow/controller/operator.go): it creates the pod, writes
the workflow when it runs and when it is over, and deletes the pod. That it is four and not five (a pod that
is pending and runs within one reconciliation is written once) was settled by the rate at 20/30, which is a
fit therefore; nothing else was set by these figures. How many workers there are does not matter to the
model: it is the bucket that they all wait for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.definition import Step, Workflow
from engine.core.effects import Create, Delete, Patch, Ref, Resource, Selection, WaitUntil
from engine.core.limits import Limits
from headroom.validation.laboratory import DAY_NS, SECOND_NS, Laboratory, Submission, engine, node
from headroom.validation.row import Kind, Row, Settings
from scenarios.engine_presets import ENGINE_PRESETS
from simulator.cluster.behaviour import RUN_S

_SOURCE = "CNOE blog 2024-06, argo-workflows-scalability"
_AIM = (0.85, 1.15)
_QUEUED, _NODES = 5_000, 50
_RAISED = (30.0, 40)  # QPS and burst of the third experiment
_RATES = {20.0: (("32 workers", 270), ("96 workers", 330)), 30.0: (("32 workers", 420),)}  # a minute
_DRAINS_MIN = {
    20.0: (
        ("32 workers", 17.0),
        ("32 workers, again", 19.0),
        ("32 workers, one shard", 18.0),
        ("96 workers", 16.0),
    ),
    30.0: (("32 workers", 12.0),),
}


def rows(settings: Settings) -> Iterator[Row]:
    """Drain the queue at both limits."""
    preset = {given.path: given.value for given in ENGINE_PRESETS["argo-workflows"]}
    for qps, burst in ((preset["client.qps"], preset["client.burst"]), _RAISED):
        minutes = drain_minutes(float(qps), int(burst), settings.seed)
        for what, reference in _RATES[qps]:
            kind: Kind = "fit" if (qps, what) == (preset["client.qps"], "32 workers") else "prediction"
            yield Row(
                "A", f"workflows a minute at qps {qps:g}, {what}", "1/min", reference, kind,
                _QUEUED / minutes, None, None, 1, _AIM, _SOURCE,
            )  # fmt: skip
        for what, drained in _DRAINS_MIN[qps]:
            yield Row(
                "A", f"drain of 5,000 workflows at qps {qps:g}, {what}", "min", drained, "prediction",
                minutes, None, None, 1, _AIM, _SOURCE,
            )  # fmt: skip


def drain_minutes(qps: float, burst: int, seed: int) -> float:
    """Return how long the controller takes for all that is queued."""
    objects = [node(f"node-{number}", cpu="2", memory="8Gi", pods="29") for number in range(_NODES)]
    objects += [_workflow(number) for number in range(_QUEUED)]
    laboratory = Laboratory(objects, seed, client=engine(qps, burst))
    step = Step("s", action="argo_workflow", parameters={"number": "${number}"})
    submissions = [Submission(Workflow("w", (step,)), variables={"number": n}) for n in range(_QUEUED)]
    limits = Limits(step_timeout_ns=DAY_NS)
    laboratory.execute(submissions, {"argo_workflow": _ONE_STEP}, limits)
    return laboratory.agenda.now / SECOND_NS / 60


def _workflow(number: int) -> dict[str, Any]:
    metadata = {"name": f"w{number}", "namespace": "default"}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": {}}


async def _reconcile(_context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Do for one workflow of one step what Argo's controller does."""
    name = f"w{parameters['number']}"
    workflow = Ref("Workflow", name, "default")
    requests = {"cpu": "10m", "memory": "64Mi"}  # of Argo's executor beside the container
    container = {"name": "main", "image": "docker/whalesay:1", "resources": {"requests": requests}}
    await Create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "annotations": {RUN_S: "1"}},
            "spec": {"containers": [container], "restartPolicy": "Never"},
        }
    )
    await Patch(workflow, {"status": {"phase": "Running"}})
    await WaitUntil((Selection("Pod", "default", name=name),), _succeeded, f"{name} ends")
    await Patch(workflow, {"status": {"phase": "Succeeded"}})
    await Delete(Ref("Pod", name, "default"))
    return {}


def _succeeded(pods: Sequence[Resource]) -> bool | None:
    return True if pods and (pods[0].get("status") or {}).get("phase") == "Succeeded" else None


_ONE_STEP = ActionSpec(
    "argo_workflow",
    _reconcile,
    {"number": Parameter("any", required=True, summary="")},
    4,
    "Run a workflow of one step as Argo does.",
)
