"""Small requests that come while others are in work are taken as one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from sloengine.errors import RetryError
from sloengine.receiver.ingest import Accepted, Request
from sloengine.spool import GROUP_BYTES, Waiter, answer

SMALL_BYTES = 512 * 1024
"""What a request costs beside its bytes is worth saving up to here."""
LINGER_S = 0.005
"""Longer than a group commit waits: a sender of small requests has few in flight, and every one
more in a group makes all of them cheaper."""
_MOST_BYTES = 4 * 1024 * 1024
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

    The first one leads: it waits for company for `linger_s`, instead of the group commit, and takes
    what came as one. What comes while it works waits in a queue, and is its next group; a
    leader whose own answer is there hands over to the first in the queue. So each thread is woken
    once for a request, and what is done for each request is done once for a group.

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
        self._queued_bytes = 0
        self._company: threading.Lock | None = None
        """What a leader waits for, while it does; whoever makes it enough releases it."""
        self._is_led = False

    def accept(self, request: Request) -> Accepted:
        """Return the answer to a request; raises it where it is an error."""
        call = Call(request)
        with self._lock:
            leads, self._is_led = not self._is_led, True
            if leads:
                company = self._company = threading.Lock()
                company.acquire()
            else:
                self._join(call)
        if leads:
            company.acquire(timeout=self._linger_s)
        else:
            leads = self._follow(call)
        if leads:
            self._lead(call)
            self._wait(call.waiter)
        return call.accepted

    def _join(self, call: Call) -> None:
        """Put a call into the queue. The caller holds the lock."""
        self._queue.append(call)
        self._queued_bytes += len(call.request.stored)
        if self._company is not None and self._queued_bytes >= GROUP_BYTES:
            self._company.release()
            self._company = None

    def _follow(self, call: Call) -> bool:
        """Wait for the answer, or for the lead; return whether it is the lead."""
        try:
            self._wait(call.waiter)
        except RetryError:
            with self._lock:
                if call in self._queue:
                    self._queue.remove(call)
                    self._queued_bytes -= len(call.request.stored)
                if not call.leads:
                    raise
        return call.leads

    def _lead(self, own: Call) -> None:
        """Take what is there, until nothing is or another can lead."""
        calls = [own]
        while True:
            with self._lock:
                calls += self._next_group()
            self._take_all(calls)
            with self._lock:
                if not self._queue:
                    self._is_led = False
                    return
                if not own.waiter.answered.locked():
                    heir = self._queue.popleft()
                    self._queued_bytes -= len(heir.request.stored)
                    heir.leads = True
                    heir.waiter.answered.release()
                    return
            calls = []

    def _take_all(self, calls: list[Call]) -> None:
        try:
            self._take(calls)
        except Exception as error:  # noqa: BLE001  # each of those who wait raises it
            answer([call.waiter for call in calls], error)

    def _next_group(self) -> list[Call]:
        """Return the first ones of the queue. The caller holds the lock."""
        self._company = None
        calls: list[Call] = []
        size = 0
        while self._queue and size < _MOST_BYTES:
            calls.append(self._queue.popleft())
            size += len(calls[-1].request.stored)
        self._queued_bytes -= size
        return calls
