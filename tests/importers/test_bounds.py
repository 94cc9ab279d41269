"""What a manifest can make an importer do is bounded, and what it cannot make sense of does no harm."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios import ScenarioError
from scenarios.document import read_text
from scenarios.importers import Imported, import_file
from scenarios.importers.argo.outcomes import read_outcome

LONG = "9" * 5_000


def imported(folder: Path, *templates: dict[str, Any], status: Any = None, **more: Any) -> Imported:
    spec = {"entrypoint": "main", "templates": list(templates), **more.pop("spec", {})}
    data = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": spec}
    file = folder / "w.json"
    file.write_text(json.dumps(data if status is None else {**data, "status": status}), encoding="utf-8")
    return import_file(file, **more)


def leaf(name: str = "main", **more: Any) -> dict[str, Any]:
    return {"name": name, "container": {"image": "a", "command": ["true"]}, **more}


def looping(**loop: Any) -> dict[str, Any]:
    return {"name": "main", "steps": [[{"name": "s", "template": "leaf", **loop}]]}


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ({"withSequence": {"count": "1000000000"}}, "a sequence of 1000000000; expected at most 10000"),
        ({"withSequence": {"end": "-1000000000", "format": "%d"}}, "a sequence of 1000000001"),
        ({"withSequence": {"count": "3", "format": "%99999999999d"}}, "format '%99999999999d'"),
        ({"withSequence": {"count": "3", "format": "%d %d"}}, "format '%d %d'"),
        ({"withSequence": {"count": "3", "format": "%s%d"}}, "format '%s%d'"),
        ({"withItems": list(range(10_001))}, "a list of 10001 items"),
        ({"withParam": json.dumps(list(range(10_001)))}, "a list of 10001 items"),
    ],
)
def test_a_loop_is_not_expanded_beyond_its_bound(loop: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        imported(tmp_path, looping(**loop), leaf("leaf"))
    assert said in str(caught.value)


def test_a_form_of_one_number_is_spelled_out(tmp_path: Path) -> None:
    loop = {"withSequence": {"start": "9", "count": "2", "format": "node-%02X.x"}}
    (step,) = imported(tmp_path, looping(**loop), leaf("leaf")).data["steps"]
    assert step["items"] == ["node-09.x", "node-0A.x"]


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        ("exit $((RANDOM % 1000000000))", (0,)),
        ("exit $((RANDOM % 0))", (0,)),
        ("sys.exit(random.choice([01,,2]))", (0,)),
        ("sys.exit(random.choice([0, 300]))", (0, 44)),
        ("exit 300", (44,)),
        (f"exit {LONG}", (0,)),
        (f"sleep {LONG}", (0,)),
    ],
)
def test_odd_commands_are_read_as_a_shell_would_or_not_at_all(command: str, codes: tuple[int, ...]) -> None:
    found = read_outcome({"container": {"command": ["sh", "-c", command]}}, str, str)
    assert (found.exit_codes, found.duration_s) == (codes, 1.0)


@pytest.mark.parametrize("size", ["100000000", LONG])
def test_a_list_too_long_is_not_read(size: str) -> None:
    source = f"json.dump([i for i in range(0, {size})], sys.stdout)"
    assert read_outcome({"script": {"source": source}}, str, str).outputs == ()


def test_values_that_nest_without_end_are_texts(tmp_path: Path) -> None:
    deep = "[" * 100_000
    found = imported(tmp_path, leaf(), spec={"arguments": {"parameters": [{"name": "x", "value": deep}]}})
    assert found.data["parameters"]["x"]["default"] == deep


@pytest.mark.parametrize(
    ("node", "seconds", "codes"),
    [
        ({}, 1.0, [0]),
        ({"startedAt": "soon", "finishedAt": "2024-01-01T00:00:00Z"}, 1.0, [0]),
        ({"startedAt": "2024-01-01T00:00:00", "finishedAt": "2024-01-01T00:00:02Z"}, 2.0, [0]),
        ({"phase": "Failed", "message": "exit code 999999"}, 1.0, [1]),
        ({"phase": "Failed", "message": "Error (exit code 137)"}, 1.0, [137]),
    ],
)
def test_a_status_that_is_cut_short_is_read_as_far_as_it_goes(
    node: dict[str, str], seconds: float, codes: list[int], tmp_path: Path
) -> None:
    nodes = {"n": {"type": "Pod", "phase": "Succeeded", "displayName": "main", **node}}
    parameters = imported(tmp_path, leaf(), status={"nodes": nodes}).data["parameters"]
    assert (parameters["main_s"]["default"], parameters["main_exit_codes"]["default"]) == (seconds, codes)


@pytest.mark.parametrize("count", ["abc", 0, -1, LONG])
def test_a_semaphore_counts(count: Any, tmp_path: Path) -> None:
    lock = {"semaphore": {"configMapKeyRef": {"name": "a", "key": "b"}}}
    with pytest.raises(ScenarioError, match="semaphore a/b has the count"):
        imported(tmp_path, leaf(synchronization=lock), declared={"a/b": {"semaphore": count}})


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        ({"daemon": True}, "spec.templateDefaults.daemon: daemon: a daemon container"),
        ({"bogus": 1}, "spec.templateDefaults.bogus: unknown field 'bogus'"),
        ({"container": {"image": "b"}}, "a container that templates share cannot be expressed"),
    ],
)
def test_defaults_of_templates_are_judged_as_templates_are(
    defaults: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError) as caught:
        imported(tmp_path, leaf(), spec={"templateDefaults": defaults})
    assert said in str(caught.value)


def test_no_text_of_the_source_breaks_out_of_a_comment(tmp_path: Path) -> None:
    image = "a\x07\u2028steps: []\nsteps: []\x00"
    found = imported(tmp_path, {"name": "main", "container": {"image": image}})
    text = replace(found, source="w\nsteps: [].json").to_yaml()
    assert [step["id"] for step in read_text(text, "w.yaml").data["steps"]] == ["main"]


def test_a_limit_is_a_request_where_there_is_none(tmp_path: Path) -> None:
    resources = {"limits": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": 1}, "requests": {"cpu": "1"}}
    found = imported(tmp_path, {"name": "main", "container": {"image": "a", "resources": resources}})
    (step,) = found.data["steps"]
    assert (step["parameters"]["cpu"], step["parameters"]["memory"]) == ("1", "4Gi")
    assert any("nvidia.com/gpu: may decide where or when pods run" in note for note in found.notes)


def test_artifacts_that_steps_hand_over_are_noted(tmp_path: Path) -> None:
    found = imported(tmp_path, looping(arguments={"artifacts": [{"name": "x"}]}), leaf("leaf"))
    assert "template 'main': artifacts are not handed over" in found.notes


def test_arguments_of_a_workflow_and_of_its_template_are_merged_by_name(tmp_path: Path) -> None:
    def arguments(**values: str) -> dict[str, Any]:
        return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}

    base = {"entrypoint": "main", "templates": [leaf()], "arguments": arguments(a="base", b="base")}
    own = {"workflowTemplateRef": {"name": "lib"}, "arguments": arguments(b="own")}
    api = {"apiVersion": "argoproj.io/v1alpha1"}
    file = tmp_path / "w.yaml"
    file.write_text(
        json.dumps({**api, "kind": "Workflow", "metadata": {"name": "w"}, "spec": own})
        + "\n---\n"
        + json.dumps({**api, "kind": "WorkflowTemplate", "metadata": {"name": "lib"}, "spec": base})
    )
    parameters = import_file(file).data["parameters"]
    assert (parameters["a"]["default"], parameters["b"]["default"]) == ("base", "own")
