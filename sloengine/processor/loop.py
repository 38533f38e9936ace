"""`ProcessLoop`: finished traces into the store, each time with the position they make safe."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sloengine.errors import SloengineError
from sloengine.processor.interface import TraceProcessor
from sloengine.processor.look import Look
from sloengine.processor.verdicts import Closed
from sloengine.spool import Spool
from sloengine.store import CommitResult, FactBatch, Store

_log = logging.getLogger(__name__)

_DURABLE_TIMEOUT_S = 30.0
_IDLE_COMMIT_NS = 5 * 10**9


@dataclass(frozen=True, slots=True)
class Committed:
    """One commit: what was closed, and what the store made of it."""

    closed: Closed
    result: CommitResult


class ProcessLoop:
    """Closes traces, commits their facts, and moves the safe position.

    One thread calls `tick`. A batch that could not be committed is kept and tried again before
    anything else is closed, so nothing is lost while the store is full or the disk is slow; the
    pending traces then grow up to their budget, and `is_stuck` tells the intake to refuse.
    """

    def __init__(
        self,
        processor: TraceProcessor,
        spool: Spool,
        store: Store,
        *,
        lock: AbstractContextManager[object],
        committed: Callable[[Committed], None],
    ) -> None:
        self._processor = processor
        self._spool = spool
        self._store = store
        self._lock = lock
        self._committed = committed
        self._waiting: tuple[Look, int] | None = None
        self._failure: str | None = None
        self._position = store.position
        self._last_commit_ns = 0

    @property
    def processor(self) -> TraceProcessor:
        """The one whose traces are closed now."""
        return self._processor

    @property
    def failure(self) -> str | None:
        """Why the last commit failed; `None` once one succeeded."""
        return self._failure

    @property
    def is_stuck(self) -> bool:
        """Whether commits fail and memory for pending traces is used up."""
        return self._failure is not None and self._processor.is_over_budget

    def replace_processor(self, processor: TraceProcessor) -> None:
        """Close the traces of another processor from now on. The caller holds the lock."""
        self._processor = processor

    def tick(self, now_ns: int, *, everything: bool = False) -> bool:
        """Close and commit what is due; return whether nothing is left to commit.

        A failure is logged once and kept in `failure`; the next call tries again. So is an error
        that nobody foresaw, with its traceback: a loop that only ended would let traces pile up
        behind an engine that looks well.
        """
        try:
            committed = self._step(now_ns, everything=everything)
        except SloengineError as error:
            if self._failure is None:
                _log.error("facts cannot be committed, trying again: %s", error)
            self._failure = str(error)
            return False
        except Exception as error:  # noqa: BLE001  # said, kept in `failure`, and tried again
            if self._failure is None:
                _log.exception("facts cannot be committed, trying again: unexpected error")
            self._failure = f"unexpected {type(error).__name__}: {error}"
            return False
        if self._failure is not None:
            _log.info("facts are committed again")
            self._failure = None
        if committed is not None:
            self._committed(committed)
        return True

    def _step(self, now_ns: int, *, everything: bool) -> Committed | None:
        """Close and commit; `None` where nothing was due. After an error all can be tried again."""
        if self._waiting is None:
            self._close(now_ns, everything=everything)
        if self._waiting is None:
            return None
        look, position = self._waiting
        closed = look.closed()
        is_idle = not closed.traces and not closed.counters
        is_time = everything or abs(now_ns - self._last_commit_ns) >= _IDLE_COMMIT_NS
        if is_idle and (position == self._position or not is_time):
            self._waiting = None
            return None
        if closed.last_position >= 0:
            self._spool.wait_durable(closed.last_position, _DURABLE_TIMEOUT_S)
        batch = FactBatch(
            facts=closed.facts,
            recheck=closed.recheck,
            position=position,
            arrival_ns=now_ns,
            counters=closed.counters,
            origins=closed.origins,
            columns=closed.columns,
        )
        result = self._store.commit(batch)
        self._waiting = None
        self._position = position
        self._last_commit_ns = now_ns
        self._spool.commit_position(position)
        return Committed(closed, result)

    def _close(self, now_ns: int, *, everything: bool) -> None:
        """Have what is due judged, some for each hold of the lock; keep it for one commit."""
        processor = self._processor
        look = processor.look(now_ns, everything=everything)
        is_more = True
        while is_more:
            with self._lock:
                # After a reload the rest is pending with the successor.
                is_more = processor is self._processor and look.go_on()
                position = self._processor.safe_position(self._spool.end)
                # At once: what was judged is pending no more, whatever becomes of the rest.
                self._waiting = look, position
