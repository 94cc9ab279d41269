"""CPU and memory over time, as files write them."""

from typing import Any

import pytest

from scenarios.behaviour_schema import Behaviour
from scenarios.units import UnitError
from scenarios.usage import format_cpu_use, format_memory_use, parse_cpu, parse_memory


@pytest.mark.parametrize(
    "written",
    [
        "150m",
        {"use": "150m", "startup": "2"},
        {"use": [{"at": "0s", "cpu": "100m"}, {"at": "5m", "cpu": "2"}], "of": "workload"},
    ],
)
def test_a_use_of_cpu_is_written_back_as_it_was(written: Any) -> None:
    parsed = parse_cpu(written)
    assert format_cpu_use(parsed) == written
    assert parse_cpu(format_cpu_use(parsed)) == parsed


@pytest.mark.parametrize(
    "written", ["200Mi", {"use": [{"at": "0s", "memory": "1Mi"}, {"at": "1s", "memory": "2Gi"}]}]
)
def test_a_use_of_memory_is_written_back_as_it_was(written: Any) -> None:
    assert format_memory_use(parse_memory(written)) == written


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("fast", "'fast' is not a Kubernetes quantity"),
        ({"startup": "1"}, "a use of CPU with the keys startup"),
        ({"use": "1", "of": "node"}, "a use of 'node'"),
        ({"use": []}, "no point in time"),
        ({"use": [{"at": "1s", "cpu": "1"}]}, "a first point at 1 s"),
        (
            {"use": [{"at": "0s", "cpu": "1"}, {"at": "0s", "cpu": "2"}]},
            "0s is not after the point before it",
        ),
        ({"use": [{"at": "0s", "memory": "1"}]}, "{'at': '0s', 'memory': '1'} is not a point in time"),
        ({"use": [{"at": "0s", "cpu": "1"}] * 10_001}, "10001 points in time"),
    ],
)
def test_what_is_wrong_with_a_use_is_said(given: Any, says: str) -> None:
    with pytest.raises(UnitError) as refused:
        parse_cpu(given)
    assert refused.value.message.startswith(says)


def test_failing_probes_are_carried_in_seconds() -> None:
    said = Behaviour.model_validate(
        {"failing_probes": [{"probe": "liveness", "begins": "1s", "ends": "2s", "starts": 1}]}
    )
    assert said.declared() == {
        "failing_probes": [{"probe": "liveness", "begins_s": 1.0, "ends_s": 2.0, "starts": 1}]
    }
    with pytest.raises(ValueError, match="an end that is not after its beginning"):
        Behaviour.model_validate({"failing_probes": [{"probe": "startup", "begins": "2s", "ends": "2s"}]})
