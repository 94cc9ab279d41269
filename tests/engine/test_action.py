"""Binding parameters to an action's declaration."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter


async def _run(_context: ActionContext, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


SPEC = ActionSpec(
    "toy",
    _run,
    {
        "name": Parameter("string", required=True),
        "count": Parameter("integer", default=1),
        "share": Parameter("number"),
        "labels": Parameter("object"),
        "force": Parameter("boolean", default=False),
    },
    1,
    "A toy.",
)


def test_defaults_are_filled_in() -> None:
    bound = SPEC.bind({"name": "web", "share": 1})
    assert bound == {"name": "web", "share": 1, "count": 1, "labels": None, "force": False}
    assert SPEC.bind({"name": "web", "count": None})["count"] == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "'name' is required"),
        ({"name": None}, "'name' must be of type string"),
        ({"name": 3}, "'name' must be of type string, not 3"),
        ({"name": "a", "count": 1.5}, "'count' must be of type integer"),
        ({"name": "a", "count": True}, "'count' must be of type integer"),
        ({"name": "a", "force": 1}, "'force' must be of type boolean"),
        ({"name": "a", "labels": []}, "'labels' must be of type object"),
        ({"name": "a", "nmae": "b"}, "unknown parameter 'nmae'; it takes name, count"),
    ],
)
def test_what_does_not_fit_is_refused_for_good(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParameters) as caught:
        SPEC.bind(given)
    assert says in str(caught.value)
    assert (caught.value.reason, caught.value.retryable) == ("InvalidParameters", False)
