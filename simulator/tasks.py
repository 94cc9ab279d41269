"""Life stories on the agenda: generators that yield durations and calls.

`Task` is a SimPy process without its overhead on the hot path: a duration (integer nanoseconds) becomes one
agenda entry; a `Call` resumes the task from within its own last agenda entry. A task that is cancelled
is closed where it stands, and what it waited for comes to nothing.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Protocol

from simulator.agenda import Agenda
from simulator.cluster.apiserver import Call, Refused


class Waitable(Protocol):
    """What a task may yield besides a duration: something that calls back once with itself."""

    done: Callable[[Any], None]


Story = Generator["int | Waitable", Any, Any]


class Task:
    """One running story. A call's `yield` gives the call; a duration's gives nothing of use."""

    __slots__ = ("_agenda", "_ended", "_story", "alive")

    def __init__(self, agenda: Agenda, story: Story, ended: Callable[[Any], None] | None = None) -> None:
        """Run `story` at once until its first wait; `ended` is told what it returns."""
        self._agenda = agenda
        self._story = story
        self._ended = ended
        self.alive = True
        self._advance(None)

    def _advance(self, value: Any) -> None:
        if not self.alive:
            return
        try:
            wanted = self._story.send(value)
        except StopIteration as stop:
            self.alive = False
            if self._ended is not None:
                self._ended(stop.value)
            return
        except Refused as refused:
            self.alive = False
            self._refused(refused)
            return
        if isinstance(wanted, int):
            self._agenda.after(wanted, self._advance)
        else:
            wanted.done = self._advance

    def _refused(self, refused: Refused) -> None:
        """Nobody expects this story to fail."""
        raise refused

    def cancel(self) -> None:
        """End the story where it stands."""
        self.alive = False
        with suppress(ValueError):  # a story that ends itself comes to its end by itself
            self._story.close()


class Attempt(Task):
    """A story that ends when it is refused something; `ended` is then told the refusal."""

    __slots__ = ()

    def _refused(self, refused: Refused) -> None:
        assert self._ended is not None
        self._ended(refused)


class Occasion:
    """Something that a story waits for and somebody else brings about, by calling `come`."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        """Nobody waits yet."""
        self.done: Callable[[Any], None] = _nobody

    def come(self, _event: Any = None) -> None:
        """Let whoever waits go on."""
        self.done(self)


class Gather:
    """Several calls at once: done when the last of them is, with that one's link."""

    __slots__ = ("_left", "calls", "done", "link")

    def __init__(self, calls: list[Call]) -> None:
        """Wait for all of `calls`, which is not empty."""
        self.calls = calls
        self._left = len(calls)
        self.done: Callable[[Any], None] = _nobody
        self.link = calls[0].link
        for call in calls:
            call.done = self._one

    def check(self) -> None:
        """Raise `Refused` if any of the calls has failed."""
        for call in self.calls:
            if call.error is not None:
                raise Refused(call.error, self.link)

    def _one(self, call: Call) -> None:
        self._left -= 1
        if not self._left:
            self.link = call.link
            self.done(self)


def _nobody(_awaited: Waitable) -> None:
    """Nobody waits yet."""
