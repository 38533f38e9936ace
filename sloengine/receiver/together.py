"""Small requests that come while others are in work are taken as one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from sloengine.errors import RetryError
from sloengine.receiver.ingest import Accepted, Request
from sloengine.spool import Waiter, answer

SMALL_BYTES = 512 * 1024
"""What a request costs beside its bytes is worth saving up to here."""
LINGER_S = 0.010
"""Longer than a group commit waits: a sender of small requests has few in flight, and every one
more in a group makes all of them cheaper."""
MOST_BYTES = 4 * 1024 * 1024
"""Of requests that are taken together: as many as in one of a Collector's."""


class Call:
    """A request, and the thread that waits for its answer."""

    __slots__ = ("accepted", "leads", "request", "waiter")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.accepted = Accepted()
        """The answer, once the waiter is told that the request is durable."""
        self.waiter = Waiter()
        self.leads = False
        """Whether this thread was woken to lead, and has no answer yet."""


class Together:
    """Lets one thread at a time take all small requests that are there.

    The first one leads: it waits for company, instead of the group commit, and takes what came as
    one. It does not wait for more than were in flight when the last group was taken, since senders
    come again when they are answered; nor longer than `linger_s`. Who is alone does not wait at
    all. What comes while a group is in work waits in a queue, and its first one leads the next. So
    what is done for each request is done once for a group.

    Safe between threads.
    """

    def __init__(
        self,
        take: Callable[[Sequence[Call]], None],
        wait: Callable[[Waiter], None],
        *,
        linger_s: float,
    ) -> None:
        """`take` sees that everybody is answered; an error of it is everybody's answer, so it must
        have answered nobody before. `wait` returns with the answer or raises it.
        """
        self._take = take
        self._wait = wait
        self._linger_s = linger_s
        self._lock = threading.Lock()
        self._queue: deque[Call] = deque()
        """Those whom nobody took yet; a leader is the first of them."""
        self._queued_bytes = 0
        self._company: threading.Lock | None = None
        """What a leader waits for, while it does; whoever makes it enough releases it."""
        self._is_led = False
        self._in_flight = 0
        """Those who have no answer, taken or not."""
        self._expected: int | None = None
        """How many were in flight when the last group was taken; None before the first."""

    def accept(self, request: Request) -> Accepted:
        """Return the answer to a request; raises it where it is an error."""
        call = Call(request)
        with self._lock:
            self._in_flight += 1
            leads, self._is_led = not self._is_led, True
            self._join(call)
        try:
            if leads or self._follow(call):
                self._lead()
                self._wait(call.waiter)
        finally:
            with self._lock:
                self._in_flight -= 1
        return call.accepted

    def _join(self, call: Call) -> None:
        """Put a call into the queue. The caller holds the lock."""
        self._queue.append(call)
        self._queued_bytes += len(call.request.stored)
        if self._company is not None and self._is_enough():
            self._company.release()
            self._company = None

    def _is_enough(self) -> bool:
        """Whether nobody else needs to be waited for. The caller holds the lock."""
        is_complete = self._expected is not None and len(self._queue) >= self._expected
        return is_complete or self._queued_bytes >= MOST_BYTES

    def _follow(self, call: Call) -> bool:
        """Wait for the answer, or for the lead; return whether it is the lead."""
        try:
            self._wait(call.waiter)
        except RetryError:
            with self._lock:
                if call.leads:
                    # Woken to lead a moment too late to hear it: that is not the answer.
                    call.waiter.answered.acquire()
                    return True
                if call in self._queue:
                    self._queue.remove(call)
                    self._queued_bytes -= len(call.request.stored)
            raise
        return call.leads

    def _lead(self) -> None:
        """Take what is there once it is enough, and see that others lead those who come later."""
        self._wait_for_company()
        with self._lock:
            calls = self._next_group()
        try:
            self._take(calls)
        except Exception as error:  # noqa: BLE001  # each of those who wait raises it
            answer([call.waiter for call in calls], error)
        with self._lock:
            self._is_led = bool(self._queue)
            if self._queue:
                heir = self._queue[0]
                heir.leads = True
                heir.waiter.answered.release()

    def _wait_for_company(self) -> None:
        with self._lock:
            if self._is_enough():
                return
            company = self._company = threading.Lock()
            company.acquire()
        company.acquire(timeout=self._linger_s)

    def _next_group(self) -> list[Call]:
        """Return the first ones of the queue. The caller holds the lock."""
        self._company = None
        self._expected = self._in_flight
        calls: list[Call] = []
        size = 0
        while self._queue and size < MOST_BYTES:
            calls.append(self._queue.popleft())
            size += len(calls[-1].request.stored)
        self._queued_bytes -= size
        return calls
