import json

import pytest

from scenarios import json_schema, reference_markdown, shipped
from scenarios.metrics import METRICS, find_metric


@pytest.mark.parametrize("kind", ["scenario", "workflow", "cluster", "workloads"])
def test_the_schema_is_plain_json_and_refuses_unknown_keys(kind: str) -> None:
    schema = json_schema(kind)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    assert "apiVersion" in schema["required"]


def test_every_key_of_every_file_is_in_the_reference() -> None:
    text = reference_markdown()
    for kind in ("scenario", "workflow", "cluster", "workloads"):
        schema = json_schema(kind)
        for node in (schema, *schema["$defs"].values()):
            for key in node.get("properties", ()):
                assert f"| `{key}` |" in text


def test_every_metric_is_in_the_reference() -> None:
    assert all(f"| `{name}` |" in reference_markdown() for name in METRICS)


def test_families_of_metrics_need_a_name() -> None:
    assert find_metric("checks.lost_updates") is not None
    assert find_metric("checks.") is None
    assert find_metric("makespam") is None


def test_what_is_shipped_is_sorted() -> None:
    assert list(shipped()) == sorted(shipped())
