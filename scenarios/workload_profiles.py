"""From the names of workload profiles to their Deployments."""

from collections.abc import Iterable
from pathlib import Path as FilePath

from scenarios.cluster_schema import DeploymentEntry, Workloads, WorkloadsFile
from scenarios.document import Document
from scenarios.errors import Path, dotted
from scenarios.problems import validated
from scenarios.shipped import open_named


def deployments_of(
    named: Iterable[Workloads], document: Document, place: Path, base: FilePath
) -> tuple[DeploymentEntry, ...]:
    """Return the Deployments of the profiles that `document` names at `place`; paths start at `base`."""
    found: list[DeploymentEntry] = []
    for index, workloads in enumerate(named):
        at = (*place, index)
        file = open_named("workload profile", workloads.profile, base, document.mark(at), dotted(at))
        entries = validated(WorkloadsFile, file).deployments
        if workloads.namespace is not None:
            entries = tuple(it.model_copy(update={"namespace": workloads.namespace}) for it in entries)
        found += entries
    return tuple(found)
