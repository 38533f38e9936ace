"""`RereadBudget`: what reading stored traces again may cost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sloengine.clock import Clock

_LOOK_NS = 500_000_000
"""How often traces are looked at; more than a look's part of it is not saved up."""
_LEAST = 256


class RereadBudget:
    """Processor time for reading stored traces again: `share` of a core, above 0 and at most 1.

    It is earned as time passes, up to what one look may use (`look_ns`), and paid by the time that
    was really used. What was overdrawn is paid off first, so the share holds on average however
    much a single trace costs. Safe between threads.
    """

    def __init__(self, clock: Clock, share: float) -> None:
        self._clock = clock
        self._share = share
        self.look_ns = int(share * _LOOK_NS)
        self._credit_ns = self.look_ns
        self._earned_ns = clock.monotonic_ns()
        """Up to this instant."""
        self._lock = threading.Lock()
        self._paid = _Paid()

    @property
    def credit_ns(self) -> int:
        """What may be used now; below 0 where more was used than earned."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            earned_ns = int(max(0, now_ns - self._earned_ns) * self._share)
            self._earned_ns = now_ns
            self._credit_ns = min(self.look_ns, self._credit_ns + earned_ns)
            return self._credit_ns

    @contextmanager
    def paying(self) -> Iterator[None]:
        """Pay what this thread uses meanwhile, whatever the credit."""
        begun_ns, before_ns = self._clock.cpu_ns(), self._paid.ns
        try:
            yield
        finally:
            # One that began inside this one has paid its part.
            paid_ns = self._paid.ns - before_ns
            spent_ns = self._clock.cpu_ns() - begun_ns - paid_ns
            self._paid.ns += spent_ns
            with self._lock:
                self._credit_ns -= spent_ns

    def look(self) -> Callable[[], bool]:
        """Begin a look: what is returned tells, time and again, whether it may go on.

        It ends when the credit is used up, and also when it has lasted `look_ns`, waiting for the
        disk included: whoever wants the lock meanwhile waits as well.
        """
        end_ns = self._clock.monotonic_ns() + self.look_ns
        return lambda: self.credit_ns > 0 and self._clock.monotonic_ns() < end_ns


class _Paid(threading.local):
    """What a thread has paid since it began."""

    ns = 0


class Pace:
    """How many of the traces that were put off come up at a look.

    To look at one costs something even where it is only put off again: so it is twice as many as
    the last look managed.
    """

    def __init__(self) -> None:
        self.most = _LEAST

    def note(self, answered: int) -> None:
        """Hear about how many traces a look had an answer."""
        self.most = max(_LEAST, 2 * answered)
