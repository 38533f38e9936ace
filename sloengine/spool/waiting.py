"""Those who wait until a frame is durable."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Waiter:
    """Somebody who waits for a frame. Each has a lock of its own: the thread that writes hands out
    every answer by one release, and nobody has to queue up for the lock of the spool again.

    `answered` is held until the answer is there, and may be acquired once.
    """

    __slots__ = ("answered", "is_durable", "position", "refusal")

    def __init__(self) -> None:
        self.position = -1
        """Of the frame, once it has one."""
        self.is_durable = False
        self.refusal: Exception | None = None
        """Why the frame is not durable."""
        self.answered = threading.Lock()
        self.answered.acquire()


def answer(waiters: Iterable[Waiter], refusal: Exception | None = None) -> None:
    """Let those who wait go on: their frame is durable, unless there is a refusal."""
    for waiter in waiters:
        waiter.is_durable = refusal is None
        waiter.refusal = refusal
        waiter.answered.release()
