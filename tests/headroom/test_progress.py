"""What is told while runs are under way."""

import pytest

from headroom.progress import Lines, Teller


def test_without_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller()
    with teller.count("runs", 3) as counter:
        counter.advance(1)
        counter.advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("runs: 3/3, ")
    assert captured.err.endswith("0 s left\n")


def test_a_long_count_tells_its_rate_and_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("headroom.progress.time.monotonic", lambda: now[0])
    counter = Lines("runs", 100)
    for _ in range(3):
        now[0] += 4
        counter.advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["runs: 20/100, 2.5/s, 32 s left"]  # every 5 seconds at most


def test_quiet_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Teller(quiet=True)
    teller.say("something")
    with teller.count("runs", 2) as counter:
        counter.advance(2)
    assert capsys.readouterr().err == ""
