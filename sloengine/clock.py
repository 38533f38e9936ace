"""The only module that knows what time it is; every other takes a `Clock` or an instant."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for waiting, processor time for what work costs.

    All are integers in nanoseconds.
    """

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC. May jump either way."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary start. Never goes back."""
        ...

    def cpu_ns(self) -> int:
        """Nanoseconds of processor time that the calling thread has used."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Return the machine's wall time in nanoseconds since the epoch."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Return the machine's monotonic time in nanoseconds."""
        return time.monotonic_ns()

    def cpu_ns(self) -> int:
        """Return what the calling thread has used of processors, in nanoseconds."""
        return time.thread_time_ns()


class FrozenClock:
    """A clock that moves only when told to: for tests, `replay` and `backtest`."""

    def __init__(self, now_ns: int) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Return the instant that was set last."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """Return the same instant: here wall and monotonic time are one."""
        return self._now_ns

    def cpu_ns(self) -> int:
        """Return the same instant: while it stands still, work costs nothing."""
        return self._now_ns

    def advance(self, by_ns: int) -> None:
        """Move forward; `by_ns` must not be negative."""
        if by_ns < 0:
            raise ValueError(f"a clock cannot go back: {by_ns} ns")
        self._now_ns += by_ns

    def set(self, now_ns: int) -> None:
        """Jump to an instant, either way, as a wall clock may."""
        self._now_ns = now_ns
