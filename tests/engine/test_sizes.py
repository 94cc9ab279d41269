"""How large a value is as JSON, and the host's limit on what an action returns."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.sizes import exceeds
from tests.engine.rig import act
from tests.engine.test_host import Bench

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(value=VALUES, bytes_max=st.integers(0, 2_000))
def test_it_says_what_writing_it_would_say(value: Any, bytes_max: int) -> None:
    assert exceeds(value, bytes_max) == (len(json.dumps(value, separators=(",", ":"))) > bytes_max)


def test_what_is_no_json_is_too_large_for_anything_it_might_not_fit() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert exceeds(circle, 10**6)
    assert exceeds("\ud800" * 10, 59)


@pytest.mark.parametrize(("characters", "state"), [(100, "completed"), (10_000_000, "failed")])
def test_an_output_of_ten_megabytes_fails_the_attempt(characters: int, state: str) -> None:
    async def run(_context: Any, _parameters: Any) -> dict[str, str]:
        return {"text": "x" * characters}

    bench = Bench(run, act("a"))
    bench.submit()
    assert bench.ended[0].state == state
    if bench.ended[0].failure is not None:
        assert bench.ended[0].failure.reason == "OutputTooLarge"
        assert "more than 1048576 bytes" in bench.ended[0].failure.message
