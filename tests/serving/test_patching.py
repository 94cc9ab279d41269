"""The patch types do what their specifications say; the differences between objects are patches."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.serving.forms import changes_between
from headroom.serving.patching import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, patched
from headroom.serving.problems import Refusal
from simulator.cluster.store import merge

POD: dict[str, Any] = {
    "metadata": {"name": "p", "finalizers": ["a"]},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "x:1",
                "ports": [{"containerPort": 80}],
                "env": [{"name": "A", "value": "1"}],
            },
            {"name": "d", "image": "y:1"},
        ],
        "tolerations": [{"key": "k"}],
        "nodeSelector": {"disk": "ssd"},
    },
}


def test_a_strategic_patch_merges_lists_by_their_keys() -> None:
    patch = {"spec": {"containers": [{"name": "d", "image": "y:2"}, {"name": "e", "image": "z:1"}]}}
    containers = patched(POD, STRATEGIC_PATCH, patch)["spec"]["containers"]
    assert [(one["name"], one["image"]) for one in containers] == [("c", "x:1"), ("d", "y:2"), ("e", "z:1")]


def test_a_strategic_patch_can_take_an_entry_away_and_replace_a_whole_list() -> None:
    gone = {"spec": {"containers": [{"name": "c", "$patch": "delete"}]}}
    assert [one["name"] for one in patched(POD, STRATEGIC_PATCH, gone)["spec"]["containers"]] == ["d"]
    new = {"spec": {"containers": [{"$patch": "replace"}, {"name": "n", "image": "i"}]}}
    assert patched(POD, STRATEGIC_PATCH, new)["spec"]["containers"] == [{"name": "n", "image": "i"}]


def test_a_strategic_patch_merges_nested_lists_and_ports_by_their_number() -> None:
    patch = {
        "spec": {
            "containers": [
                {"name": "c", "env": [{"name": "B", "value": "2"}], "ports": [{"containerPort": 81}]}
            ]
        }
    }
    first = patched(POD, STRATEGIC_PATCH, patch)["spec"]["containers"][0]
    assert [one["name"] for one in first["env"]] == ["A", "B"]
    assert [one["containerPort"] for one in first["ports"]] == [80, 81]


def test_a_strategic_patch_knows_lists_of_values_and_lists_without_keys() -> None:
    assert patched(POD, STRATEGIC_PATCH, {"metadata": {"finalizers": ["b"]}})["metadata"]["finalizers"] == [
        "a",
        "b",
    ]
    fewer = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert patched(POD, STRATEGIC_PATCH, fewer)["metadata"]["finalizers"] == []
    other = {"spec": {"tolerations": [{"key": "new"}]}}
    assert patched(POD, STRATEGIC_PATCH, other)["spec"]["tolerations"] == [{"key": "new"}]


def test_a_strategic_patch_replaces_a_mapping_and_keeps_only_what_is_retained() -> None:
    replaced = patched(POD, STRATEGIC_PATCH, {"spec": {"nodeSelector": {"$patch": "replace", "zone": "a"}}})
    assert replaced["spec"]["nodeSelector"] == {"zone": "a"}
    strategy = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patched(strategy, STRATEGIC_PATCH, patch)["spec"]["strategy"] == {"type": "Recreate"}


def test_an_entry_without_its_key_is_refused() -> None:
    with pytest.raises(Refusal, match="without 'name'"):
        patched(POD, STRATEGIC_PATCH, {"spec": {"containers": [{"image": "x"}]}})


def test_a_merge_patch_replaces_lists() -> None:
    assert patched(POD, MERGE_PATCH, {"spec": {"containers": []}})["spec"]["containers"] == []


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ([{"op": "test", "path": "/metadata/name", "value": "q"}], 422),
        ([{"op": "remove", "path": "/metadata/labels"}], 422),
        ([{"op": "shift", "path": "/metadata"}], 400),
        ([{"op": "add"}], 400),
        ([{"op": "replace", "path": "", "value": 3}], 422),
        ({"op": "add"}, 400),
        ("text", 400),
        ([7], 400),
        ([{"op": "test", "path": "/metadata/name", "value": "p"}] * 10_001, 413),
    ],
)
def test_a_broken_json_patch_is_refused(patch: Any, code: int) -> None:
    with pytest.raises(Refusal) as caught:
        patched(POD, JSON_PATCH, patch)
    assert caught.value.code == code


def test_the_object_itself_is_left_alone() -> None:
    before = repr(POD)
    patched(POD, JSON_PATCH, [{"op": "remove", "path": "/spec/containers/0"}])
    patched(POD, STRATEGIC_PATCH, {"spec": {"containers": [{"name": "c", "image": "other"}]}})
    assert repr(POD) == before


values = st.recursive(
    st.integers(0, 3) | st.text(alphabet="ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(objects, objects)
def test_the_difference_of_two_objects_makes_one_of_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    changes = changes_between(before, after)
    assert merge(before, changes) == after
    assert not changes_between(after, after)
