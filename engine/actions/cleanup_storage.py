"""`cleanup_storage`: delete old files of a volume, by a Job."""

from collections.abc import Mapping
from typing import Any

from engine.actions.jobs import RBAC, container, run_to_end
from engine.actions.storage import DATA, PATH, SHARED, WORK, check, check_days, mounted
from engine.actions.targets import get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Ref


async def cleanup_storage(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run find in a Job that mounts the claim: files of `pattern` older than so many days are deleted.

    The claim missing: `TargetMissing`. Nothing to delete: the Job ends well. The Job failing: JobFailed; a
    second start adopts its Job, a further attempt deletes what is left.
    """
    path = check("cleanup_storage", parameters)
    days = check_days("cleanup_storage", parameters)
    await get_target(Ref("PersistentVolumeClaim", parameters["pvc"], parameters["namespace"]))
    command = ["find", path, "-type", "f", "-name", parameters["pattern"], "-mtime", days, "-delete"]
    pod_spec = mounted(container(parameters, command), {DATA: parameters["pvc"]})
    return {"job": await run_to_end(context, "cleanup", parameters, pod_spec)}


SPEC = ActionSpec(
    name="cleanup_storage",
    run=cleanup_storage,
    parameters={
        **SHARED,
        "path": PATH,
        "pattern": Parameter("string", default="*", summary="which files, as find -name reads it"),
        "older_than_days": Parameter("integer", required=True, summary="files last changed before that"),
        **WORK,
    },
    calls_min=2,
    summary="delete old files of a volume, by a Job",
    target=named("PersistentVolumeClaim", "pvc"),
    rbac=(*RBAC, rule("persistentvolumeclaims", "get")),
    precondition="the claim exists and can be mounted beside the pods that use it",
    post_condition="no file of the pattern is older",
    irreversible="deleted files are gone: run backup_data first",
)
