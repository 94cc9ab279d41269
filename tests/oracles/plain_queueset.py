"""Fair queuing for server requests once more: plain, slow, with fractions, every queue looked at every time.

Written from the description in apiserver/pkg/util/flowcontrol/fairqueuing/queueset (doc.go and the code), not
from the model: all requests pass through a queue, whether a seat is free or not, and time goes from one
instant to the next.
"""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Job:
    """One request: when it comes, of which hand of queues, how long and how wide it is, what became of it."""

    number: int
    arrives: int
    hand: tuple[int, ...]
    service: int
    width: int = 1
    begins: int | None = None
    refused_at: int | None = None
    arrival_r: Fraction = Fraction(0)


@dataclass
class _PlainQueue:
    waiting: list[Job] = field(default_factory=list)
    executing: list[Job] = field(default_factory=list)
    next_r: Fraction = Fraction(0)


class PlainQueueSet:
    """Serves a list of jobs."""

    def __init__(self, queues: int, length: int, seats: int, estimate: int, wait_limit: int) -> None:
        self.queues = [_PlainQueue() for _ in range(queues)]
        self.length, self.seats, self.estimate, self.wait_limit = length, seats, estimate, wait_limit
        self.r = Fraction(0)
        self.at = 0
        self.robin = 0
        self.enqueues = 0

    def serve(self, jobs: list[Job]) -> None:
        """Fill in what becomes of each; at one instant ends come before expiries, these before arrivals."""
        coming = sorted(jobs, key=lambda job: (job.arrives, job.number))
        while True:
            instants = [job.arrives for job in coming[:1]]
            for queue in self.queues:
                instants += [self._end(job) for job in queue.executing]
                instants += [job.arrives + self.wait_limit for job in queue.waiting]
            if not instants:
                return
            now = min(instants)
            self._pass(now)
            self._finish(now)
            self._expire(now)
            while coming and coming[0].arrives == now:
                self._arrive(now, coming.pop(0))

    @staticmethod
    def _end(job: Job) -> int:
        assert job.begins is not None
        return job.begins + job.service

    def _in_use(self) -> int:
        return sum(job.width for queue in self.queues for job in queue.executing)

    def _pass(self, now: int) -> None:
        active = [queue for queue in self.queues if queue.waiting or queue.executing]
        if active:
            wanted = sum(job.width for queue in active for job in queue.waiting + queue.executing)
            self.r += Fraction(min(wanted, self.seats) * (now - self.at), len(active))
        self.at = now

    def _finish(self, now: int) -> None:
        while True:
            ended = [
                (job.number, queue, job)
                for queue in self.queues
                for job in queue.executing
                if self._end(job) == now
            ]
            if not ended:
                return
            _, queue, job = min(ended, key=lambda one: one[0])
            queue.executing.remove(job)
            queue.next_r -= job.width * (self.estimate - job.service)
            self._bound(queue)
            self._dispatch(now)

    def _expire(self, now: int) -> None:
        for queue in self.queues:
            while queue.waiting and queue.waiting[0].arrives + self.wait_limit == now:
                queue.waiting.pop(0).refused_at = now
                self._bound(queue)
        self._dispatch(now)

    def _arrive(self, now: int, job: Job) -> None:
        offset = self.enqueues % len(job.hand)
        self.enqueues += 1
        order = job.hand[offset:] + job.hand[:offset]
        queue = min(
            (self.queues[index] for index in order), key=lambda one: sum(w.width for w in one.waiting)
        )
        if self._in_use() >= self.seats and len(queue.waiting) >= self.length:
            job.refused_at = now
            return
        if not queue.waiting and not queue.executing:
            queue.next_r = self.r
        job.arrival_r = self.r
        queue.waiting.append(job)
        self._bound(queue)
        self._dispatch(now)

    def _bound(self, queue: _PlainQueue) -> None:
        if queue.waiting:
            queue.next_r = max(queue.next_r, queue.waiting[0].arrival_r)

    def _dispatch(self, now: int) -> None:
        while self._in_use() < self.seats:
            count = len(self.queues)
            order = [(self.robin + 1 + step) % count for step in range(count)]
            there = [index for index in order if self.queues[index].waiting]
            if not there:
                return
            index = min(
                there,
                key=lambda one: self.queues[one].next_r + self.queues[one].waiting[0].width * self.estimate,
            )
            queue = self.queues[index]
            job = queue.waiting[0]
            fits = (
                not any(one.executing for one in self.queues)
                if job.width > self.seats
                else self._in_use() + job.width <= self.seats
            )
            if not fits:
                return
            self.robin = index
            queue.waiting.pop(0)
            queue.next_r += job.width * self.estimate
            self._bound(queue)
            job.begins = now
            queue.executing.append(job)
