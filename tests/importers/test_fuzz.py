"""Whatever a manifest says, an importer gives a workflow or says what is wrong: it never breaks down."""

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios import ScenarioError
from scenarios.document import Document, read_text
from scenarios.importers import import_file
from scenarios.workflows import WorkflowSource

MANIFEST: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "w-"},
    "spec": {
        "entrypoint": "main",
        "onExit": "leaf",
        "parallelism": 2,
        "activeDeadlineSeconds": 60,
        "arguments": {"parameters": [{"name": "n", "value": "3"}]},
        "templates": [
            {
                "name": "main",
                "steps": [
                    [
                        {
                            "name": "a",
                            "template": "leaf",
                            "withSequence": {"count": "{{workflow.parameters.n}}"},
                        }
                    ],
                    [
                        {"name": "b", "template": "dag", "when": "{{workflow.parameters.n}} == 3"},
                        {"name": "c", "template": "stop", "continueOn": {"failed": True}},
                    ],
                ],
            },
            {
                "name": "dag",
                "dag": {
                    "failFast": False,
                    "tasks": [
                        {"name": "x", "template": "leaf", "withItems": [1, 2]},
                        {"name": "y", "template": "leaf", "depends": "x.Failed || x"},
                    ],
                },
            },
            {"name": "stop", "suspend": {"duration": "20"}},
            {
                "name": "leaf",
                "retryStrategy": {"limit": 2, "backoff": {"duration": "1", "factor": 2, "maxDuration": "1m"}},
                "synchronization": {"mutexes": [{"name": "m"}]},
                "container": {"image": "busybox", "command": ["sh", "-c"], "args": ["sleep 2; exit 1"]},
            },
        ],
    },
}
INSTANCE: dict[str, Any] = {
    "name": "w",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {"tasks": [{"id": "a", "parents": []}, {"id": "b", "parents": ["a"]}]},
        "execution": {
            "machines": [{"cpu": {"coreCount": 4}}],
            "makespanInSeconds": 9,
            "tasks": [{"id": "a", "runtimeInSeconds": 2}, {"id": "b", "runtimeInSeconds": 3}],
        },
    },
}
REMEDIATION: dict[str, Any] = {
    "apiVersion": "kubernaut.ai/v1alpha1",
    "kind": "RemediationWorkflow",
    "metadata": {"name": "w"},
    "spec": {
        "description": {"what": "something"},
        "actionType": "PatchHPA",
        "execution": {"engine": "job", "bundle": "image"},
        "parameters": [{"name": "MAX_REPLICAS", "default": 3, "description": "how many"}],
    },
}
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e300,
    "",
    "x",
    "{{item}}",
    "{{",
    "a && ",
    [],
    {},
    [None],
    [[]],
    {"a": 1},
]
ODD: st.SearchStrategy[Any] = st.sampled_from(VALUES)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every place in a document."""
    inner: list[tuple[Any, ...]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        inner += [(*path, key), *places(item, (*path, key))]
    return inner


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_importer_never_breaks_down(data: st.DataObject, tmp_path: Path) -> None:
    changed = copy.deepcopy(data.draw(st.sampled_from([MANIFEST, INSTANCE, REMEDIATION])))
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(places(changed)))
        holder: Any = changed
        for key in where[:-1]:
            holder = holder[key]
        if data.draw(st.booleans()):
            holder[where[-1]] = copy.deepcopy(data.draw(ODD))  # it may be changed in its turn
        elif isinstance(holder, dict):
            del holder[where[-1]]
        if not changed or not places(changed):
            return
    file = tmp_path / "changed.json"
    file.write_text(json.dumps(changed))
    try:
        text = import_file(file).to_yaml()
        source = WorkflowSource.read(read_text(text, "imported.yaml"))
        source.build(source.values({}, Document("s")), ("TARGET_RESOURCE_NAME", "TARGET_RESOURCE_NAMESPACE"))
    except ScenarioError:
        return
