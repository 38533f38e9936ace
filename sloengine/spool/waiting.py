"""Those who wait until a frame is durable."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Waiter:
    """Somebody who waits for a frame. Each has a lock of its own: the thread that writes hands out
    every answer by one release, and nobody has to queue up for the lock of the spool again.
    """

    __slots__ = ("answered", "is_durable", "position", "stopped")

    def __init__(self, position: int) -> None:
        self.position = position
        self.is_durable = False
        self.stopped: str | None = None
        self.answered = threading.Lock()
        self.answered.acquire()


def answer(waiters: Iterable[Waiter], *, is_durable: bool) -> None:
    """Let those who wait go on."""
    for waiter in waiters:
        waiter.is_durable = is_durable
        waiter.answered.release()
