"""No parameter is for show: each one is read when a cluster is built."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scenarios import CATALOGUE
from simulator import simulate
from tests.simulator import worlds
from tests.simulator.cluster.test_cluster_autoscaler import ONE, scaled
from tests.simulator.worlds import run_spec


class Noting(Mapping[str, Any]):
    """Parameters that remember who was asked for."""

    def __init__(self, values: Mapping[str, Any], asked: dict[str, None]) -> None:
        self.values_by_name = values
        self.asked = asked

    def __getitem__(self, name: str) -> Any:
        self.asked[name] = None
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __deepcopy__(self, memo: Any) -> dict[str, Any]:
        return dict(self.values_by_name)  # the digest of the spec is not a reader


def test_every_parameter_is_read() -> None:
    """On a plain cluster, on a machine of few cores with simulated kubelets, or with pools that grow."""
    asked: dict[str, None] = {}
    hosted = worlds.cluster(worlds.small_objects(), {"host.cores": 2, "kwok.nodes": True})
    for cluster in (worlds.cluster(worlds.small_objects()), hosted, scaled(ONE)):
        simulate(run_spec(on=replace(cluster, parameters=Noting(cluster.parameters, asked)), load=1))
    assert sorted(asked) == sorted(CATALOGUE)
