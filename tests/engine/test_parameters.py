"""References to variables in parameters."""

from typing import Any

import pytest

from engine.core.parameters import UnknownVariable, compile_value

VARIABLES = {
    "n": 3,
    "name": "web",
    "list": [{"id": "a"}, {"id": "b"}],
    "flag": True,
    "none": None,
    "": "empty",
}


@pytest.mark.parametrize("value", ["text", 3, None, True, ["a", 1], {"a": {"b": [1]}}, "$n {n} $(n)", {}])
def test_what_holds_no_reference_needs_no_resolving(value: Any) -> None:
    assert compile_value(value) is None


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ("${n}", 3),
        ("${none}", None),
        ("${list}", [{"id": "a"}, {"id": "b"}]),
        ("${list.1.id}", "b"),
        ("n is ${n}", "n is 3"),
        ("${name}-${n}", "web-3"),
        ("${list} ${flag}", '[{"id": "a"}, {"id": "b"}] true'),
        ({"a": "${n}", "b": 2, "c": ["${name}", 1]}, {"a": 3, "b": 2, "c": ["web", 1]}),
    ],
)
def test_references_are_resolved(value: Any, resolved: Any) -> None:
    resolve = compile_value(value)
    assert resolve is not None
    assert resolve(VARIABLES) == resolved


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("${absent}", "the variables has no 'absent'"),
        ("${name.length}", "name has no 'length'; it has nothing"),
        ("${list.2}", "list has no '2'; it has 0..1"),
        ("${list.first}", "list has no 'first'"),
        ("${list.-1}", "list has no '-1'"),
        ("x ${list.0.uid}", "list.0 has no 'uid'; it has id"),
    ],
)
def test_unknown_references_say_what_there_is(value: str, says: str) -> None:
    resolve = compile_value(value)
    assert resolve is not None
    with pytest.raises(UnknownVariable) as caught:
        resolve(VARIABLES)
    assert says in str(caught.value)
