"""`backup_data`: archive the files of one volume onto another, by a Job."""

from collections.abc import Mapping
from typing import Any

from engine.actions.identity import writer_of
from engine.actions.jobs import RBAC, container, run_to_end
from engine.actions.storage import DATA, PATH, SHARED, WORK, check, mounted
from engine.actions.targets import get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import Ref

BACKUP = "/backup"


async def backup_data(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run tar in a Job that mounts both claims; the archive is named after execution and step.

    A claim missing: `TargetMissing`. The Job failing (no space, unreadable files): JobFailed; a second start
    adopts its Job, a further attempt writes the same archive anew.
    """
    path = check("backup_data", parameters)
    if parameters["backup_pvc"] == parameters["pvc"]:
        raise InvalidParameters("backup_data: 'backup_pvc' must be another claim than 'pvc'")
    for claim in (parameters["pvc"], parameters["backup_pvc"]):
        await get_target(Ref("PersistentVolumeClaim", claim, parameters["namespace"]))
    archive = f"{parameters['pvc']}-{writer_of(context)}.tar.gz"
    command = ["tar", "-czf", f"{BACKUP}/{archive}", "-C", path, "."]
    claims = {DATA: parameters["pvc"], BACKUP: parameters["backup_pvc"]}
    pod_spec = mounted(container(parameters, command), claims)
    job = await run_to_end(context, "backup", parameters, pod_spec)
    return {"job": job, "archive": archive, "backup_pvc": parameters["backup_pvc"]}


SPEC = ActionSpec(
    name="backup_data",
    run=backup_data,
    parameters={
        **SHARED,
        "backup_pvc": Parameter("string", required=True, summary="the claim that takes the archive"),
        "path": PATH,
        **WORK,
    },
    calls_min=3,
    summary="archive the files of one volume onto another, by a Job",
    target=named("PersistentVolumeClaim", "pvc"),
    rbac=(*RBAC, rule("persistentvolumeclaims", "get")),
    precondition="both claims exist and can be mounted by one pod",
    post_condition="the archive is complete on the other volume",
    irreversible="a backup changes nothing that would have to be undone; the archive is kept",
)
