"""Claims: provisioned, expanded online and offline, refused as the API server refuses."""

from typing import Any

import pytest

from engine.core.effects import Ref
from engine.core.errors import Forbidden, Invalid
from simulator.cluster.objects import is_ready
from tests.simulator.cluster.objects import NAMESPACE, bare_pod, node
from tests.simulator.cluster.rig import WATCH, WRITE, Rig, S
from tests.simulator.cluster.sets import claim, mounting, storage_class

PROVISION, EXPAND, FILESYSTEM = 3 * S, 5 * S, 1 * S
DATA = Ref("PersistentVolumeClaim", "data", NAMESPACE)


def rig_of(*objects: Any, expands: bool = True) -> Rig:
    return Rig(node("n1"), storage_class(expands=expands), claim("data"), *objects)


def expand(rig: Rig, size: str) -> None:
    changes = {"spec": {"resources": {"requests": {"storage": size}}}}
    rig.cluster.patch(DATA, changes, rig.link, None, "")


def status(rig: Rig) -> Any:
    return rig.get("PersistentVolumeClaim", "data")["status"]


def conditions(rig: Rig) -> list[str]:
    return [one["type"] for one in status(rig).get("conditions", ())]


def test_a_claim_is_bound_once_its_volume_is_there() -> None:
    rig = rig_of()
    at = rig.run_until(lambda: status(rig)["phase"] == "Bound")
    assert at == PROVISION + WRITE
    assert status(rig)["capacity"] == {"storage": "10Gi"}
    assert rig.get("PersistentVolumeClaim", "data")["spec"]["volumeName"].startswith("pvc-")


def test_a_pod_starts_only_when_its_claims_are_bound() -> None:
    plain, mounted = bare_pod("plain"), bare_pod("mounted", **mounting("data"))
    rig = rig_of(plain, mounted)
    early = rig.run_until(lambda: is_ready(rig.get("Pod", "plain")))
    late = rig.run_until(lambda: is_ready(rig.get("Pod", "mounted")))
    assert early < PROVISION < late
    rig.create(bare_pod("without", **mounting("absent")))
    rig.run(600 * S)
    assert not is_ready(rig.get("Pod", "without"))


def test_a_mounted_volume_is_expanded_online() -> None:
    rig = rig_of(bare_pod("user", **mounting("data")))
    rig.run_until(lambda: is_ready(rig.get("Pod", "user")))
    began = rig.now
    expand(rig, "20Gi")
    rig.run_until(lambda: conditions(rig) == ["Resizing"])
    rig.run_until(lambda: conditions(rig) == ["FileSystemResizePending"])
    done = rig.run_until(lambda: status(rig)["capacity"] == {"storage": "20Gi"})
    assert done - began == WATCH + EXPAND + FILESYSTEM + 3 * WRITE
    assert conditions(rig) == []


def test_an_unmounted_file_system_waits_for_a_pod() -> None:
    rig = rig_of()
    rig.run(10 * S)
    expand(rig, "20Gi")
    rig.run(600 * S)
    assert (conditions(rig), status(rig)["capacity"]) == (["FileSystemResizePending"], {"storage": "10Gi"})
    rig.create(bare_pod("user", **mounting("data")))
    rig.run_until(lambda: status(rig)["capacity"] == {"storage": "20Gi"})


def test_a_second_expansion_while_one_is_under_way_is_carried_out_too() -> None:
    rig = rig_of(bare_pod("user", **mounting("data")))
    rig.run(20 * S)
    expand(rig, "20Gi")
    rig.run(2 * S)
    expand(rig, "30Gi")
    rig.run_until(lambda: status(rig)["capacity"] == {"storage": "30Gi"})


@pytest.mark.parametrize(("size", "expands", "error"), [("5Gi", True, Invalid), ("20Gi", False, Forbidden)])
def test_what_the_api_server_refuses(size: str, expands: bool, error: type[Exception]) -> None:  # noqa: FBT001
    rig = rig_of(expands=expands)
    with pytest.raises(error):
        expand(rig, size)
    assert rig.writes == []
