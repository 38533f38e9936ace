"""`Turns`: a lock that who lets go of it does not get again before those who wait."""

from __future__ import annotations

import threading


class Turns:
    """A lock to be held by `with`, in turns.

    By itself a lock of Python's goes to whoever asks first once it is free, and a thread that lets
    go and asks again is always quicker than one that must be woken.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = threading.Lock()
        """Held by the one that gets the lock next."""

    def __enter__(self) -> None:
        with self._next:
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
