"""How much may be in work at once, by bytes; senders above it are told to come back."""

from __future__ import annotations

import threading
from typing import Self

from sloengine.errors import RetryError


class OverloadedError(RetryError):
    """Too many bytes are in work already."""


class Admission:
    """Counts the bytes of requests in work, over all listeners, against one bound.

    At the bound nothing waits: `Reservation.grow` refuses. A request that is alone may exceed the
    bound, so that one larger than it can still be served. Safe between threads.
    """

    def __init__(self, max_bytes: int, *, retry_after_s: float = 1.0) -> None:
        self._max_bytes = max_bytes
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        self._in_work = 0

    @property
    def bytes_in_work(self) -> int:
        """Bytes that are reserved now."""
        return self._in_work

    def reservation(self) -> Reservation:
        """Return an empty reservation; use it as a context manager, so that it is given back."""
        return Reservation(self)

    def _take(self, count: int, held: int) -> None:
        with self._lock:
            if self._in_work > held and self._in_work + count > self._max_bytes:
                raise OverloadedError(
                    f"{self._in_work} bytes of requests are in work and the limit is "
                    f"{self._max_bytes}; send again later",
                    retry_after_s=self._retry_after_s,
                )
            self._in_work += count

    def _give_back(self, count: int) -> None:
        with self._lock:
            self._in_work -= count


class Reservation:
    """The bytes that one request holds; used by one thread at a time."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0

    def grow(self, count: int) -> None:
        """Hold `count` bytes more.

        Raises:
            OverloadedError: That would exceed the bound; what is held already stays held.
        """
        self._admission._take(count, self._held)
        self._held += count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._admission._give_back(self._held)
        self._held = 0
