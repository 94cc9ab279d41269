"""Selectors mean what they mean to the API."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.serving.problems import Refusal
from headroom.serving.selecting import Predicate, by_fields, by_labels

WEB: dict[str, Any] = {
    "metadata": {"name": "web-0", "namespace": "shop", "labels": {"app": "web", "tier": "front", "n": "3"}},
    "spec": {"nodeName": "node-1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("app=web", True),
        ("app==web,tier!=back", True),
        ("app=web,tier=back", False),
        ("app in (web, api)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("missing!=x", True),
        ("tier", True),
        ("!tier", False),
        ("!missing", True),
        ("n>2", True),
        ("n<3", False),
        ("app=", False),
        ("example.com/app=web", False),
    ],
)
def test_label_selectors(*, text: str, holds: bool) -> None:
    predicate, _ = by_labels(text)
    assert predicate is not None
    assert predicate(WEB) is holds


def test_what_is_plain_equality_is_told_apart_for_an_index() -> None:
    _, equal = by_labels("app=web,tier in (front),n==3")
    assert equal == (("app", "web"), ("n", "3"))


@pytest.mark.parametrize("text", ["==", "app in web", "app=web,,tier", "(a)", "app in (web", "!=x", "a b"])
def test_a_selector_that_is_none_is_a_bad_request(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        by_labels(text)
    assert caught.value.code == 400
    assert caught.value.message.startswith("found '")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("metadata.name=web-0", True),
        ("status.phase!=Running", False),
        ("spec.nodeName==node-1,metadata.namespace=shop", True),
        ("spec.nodeName=", False),
    ],
)
def test_field_selectors(*, text: str, holds: bool) -> None:
    predicate, _ = by_fields(text, "Pod")
    assert predicate is not None
    assert predicate(WEB) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [("spec.image=x", 'field label not supported: "spec.image"'), ("nonsense", "invalid selector")],
)
def test_a_field_that_cannot_be_selected_by_is_a_bad_request(text: str, message: str) -> None:
    with pytest.raises(Refusal, match=message):
        by_fields(text, "Pod")


@given(st.text(alphabet="abn=!(),<> .", max_size=30))
def test_any_text_is_a_selector_or_a_bad_request(text: str) -> None:
    for read in (by_labels, lambda one: by_fields(one, "Pod")):
        assert outcome(read, text) in (True, False, None, 400)


def outcome(read: Callable[[str], tuple[Predicate | None, Any]], text: str) -> bool | int | None:
    try:
        predicate, _ = read(text)
    except Refusal as refusal:
        return refusal.code
    return None if predicate is None else predicate(WEB)
