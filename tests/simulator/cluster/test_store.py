from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.effects import Ref, Selection
from engine.core.errors import Conflict, NotFound
from simulator.attribution import root
from simulator.cluster.store import Store, merge, selects
from tests.simulator.cluster.objects import NAMESPACE, bare_pod, deployment, ref

LINK = root(0)
STAMP = "2026-01-01T00:00:00Z"


def store_with(*objects: dict[str, Any]) -> Store:
    store = Store(lambda: STAMP)
    for one in objects:
        store.create(one, LINK)
    return store


# The examples of RFC 7386, appendix A, whose target and patch are objects.
@pytest.mark.parametrize(
    ("target", "changes", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_merges_as_rfc_7386_says(target: Any, changes: Any, result: Any) -> None:
    kept = repr(target)
    assert merge(target, changes) == result
    assert repr(target) == kept


def test_a_name_is_taken_once() -> None:
    store = store_with(bare_pod("a"))
    with pytest.raises(Conflict) as refused:
        store.create(bare_pod("a"), LINK)
    assert refused.value.reason == "AlreadyExists"


def test_the_same_name_is_another_object_in_its_next_life() -> None:
    store = store_with(bare_pod("a"))
    first = store.get(ref("Pod", "a"))["metadata"]["uid"]
    store.delete(ref("Pod", "a"), LINK)
    second = store.create(bare_pod("a"), LINK)["metadata"]["uid"]
    assert first != second
    with pytest.raises(Conflict):
        store.delete(ref("Pod", "a"), LINK, uid=first)
    assert store.get(ref("Pod", "a"))["metadata"]["uid"] == second
    with pytest.raises(Conflict):
        store.remove(ref("Pod", "a"), LINK, uid=first)


def test_a_patch_of_an_older_version_is_a_conflict() -> None:
    store = store_with(deployment("web", 1))
    old = store.get(ref("Deployment", "web"))["metadata"]["resourceVersion"]
    store.patch(ref("Deployment", "web"), {"spec": {"replicas": 2}}, LINK, old)
    with pytest.raises(Conflict):
        store.patch(ref("Deployment", "web"), {"spec": {"replicas": 3}}, LINK, old)
    assert store.get(ref("Deployment", "web"))["spec"]["replicas"] == 2


def test_only_a_changed_spec_raises_the_generation() -> None:
    store = store_with(deployment("web", 1))
    web = ref("Deployment", "web")
    assert store.get(web)["metadata"]["generation"] == 1
    store.patch(web, {"metadata": {"labels": {"a": "b"}}}, LINK)
    store.patch(web, {"status": {"replicas": 1}}, LINK)
    store.set_status(web, {"replicas": 5}, LINK)
    store.patch(web, {"spec": {"replicas": 1}, "metadata": {"labels": {"a": "c"}}}, LINK)
    assert store.get(web)["metadata"]["generation"] == 1
    store.patch(web, {"spec": {"replicas": 2}}, LINK)
    assert store.get(web)["metadata"]["generation"] == 2
    assert store.get(web)["status"] == {"replicas": 5}


def test_a_write_that_changes_nothing_is_none() -> None:
    store = store_with(deployment("web", 1))
    web = ref("Deployment", "web")
    store.set_status(web, {"replicas": 1}, LINK)
    version = store.version
    told: list[str] = []
    store.published.append(lambda kind, _before, _after, _link: told.append(kind))
    store.patch(web, {"spec": {"replicas": 1}, "metadata": {"labels": {"app": "web", "none": None}}}, LINK)
    store.set_status(web, {"replicas": 1}, LINK)
    assert (store.version, told) == (version, [])


def test_objects_are_never_modified() -> None:
    store = store_with(deployment("web", 1))
    web = ref("Deployment", "web")
    before = store.get(web)
    kept = repr(before)
    store.patch(web, {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}, LINK)
    store.set_status(web, {"replicas": 1}, LINK)
    assert repr(before) == kept


def test_a_pod_on_a_node_is_deleted_gracefully() -> None:
    store = store_with(
        bare_pod("a", nodeName="n1", terminationGracePeriodSeconds=7), bare_pod("b", nodeName="n1")
    )
    store.delete(ref("Pod", "a"), LINK)
    store.delete(ref("Pod", "b"), LINK, grace_s=3)
    marks = [store.get(ref("Pod", name))["metadata"] for name in "ab"]
    assert [mark["deletionGracePeriodSeconds"] for mark in marks] == [7, 3]
    assert [mark["deletionTimestamp"] for mark in marks] == [STAMP] * 2
    version = store.version
    store.delete(ref("Pod", "a"), LINK)  # a second request changes nothing
    assert store.version == version


@pytest.mark.parametrize(
    ("spec", "phase", "grace_s"),
    [
        ({}, "Pending", None),  # it has no node
        ({"nodeName": "n1"}, "Running", 0),  # by force
        ({"nodeName": "n1"}, "Succeeded", None),  # it has ended (pkg/registry/core/pod/strategy.go)
        ({"nodeName": "n1"}, "Failed", None),
    ],
)
def test_a_pod_with_nothing_to_stop_is_removed_at_once(spec: Any, phase: str, grace_s: int | None) -> None:
    store = store_with({**bare_pod("a", **spec), "status": {"phase": phase}})
    store.delete(ref("Pod", "a"), LINK, grace_s=grace_s)
    with pytest.raises(NotFound):
        store.get(ref("Pod", "a"))


def test_what_does_not_exist_is_not_found() -> None:
    store = store_with()
    nothing = ref("Pod", "a")
    for call in (
        lambda: store.get(nothing),
        lambda: store.patch(nothing, {"a": 1}, LINK),
        lambda: store.set_status(nothing, {"a": 1}, LINK),
        lambda: store.delete(nothing, LINK),
        lambda: store.remove(nothing, LINK),
    ):
        with pytest.raises(NotFound):
            call()


NAMES = st.sampled_from(["a", "b", "c", "d"])
LABELS = st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["1", "2"]))
OPERATIONS: st.SearchStrategy[tuple[str, str, Any]] = st.one_of(
    st.tuples(st.just("create"), NAMES, LABELS),
    st.tuples(st.just("patch"), NAMES, st.dictionaries(st.sampled_from("xy"), st.sampled_from(["1", None]))),
    st.tuples(st.just("delete"), NAMES, st.just({})),
    st.tuples(st.just("select"), NAMES, LABELS),
)


