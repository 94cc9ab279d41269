"""`compact_storage`: compress old files of a volume, by a Job."""

from collections.abc import Mapping
from typing import Any

from engine.actions.jobs import RBAC, container, run_to_end
from engine.actions.storage import DATA, PATH, SHARED, WORK, check, check_days, mounted
from engine.actions.targets import get_target, named, rule
from engine.core.action import ActionContext, ActionSpec, Parameter
from engine.core.effects import Ref


async def compact_storage(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Run gzip, by find, in a Job that mounts the claim, on files of `pattern` older than so many days.

    The claim missing: `TargetMissing`. Nothing to compress: the Job ends well. The Job failing (no space):
    JobFailed; a second start adopts its Job, a further attempt compresses what is left.
    """
    path = check("compact_storage", parameters)
    days = check_days("compact_storage", parameters)
    await get_target(Ref("PersistentVolumeClaim", parameters["pvc"], parameters["namespace"]))
    which = ["-type", "f", "-name", parameters["pattern"], "!", "-name", "*.gz", "-mtime", days]
    command = ["find", path, *which, "-exec", "gzip", "-f", "{}", "+"]
    pod_spec = mounted(container(parameters, command), {DATA: parameters["pvc"]})
    return {"job": await run_to_end(context, "compact", parameters, pod_spec)}


SPEC = ActionSpec(
    name="compact_storage",
    run=compact_storage,
    parameters={
        **SHARED,
        "path": PATH,
        "pattern": Parameter("string", default="*.log", summary="which files, as find -name reads it"),
        "older_than_days": Parameter("integer", required=True, summary="files last changed before that"),
        **WORK,
    },
    calls_min=2,
    summary="compress old files of a volume, by a Job",
    target=named("PersistentVolumeClaim", "pvc"),
    rbac=(*RBAC, rule("persistentvolumeclaims", "get")),
    precondition="the claim exists and can be mounted beside the pods that use it",
    post_condition="every such file is compressed (.gz)",
    irreversible="files are not uncompressed by themselves: gunzip restores each",
)
