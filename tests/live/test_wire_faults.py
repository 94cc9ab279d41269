"""What goes wrong on the wire: the run ends correctly, and nothing is done twice that must not be."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from headroom.serving.problems import Refusal
from headroom.serving.server import Server
from tests.live.test_engine import engine_on, names, restarts, run
from tests.serving.served import Served, production, serving

pytestmark = pytest.mark.slow
COUNT = 5
Trouble = Callable[[Request, int], Response | None]
"""Given a request and its number, what is answered in place of the server; None: the server answers."""


class FaultyServer(Server):
    """A server between which and its clients something happens."""

    trouble: Trouble = staticmethod(lambda _request, _number: None)
    cut_watches_after = 0  # events; 0: never
    deletions: list[str]
    answers_lost = 0  # of deletions, from the first on
    _number = 0

    async def handle(self, request: Request) -> Response:
        self._number += 1
        instead = type(self).trouble(request, self._number)
        if instead is not None:
            return instead
        response = await super().handle(request)
        if request.method == "DELETE" and response.status_code < 300:
            self.deletions.append(request.url.path)
            if len(self.deletions) <= self.answers_lost:
                return refused(504)
        if isinstance(response, StreamingResponse) and self.cut_watches_after:
            response.body_iterator = cut(response.body_iterator, self.cut_watches_after)
        return response


async def cut(lines: Any, count: int) -> AsyncIterator[bytes]:
    """Yield so many events, and half of the next one."""
    async for line in lines:
        if count == 0:
            yield line[: len(line) // 2]
            return
        count -= 1
        yield line


@pytest.fixture
def served() -> Iterator[Served]:
    FaultyServer.trouble = staticmethod(lambda _request, _number: None)
    FaultyServer.cut_watches_after = FaultyServer.answers_lost = 0
    FaultyServer.deletions = []
    with serving(production(20), kind=FaultyServer) as place:
        yield place


def restarted(served: Served) -> list[Mapping[str, Any]]:
    """Restart some pods; return the rows of the executions."""
    rows: list[Mapping[str, Any]] = []
    run(engine_on(served, rows), restarts(), COUNT)
    FaultyServer.trouble = staticmethod(lambda _request, _number: None)
    executions = [row for row in rows if row["type"] == "execution"]
    assert [row["state"] for row in executions] == ["completed"] * COUNT, executions
    assert len(names(served)) == 25
    assert len(FaultyServer.deletions) == len(set(FaultyServer.deletions)) == COUNT
    return executions


def refused(code: int, retry_after_s: int = 0) -> Response:
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    return JSONResponse(Refusal(code, "by the tests").status, code, headers=headers)


def test_watches_that_break_in_the_middle_of_an_event_are_opened_again(served: Served) -> None:
    FaultyServer.cut_watches_after = 3
    restarted(served)


def test_watches_that_are_told_that_the_past_is_gone_list_anew(served: Served) -> None:
    def gone(request: Request, number: int) -> Response | None:
        watches = "watch" in request.query_params and number % 2
        return refused(410) if watches else None

    FaultyServer.trouble = staticmethod(gone)
    restarted(served)


def test_what_is_refused_for_a_while_is_asked_again(served: Served) -> None:
    def busy(request: Request, number: int) -> Response | None:
        return refused(429, 1) if number % 3 == 0 and "watch" not in request.query_params else None

    FaultyServer.trouble = staticmethod(busy)
    restarted(served)


def test_reads_that_fail_are_made_again(served: Served) -> None:
    def failing(request: Request, number: int) -> Response | None:
        return refused(500) if number % 3 == 0 and request.method == "GET" else None

    FaultyServer.trouble = staticmethod(failing)
    restarted(served)


def test_a_write_whose_answer_is_lost_is_looked_for_and_not_done_twice(served: Served) -> None:
    """The deletion is carried out, and the client hears 504: the next attempt finds it done."""
    FaultyServer.answers_lost = COUNT // 2
    rows = restarted(served)
    assert sum(row["attempts_count"] - 1 for row in rows) == COUNT // 2
