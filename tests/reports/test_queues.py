"""Queues over time: the figure holds what was waited, in few strokes; the page shows what was kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.exhibits import read_exhibits
from reports.figures.queues import coarse, queues
from reports.html import html_text
from reports.read import read_run
from reports.summary import summarise
from tests.reports.attached import write_exhibits
from tests.reports.synthetic import scenario, standard_targets, write_run

POINT = {"load.burst": 5, "workflow.steps": 1}


@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 100)), min_size=1, max_size=80),
    st.integers(1, 40),
)
def test_joined_intervals_hold_the_same_area_and_end_at_the_same_time(
    pieces: list[tuple[float, float]], most: int
) -> None:
    until = np.cumsum([length for length, _ in pieces])
    values = np.array([value for _, value in pieces])
    ends, joined = coarse(until, values, most)
    assert len(ends) == len(joined) <= max(most, min(len(until), most))
    assert ends[-1] == pytest.approx(until[-1])
    area = float(np.sum(values * np.diff(until, prepend=0.0)))
    assert float(np.sum(joined * np.diff(ends, prepend=0.0))) == pytest.approx(area)
    assert joined.max() <= values.max() * (1 + 1e-9) + 1e-9


def test_the_stations_that_are_waited_for_are_drawn_the_longest_wait_first(tmp_path: Path) -> None:
    write_run(tmp_path, [POINT], 10, detail_points=[0])
    write_exhibits(tmp_path, 0)
    exhibits = read_exhibits(tmp_path)
    assert exhibits is not None
    drawn = queues(exhibits)
    assert drawn is not None
    places = [drawn.description.index(name) for name in ("engine.executions", "scheduler", "lock")]
    assert places == sorted(places)
    assert "at engine.executions up to 299" in drawn.description
    assert "no server" in drawn.svg
    assert len(drawn.svg) < 60_000


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("none", "No samples over time were kept"),
        ("idle", "nobody waited at any station"),
        ("other", "No samples over time were kept"),
        ("whole", "how many wait"),
    ],
)
def test_the_page_shows_what_was_kept_of_its_point(tmp_path: Path, kept: str, said: str) -> None:
    points = [POINT, {**POINT, "load.burst": 10}]
    write_run(tmp_path, points, 10, detail_points=[0, 1])
    if kept != "none":
        write_exhibits(tmp_path, 1 if kept == "other" else 0, waiting=kept == "whole")
    summary = summarise(read_run(tmp_path), scenario(points, standard_targets()))
    section = html_text(summary).split('<section id="queues"')[1].split("</section>", maxsplit=1)[0]
    assert said in section
