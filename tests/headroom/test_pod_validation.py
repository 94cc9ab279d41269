"""How long pods take to start and wait: the model against what others measured."""

from pathlib import Path

import pytest

from headroom.validation import cws, pods
from headroom.validation.row import Settings


def test_pods_start_as_they_were_measured_to() -> None:
    rows = list(pods.rows(Settings(None, replications=2)))
    assert {row.id for row in rows} == {"V8", "V9"}
    assert [row.metric for row in rows if not row.holds] == []
    assert sum(row.counts for row in rows) >= 10


def test_without_recordings_nothing_is_compared() -> None:
    assert list(cws.rows(Settings(None))) == []


@pytest.mark.slow
def test_recorded_pods_wait_as_long_in_the_model(reference_data: Path) -> None:
    """One parameter set for all workflows: medians within 25 % for 5 of 6, p90 within a factor of 2."""
    rows = list(cws.rows(Settings(reference_data, replications=3)))
    for recording in (cws.FITTED, cws.HELD_OUT):
        of_one = [row for row in rows if f"recording {recording}" in row.metric]
        medians = [row for row in of_one if row.aim == cws.MEDIAN_AIM]
        p90s = [row for row in of_one if row.aim == cws.P90_AIM]
        assert len(medians) == len(p90s) == len(cws.WORKFLOWS)
        assert sum(row.holds for row in medians) >= 5, [(row.metric, row.ratio) for row in medians]
        assert all(row.holds for row in p90s), [(row.metric, row.ratio) for row in p90s]
    assert {row.counts for row in rows if "recording 2" in row.metric} == {True}
