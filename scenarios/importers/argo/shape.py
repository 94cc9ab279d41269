"""The shape of an Argo manifest, as far as it is read."""

from typing import Any, Final

_PARAMETERS: Final = [{"name!": "text", "valueFrom": {"parameter": "text"}}]
_ARGUMENTS: Final = {"parameters": _PARAMETERS, "artifacts": "list"}
_SYNCHRONIZATION: Final = {
    "mutex": {"name": "text", "namespace": "text"},
    "mutexes": [{"name": "text", "namespace": "text"}],
    "semaphore": {"configMapKeyRef": {"name": "text", "key": "text"}},
    "semaphores": [{"configMapKeyRef": {"name": "text", "key": "text"}}],
}
_RETRY: Final = {
    "limit": "text",
    "retryPolicy": "text",
    "expression": "text",
    "backoff": {"duration": "text", "factor": "number", "cap": "text", "maxDuration": "text"},
}
_STEP: Final = {
    "name!": "name",
    "template": "text",
    "templateRef": {"name": "text", "template": "text"},
    "arguments": _ARGUMENTS,
    "when": "text",
    "depends": "text",
    "dependencies": ["text"],
    "continueOn": "mapping",
    "withItems": "list",
    "withParam": "text",
    "withSequence": {"count": "text", "start": "text", "end": "text", "format": "text"},
}
_CONTAINER: Final = {
    "image": "text",
    "command": ["text"],
    "args": ["text"],
    "source": "text",
    "resources": {
        "requests": {"cpu": "text", "memory": "text"},
        "limits": {"cpu": "text", "memory": "text"},
    },
}
_TEMPLATE: Final = {
    "name!": "name",
    "inputs": {"parameters": _PARAMETERS, "artifacts": "list"},
    "outputs": {"parameters": _PARAMETERS, "artifacts": "list"},
    "steps": [([_STEP], _STEP)],
    "dag": {"tasks!": [_STEP], "target": "text"},
    "container": _CONTAINER,
    "script": _CONTAINER,
    "resource": "mapping",
    "suspend": {"duration": "text"},
    "retryStrategy": _RETRY,
    "synchronization": _SYNCHRONIZATION,
    "nodeSelector": "mapping",
    "activeDeadlineSeconds": "text",
    "timeout": "text",
    "parallelism": "number",
}
MANIFEST: Final[dict[str, Any]] = {
    "kind": "text",
    "metadata": {"name": "text", "generateName": "text", "namespace": "text", "annotations": "mapping"},
    "spec": {
        "entrypoint": "text",
        "onExit": "text",
        "parallelism": "number",
        "activeDeadlineSeconds": "text",
        "arguments": _ARGUMENTS,
        "templates": [_TEMPLATE],
        "templateDefaults": {key: shape for key, shape in _TEMPLATE.items() if key != "name!"},
        "retryStrategy": _RETRY,
        "synchronization": _SYNCHRONIZATION,
        "nodeSelector": "mapping",
        "workflowTemplateRef": {"name": "text"},
    },
    "status": {"nodes": "mapping"},
}
"""Keys that are not here pass, and are judged by `scenarios.importers.argo.fields`."""