@given(st.lists(OPERATIONS, max_size=25))
def test_the_index_by_label_finds_what_a_scan_finds(operations: list[tuple[str, str, Any]]) -> None:
    store = store_with(bare_pod("z", labels={"x": "1"}))
    versions = [store.version]
    for verb, name, labels in operations:
        try:
            if verb == "create":
                store.create(bare_pod(name, labels=labels), LINK)
            elif verb == "patch":
                store.patch(ref("Pod", name), {"metadata": {"labels": labels}}, LINK)
            elif verb == "delete":
                store.delete(ref("Pod", name), LINK)
        except (Conflict, NotFound):
            pass
        versions.append(store.version)
        for wanted in (
            tuple((k, v) for k, v in labels.items() if v),
            (("x", "1"),),
            (("x", "1"), ("y", "2")),
            (),
        ):
            pods = store.objects["Pod"]
            scanned = [pods[key] for key in sorted(pods) if selects(wanted, pods[key])]
            assert store.select(Selection("Pod", NAMESPACE, wanted)) == scanned
            assert store.select(Selection("Pod", "", wanted)) == scanned
            assert store.select(Selection("Pod", "elsewhere", wanted)) == []
    assert versions == sorted(versions)


def test_a_selection_by_name_is_that_object_or_nothing() -> None:
    store = store_with(bare_pod("a"))
    assert store.select(Selection("Pod", NAMESPACE, name="a")) == [store.get(Ref("Pod", "a", NAMESPACE))]
    assert store.select(Selection("Pod", NAMESPACE, name="b")) == []
