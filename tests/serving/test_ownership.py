"""Server-side apply: whose fields are whose."""

from typing import Any

import pytest

from headroom.serving.ownership import Manager, Ownership
from headroom.serving.problems import Refusal

ME, OTHER = Manager("me", "apps/v1", applies=True), Manager("other", "apps/v1", applies=True)
KUBECTL = Manager("kubectl", "apps/v1")


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "uid": "u"},
        "spec": spec,
    }


def test_fields_that_nobody_else_owns_can_be_applied() -> None:
    ownership = Ownership()
    result = ownership.applied(deployment(replicas=1), deployment(paused=True), ME, force=False)
    assert result["spec"] == {"replicas": 1, "paused": True}


def test_a_field_of_another_manager_is_a_conflict_unless_the_value_is_the_same() -> None:
    ownership = Ownership()
    current = ownership.applied(deployment(), deployment(replicas=3), OTHER, force=False)
    same = ownership.applied(current, deployment(replicas=3), ME, force=False)
    assert same == current
    with pytest.raises(Refusal) as caught:
        ownership.applied(current, deployment(replicas=5), ME, force=False)
    assert caught.value.code == 409
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "other": .spec.replicas'


def test_force_takes_the_field_over() -> None:
    ownership = Ownership()
    current = ownership.applied(deployment(), deployment(replicas=3), OTHER, force=False)
    forced = ownership.applied(current, deployment(replicas=5), ME, force=True)
    assert forced["spec"]["replicas"] == 5
    with pytest.raises(Refusal, match='conflict with "me"'):
        ownership.applied(forced, deployment(replicas=3), OTHER, force=False)


def test_what_is_applied_no_more_goes_unless_somebody_else_owns_it_too() -> None:
    ownership = Ownership()
    current = ownership.applied(deployment(), deployment(replicas=3, paused=True), ME, force=False)
    current = ownership.applied(current, deployment(replicas=3), OTHER, force=False)
    left = ownership.applied(current, deployment(), ME, force=False)
    assert left["spec"] == {"replicas": 3}


def test_entries_of_a_list_are_owned_one_by_one() -> None:
    ownership = Ownership()
    mine = deployment(containers=[{"name": "a", "image": "x:1"}])
    theirs = deployment(containers=[{"name": "b", "image": "y:1"}])
    current = ownership.applied(deployment(), mine, ME, force=False)
    current = ownership.applied(current, theirs, OTHER, force=False)
    assert [one["name"] for one in current["spec"]["containers"]] == ["a", "b"]
    left = ownership.applied(current, deployment(containers=[]), ME, force=False)
    assert [one["name"] for one in left["spec"]["containers"]] == ["b"]


def test_an_update_takes_what_it_changes() -> None:
    ownership = Ownership()
    current = ownership.applied(deployment(), deployment(replicas=3), ME, force=False)
    scaled = deployment(replicas=4)
    ownership.wrote(current, scaled, Manager("kubectl", "apps/v1", "scale"))
    with pytest.raises(Refusal) as caught:
        ownership.applied(scaled, deployment(replicas=3), ME, force=False)
    assert 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' in str(
        caught.value
    )


def test_an_object_that_is_gone_is_forgotten() -> None:
    ownership = Ownership()
    ownership.wrote(None, deployment(replicas=1), KUBECTL)
    ownership.forget("u")
    assert ownership.applied(deployment(replicas=1), deployment(replicas=2), ME, force=False)
