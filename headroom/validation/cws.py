"""Row P: the pod waits of recorded Nextflow runs, replayed as they were submitted.

Source: CommonWorkflowScheduler/ExperimentsAndResults@6731861c, evaluation/CPU: six nf-core workflows on four
workers of 32 CPUs and 128 GiB, strategy `original` (the default scheduler). Submitted at the recorded
instants, with the recorded requests and run times; the scheduler's back-off, the nodes' memory and the serial
start of pods make the waits. One parameter set serves all six: it was fitted to the first recording of each,
so those rows are fits; the second recordings were left out of the fit, and their rows are predictions.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.core.effects import Resource
from headroom.validation.estimates import mean_of
from headroom.validation.laboratory import SECOND_NS, Laboratory, constant, node
from headroom.validation.row import Row, Settings
from scenarios.parameter import lognormal
from simulator.attribution import Link, root

_SOURCE = "CommonWorkflowScheduler/ExperimentsAndResults, evaluation/CPU"
_FOLDER = Path("k8s/cws")
WORKFLOWS: Final = ("ampliseq", "atacseq", "chipseq", "mag", "nanoseq", "rnaseq")
FITTED: Final = 1
HELD_OUT: Final = 2
PARAMETERS: Final[Mapping[str, Any]] = {
    "kubelet.volume_setup": constant(2.5),
    "kubelet.container_start": lognormal(3.0, 0.25),
    "kubelet.pod_teardown": constant(0.5),
}
"""The one parameter set. Pods are started one after the other, for about 3 s each, and taken down so too."""
_WORKERS = 4
_CPU = "32"
_MEMORY = "125Gi"  # 128 GiB less what the system keeps: the most that any node held was 124
_REPLICATIONS_MAX = 5
MEDIAN_AIM: Final = (0.75, 1.25)
P90_AIM: Final = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Submission:
    """One recorded pod: instants in ns from the whole second of the first submission."""

    at_ns: int
    wait_ns: int
    run_ns: int
    cpus: str
    memory: str


def rows(settings: Settings) -> Iterator[Row]:
    """Replay both recordings of each workflow."""
    if settings.data is None:
        return
    for recording in (FITTED, HELD_OUT):
        for workflow in WORKFLOWS:
            yield from _compared(settings, settings.data, workflow, recording)


def _compared(settings: Settings, data: Path, workflow: str, recording: int) -> Iterator[Row]:
    submissions = read(data, workflow, recording)
    recorded = [one.wait_ns / SECOND_NS for one in submissions]
    count = min(settings.replications, _REPLICATIONS_MAX)
    replayed = [replay(submissions, settings.seed, number) for number in range(count)]
    for name, share, aim in (("median", 50, MEDIAN_AIM), ("p90", 90, P90_AIM)):
        model, low, high, n = mean_of([float(np.percentile(waits, share)) for waits in replayed])
        yield Row(
            "P", f"{workflow}, recording {recording}: {name} pod wait", "s",
            float(np.percentile(recorded, share)), "fit" if recording == FITTED else "prediction",
            model, low, high, n, aim, _SOURCE,
        )  # fmt: skip


def read(data: Path, workflow: str, recording: int) -> list[Submission]:
    """Return the pods of one recording in order of submission."""
    path = data / _FOLDER / f"{workflow}__original__{recording}.csv"
    with path.open(newline="", encoding="utf-8") as file:
        recorded = sorted(csv.DictReader(file), key=lambda row: (int(row["submit"]), int(row["task_id"])))
    zero_ms = int(recorded[0]["submit"]) // 1000 * 1000
    return [_submission(row, zero_ms) for row in recorded]


def _submission(row: Mapping[str, str], zero_ms: int) -> Submission:
    submit, start, complete = int(row["submit"]), int(row["start"]), int(row["complete"])
    # Start and end are whole seconds; the script's own time says more of a pod that took less than one.
    run_ms = max(complete - start, int(row["realtime"]), 1)
    return Submission(
        at_ns=(submit - zero_ms) * 1_000_000,
        wait_ns=(start - submit) * 1_000_000,
        run_ns=run_ms * 1_000_000,
        cpus=row["cpus"],
        memory=row["memory"],
    )


def replay(submissions: Sequence[Submission], seed: int, replication: int) -> list[float]:
    """Submit the pods to a modelled cluster; return each one's wait in s, told in whole seconds too."""
    workers = [node(f"worker-{number}", _CPU, _MEMORY) for number in range(_WORKERS)]
    laboratory = Laboratory(workers, seed, replication, parameters=PARAMETERS)
    waits: dict[str, float] = {}
    over = laboratory.agenda.event()

    def written(kind: str, _before: Resource | None, after: Resource | None, _link: Link) -> None:
        if kind != "Pod" or after is None or after["metadata"]["name"] in waits:
            return
        begun = laboratory.cluster.kubelets.get(after["spec"].get("nodeName", ""))
        started = begun.begun(after) if begun is not None else None
        if started is not None:
            name = after["metadata"]["name"]
            told = started // SECOND_NS * SECOND_NS
            waits[name] = (told - submissions[int(name)].at_ns) / SECOND_NS
            if len(waits) == len(submissions):
                over.succeed()

    laboratory.store.published.append(written)
    for number, one in enumerate(submissions):
        pod = _pod(number, one)
        laboratory.agenda.after(one.at_ns, partial(_create, laboratory, pod))
    laboratory.agenda.run(until=over)
    return [waits[str(number)] for number in range(len(submissions))]


def _create(laboratory: Laboratory, pod: Resource, _entry: None) -> None:
    laboratory.store.create(pod, root(laboratory.agenda.now))


def _pod(number: int, submission: Submission) -> dict[str, Any]:
    requests = {"cpu": submission.cpus, "memory": submission.memory}
    container = {"name": "c", "image": "task:1", "resources": {"requests": requests}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": str(number),
            "namespace": "default",
            "labels": {},
            "annotations": {"headroom.dev/run-s": str(submission.run_ns / SECOND_NS)},
        },
        "spec": {"containers": [container], "restartPolicy": "Never"},
        "status": {"phase": "Pending"},
    }
