"""What every pod is given to bear: nodes that are not ready or not reachable, for five minutes.

The API server's DefaultTolerationSeconds plugin. Controllers' pods come with it
(`simulator.cluster.offspring`).
"""

from engine.core.effects import Resource
from simulator.cluster.offspring import TOLERATED


def tolerant(pod: Resource) -> Resource:
    """Return the pod with the tolerations that it lacks."""
    if "ownerReferences" in pod["metadata"]:
        return pod
    own = pod["spec"].get("tolerations") or ()
    lacking = [one for one in TOLERATED if not any(_bears(mine, one["key"]) for mine in own)]
    return {**pod, "spec": {**pod["spec"], "tolerations": [*own, *lacking]}} if lacking else pod


def _bears(toleration: Resource, key: object) -> bool:
    covers = toleration.get("key") == key or (
        not toleration.get("key") and toleration.get("operator") == "Exists"
    )
    return covers and toleration.get("effect") in (None, "", "NoExecute")
