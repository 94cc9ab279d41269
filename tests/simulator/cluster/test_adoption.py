"""What exists before time 0 and is not finished goes on from there."""

from typing import Any

from simulator.cluster.objects import condition_of, is_ready
from tests.simulator import worlds
from tests.theory.world import Control

SECOND_NS = 1_000_000_000
CONTAINER = {"name": "c", "image": "i:1"}


def pod(name: str, ready: str, **spec: Any) -> dict[str, Any]:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": "node-0", "containers": [CONTAINER], **spec},
        "status": status,
    }


def test_a_pod_that_was_not_ready_becomes_ready() -> None:
    control = Control([*worlds.nodes(1), pod("slow", "False")], None, worlds.behaviours(startup_s=1.0))
    control.run(60 * SECOND_NS)
    assert is_ready(control.store.objects["Pod"]["default", "slow"])


def test_a_job_that_was_there_is_carried_out() -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "default", "uid": "uid-j"},
        "spec": {
            "template": {
                "metadata": {"labels": {"job-name": "j"}},
                "spec": {"restartPolicy": "Never", "containers": [{**CONTAINER, "command": ["sleep", "3"]}]},
            }
        },
    }
    control = Control([*worlds.nodes(1), job], None, worlds.behaviours(startup_s=0.0))
    control.run(60 * SECOND_NS)
    assert condition_of(control.store.objects["Job"]["default", "j"], "Complete") == "True"
