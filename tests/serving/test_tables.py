"""Ages and states as kubectl prints them."""

import pytest

from headroom.serving.tables import age

NOW = "2026-01-10T00:00:00Z"


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-01-09T23:59:57Z", "3s"),
        ("2026-01-09T23:58:01Z", "119s"),
        ("2026-01-09T23:58:00Z", "2m"),
        ("2026-01-09T23:56:30Z", "3m30s"),
        ("2026-01-09T23:49:59Z", "10m"),
        ("2026-01-09T21:01:00Z", "179m"),
        ("2026-01-09T20:30:00Z", "3h30m"),
        ("2026-01-09T16:00:00Z", "8h"),
        ("2026-01-08T00:30:00Z", "47h"),
        ("2026-01-07T22:00:00Z", "2d2h"),
        ("2025-12-01T00:00:00Z", "40d"),
        ("2026-01-10T00:00:05Z", "0s"),
        (None, "<unknown>"),
    ],
)
def test_an_age_is_told_as_kubectl_tells_it(since: str | None, text: str) -> None:
    assert age(since, NOW) == text
