"""`walk` covers an interval exactly, in order, and says what nobody caused."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.causes import Cause
from simulator.attribution import Link, extend, root, walk

CAUSES = [Cause.API_SERVICE, Cause.WATCH_DELAY, Cause.SCHEDULING, Cause.READINESS]


@st.composite
def chains(draw: st.DrawFn) -> Link:
    link = root(draw(st.integers(0, 30)))
    for _ in range(draw(st.integers(0, 6))):
        other = None
        if draw(st.booleans()):
            other = extend(root(draw(st.integers(0, link[2]))), draw(st.sampled_from(CAUSES)), link[2])
        link = extend(link, draw(st.sampled_from(CAUSES)), link[2] + draw(st.integers(0, 9)), other)
    return link


@given(st.lists(chains(), max_size=4), st.integers(0, 60), st.integers(0, 60))
def test_spans_cover_exactly_contiguously_and_in_order(links: list[Link], one: int, two: int) -> None:
    since, until = sorted((one, two))
    links.sort(key=lambda link: -link[2])
    at = since
    for _, start, end in walk([link for link in links if link[2] <= until], since, until):
        assert start == at
        assert end > start
        at = end
    assert at == until


@given(chains(), st.integers(0, 60))
def test_what_a_chain_says_of_an_instant_is_what_the_span_says(link: Link, since: int) -> None:
    """Along parents alone, the newest part is charged to the cause of the newest link."""
    until = link[2]
    spans = walk([link], min(since, until), until)
    if spans and link[0] is not None and link[0][2] < until:
        assert spans[-1][0] is link[1]


def test_a_chain_is_followed_link_by_link() -> None:
    link = extend(extend(root(10), Cause.API_SERVICE, 15), Cause.WATCH_DELAY, 17)
    assert walk([link], 10, 17) == [(Cause.API_SERVICE, 10, 15), (Cause.WATCH_DELAY, 15, 17)]
    assert walk([link], 12, 17) == [(Cause.API_SERVICE, 12, 15), (Cause.WATCH_DELAY, 15, 17)]


def test_what_happened_before_anybody_began_anything_is_a_signal() -> None:
    link = extend(root(10), Cause.API_SERVICE, 15)
    assert walk([link], 3, 15) == [(Cause.SIGNAL, 3, 10), (Cause.API_SERVICE, 10, 15)]
    assert walk([], 3, 5) == [(Cause.SIGNAL, 3, 5)]


def test_time_after_the_newest_chain_is_what_is_pending() -> None:
    link = extend(root(0), Cause.API_SERVICE, 5)
    assert walk([link], 0, 9, Cause.READINESS) == [(Cause.API_SERVICE, 0, 5), (Cause.READINESS, 5, 9)]


def test_an_older_chain_covers_what_the_newer_does_not_reach() -> None:
    older = extend(root(0), Cause.SCHEDULING, 6)
    newer = extend(root(4), Cause.READINESS, 9)
    assert walk([newer, older], 0, 9) == [(Cause.SCHEDULING, 0, 4), (Cause.READINESS, 4, 9)]


def test_the_path_of_what_waited_serves_where_the_parent_began_too_late() -> None:
    waited = extend(root(0), Cause.SCHEDULING, 8)
    freed = extend(root(5), Cause.TERMINATION_GRACE, 8)
    link: Link = (freed, Cause.WATCH_DELAY, 10, waited)
    assert walk([link], 0, 10) == [
        (Cause.SCHEDULING, 0, 5),
        (Cause.TERMINATION_GRACE, 5, 8),
        (Cause.WATCH_DELAY, 8, 10),
    ]


def test_a_link_of_no_length_is_not_kept() -> None:
    link = root(4)
    assert extend(link, Cause.LOCK, 4) is link
