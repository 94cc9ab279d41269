"""Many runs on all cores: chunks of jobs, the world imported once a process, a crash that costs one run only.

`forkserver` where there is one: its children are forked from a small process that has the world imported
and no threads (a fork of this process, which may draw a progress bar from a thread, could deadlock), and
they start faster than with `spawn`, which is what other platforms get.

A task goes to the processes as a file, and taking the file away stops them. A lock or an event that they
share could be held for ever by one that was killed, and a large message could block the queue to one that
died.
"""

import multiprocessing
import pickle
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from types import TracebackType
from typing import Self

from headroom.errors import HarnessError
from headroom.interrupt import Interrupt
from headroom.worker import Job, Outcome, Task, perform, start
from reports import exits

CHUNK_S = 0.25  # jobs are bundled until they promise this much work, so that handing them over costs nothing
LOOK_S = 0.2  # how long an interrupt may go unseen
CRASHES_MAX = 5  # then something is wrong with more than a run
CRASHED = "the worker process died (killed, out of memory, or crashed in native code)"


def context(world: str) -> ForkServerContext | SpawnContext:
    """Return the way processes are started here."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    chosen = multiprocessing.get_context("forkserver")
    chosen.set_forkserver_preload(["headroom.worker", world.partition(":")[0]])
    return chosen


class Executor:
    """Performs jobs in `workers` processes; to be used as a context manager."""

    def __init__(self, world: str, workers: int, interrupt: Interrupt) -> None:
        """Start nothing yet. `world` is imported before the first job comes."""
        self.workers = workers
        self.interrupt = interrupt
        self._context = context(world)
        self._folder = tempfile.TemporaryDirectory(prefix="headroom-")
        self._task = Path(self._folder.name) / "0"
        self._pool: ProcessPoolExecutor | None = None
        self._seconds = 0.0  # of wall time in finished runs: the next chunk's size is guessed from it
        self._finished = 0

    def __enter__(self) -> Self:
        """Be ready; the processes start with the first job."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the runs under way, and end the processes."""
        self._task.unlink(missing_ok=True)
        self._close()
        self._folder.cleanup()

    def run(self, task: Task, jobs: Iterable[Job], advance: Callable[[int], None]) -> list[Outcome]:
        """Perform the jobs of a task and return their outcomes in order of job; fewer when interrupted."""
        queue, outcomes, crashes = deque(jobs), list[Outcome](), 0
        self._task.unlink(missing_ok=True)
        self._task = self._task.with_name(str(int(self._task.name) + 1))
        self._task.write_bytes(pickle.dumps(task))
        while queue:
            suspects = self._drain(queue, outcomes, advance, abreast=2 * self.workers)
            for job in suspects:  # a process died with these under way: alone, the culprit shows itself
                if self._drain(deque([job]), outcomes, advance, abreast=1):
                    outcomes.append(Outcome(job, 0.0, error=CRASHED))
                    crashes += 1
                if crashes >= CRASHES_MAX:
                    message = f"{crashes} runs ended with a dead worker process; the last is {job}"
                    raise HarnessError(message, exits.MODEL_ERROR)
        return sorted(outcomes)

    def _drain(
        self, queue: deque[Job], outcomes: list[Outcome], advance: Callable[[int], None], *, abreast: int
    ) -> list[Job]:
        """Keep chunks under way until the queue is empty or a process dies; return the jobs that saw that."""
        suspects: list[Job] = []
        flying: dict[Future[list[Outcome]], list[Job]] = {}
        while flying or (queue and not suspects):
            if self.interrupt.seen:
                self._task.unlink(missing_ok=True)
                queue.clear()
            while queue and len(flying) < abreast and not suspects:
                chunk = self._take(queue)
                flying[self._submit(chunk)] = chunk
            for future in wait(flying, timeout=LOOK_S, return_when=FIRST_COMPLETED).done:
                chunk = flying.pop(future)
                try:
                    finished = future.result()
                except BrokenProcessPool:
                    suspects += chunk
                else:
                    self._learn(finished)
                    outcomes += finished
                    advance(len(finished))
        if suspects:
            self._close()
        return suspects

    def _take(self, queue: deque[Job]) -> list[Job]:
        each = self._seconds / self._finished if self._finished else CHUNK_S
        count = max(1, min(int(CHUNK_S / max(each, 1e-4)), len(queue) // (2 * self.workers)))
        return [queue.popleft() for _ in range(min(count, len(queue)))]

    def _learn(self, finished: Sequence[Outcome]) -> None:
        self._seconds += sum(outcome.seconds for outcome in finished)
        self._finished += len(finished)

    def _submit(self, chunk: list[Job]) -> Future[list[Outcome]]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=self._context, initializer=start)
        try:
            return self._pool.submit(perform, self._task, chunk)
        except BrokenProcessPool as error:  # it broke a moment ago: let the caller find out in its own way
            broken: Future[list[Outcome]] = Future()
            broken.set_exception(error)
            return broken

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
