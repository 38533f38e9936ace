"""Requests that were accepted already: a sender that got no answer sends the same bytes again."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

import xxhash

from sloengine.errors import RetryError
from sloengine.receiver.ingest import Accepted, Request

LIMIT = 65_536
"""Requests that are remembered; about 15 MiB."""
_WAIT_S = 60.0


class Repeats:
    """Answers a repeated request as the first one was answered, without applying it.

    A request is known by a 128-bit hash of its bytes under a seed that changes with each start,
    by their number, and by their compression. It is remembered once it is durable, for
    `horizon_ns` after its arrival, among the latest `limit`. A repeat that comes while the first
    is in work waits for it, and takes its place if the first fails. What is not recognised here
    (after a restart, or compressed otherwise) is recognised span by span, later.

    Safe between threads.
    """

    def __init__(self, *, horizon_ns: int, limit: int = LIMIT) -> None:
        self._horizon_ns = horizon_ns
        self._limit = limit
        self._seed = secrets.randbits(64)
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[int, int, str, int]] = {}
        """By key, in the order of acceptance: arrival, and the answer's `rejected`, `message` and
        `spans`. Plain values: the garbage collector need not look at them."""
        self._in_work: dict[bytes, list[threading.Lock]] = {}
        """By key: what releases those who wait."""

    def __len__(self) -> int:
        return len(self._known)

    def once(self, request: Request, now_ns: int, take: Callable[[], Accepted]) -> Accepted:
        """Return the answer of `take`, which is called unless the same request was accepted before.

        `take` returns when the request is durable. Its errors are raised, and forget the request.

        Raises:
            RetryError: The same request is in work and does not come to an end.
        """
        key = self._key(request)
        while True:
            with self._lock:
                known = self._known.get(key)
                if known is not None and now_ns - known[0] <= self._horizon_ns:
                    return Accepted(*known[1:], repeated=True)
                waiting = self._in_work.get(key)
                if waiting is None:
                    self._in_work[key] = []
                    break
                turn = threading.Lock()
                turn.acquire()
                waiting.append(turn)
            if not turn.acquire(timeout=_WAIT_S):
                raise RetryError("the same request is still in work; send it again later")
        accepted = None
        try:
            accepted = take()
        finally:
            with self._lock:
                if accepted is not None:
                    self._remember(key, now_ns, accepted)
                waiting = self._in_work.pop(key)
            for turn in waiting:
                turn.release()
        return accepted

    def _remember(self, key: bytes, now_ns: int, accepted: Accepted) -> None:
        self._known.pop(key, None)
        self._known[key] = now_ns, accepted.rejected, accepted.message, accepted.spans
        while self._known:
            oldest = next(iter(self._known))
            outdated = now_ns - self._known[oldest][0] > self._horizon_ns
            if not outdated and len(self._known) <= self._limit:
                return
            del self._known[oldest]

    def _key(self, request: Request) -> bytes:
        stored = request.stored
        head = len(stored).to_bytes(8, "little") + bytes([request.encoding])
        return head + xxhash.xxh3_128_digest(stored, self._seed)
