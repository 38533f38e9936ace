"""`Intake`: a decoded request into the spool and the pending traces; durable, then acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sloengine.clock import Clock
from sloengine.errors import RetryError
from sloengine.otlp import Decoder, SpanBatch
from sloengine.receiver.ingest import Accepted, Request
from sloengine.receiver.repeats import Repeats
from sloengine.spool import Spool, TraceIds

_DURABLE_TIMEOUT_S = 30.0


class Applied(Protocol):
    """What the pending traces say of a batch."""

    @property
    def duplicates(self) -> int:
        """Spans that were there already."""
        ...

    @property
    def late(self) -> int:
        """New spans of traces that were judged before."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """How to decode, and where batches decoded so go. Replaced as a whole on a reload."""

    decoder: Decoder
    add: Callable[[SpanBatch, int, int], Applied]
    """(batch, position, arrival in ns); called under the intake's lock."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that is applied, and where it stands in the spool; `None` where it was empty."""

    position: int | None
    accepted: Accepted


class Intake:
    """Takes requests from all listeners; one at a time enters the spool and the pending traces.

    The order of frames in the spool is the order in which they were applied: so whatever lies
    before the end of the spool has been applied whenever the lock is free.
    """

    def __init__(
        self,
        spool: Spool,
        stage: Stage,
        *,
        clock: Clock,
        refuse: Callable[[], str | None],
        count: Callable[[Applied], None],
        horizon_ns: int,
    ) -> None:
        self._spool = spool
        self._stage = stage
        self._clock = clock
        self._refuse = refuse
        self._count = count
        self._repeats = Repeats(horizon_ns=horizon_ns)
        self._lock = threading.Lock()

    @property
    def stage(self) -> Stage:
        """The one in use."""
        return self._stage

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Held while a batch is applied; who holds it sees spool and pending traces agree."""
        return self._lock

    def replace_stage(self, stage: Stage) -> None:
        """Decode by another plan from now on. The caller holds `lock`."""
        self._stage = stage

    def accept(self, request: Request) -> Accepted:
        """Take in one request; return when it is durable.

        One whose very bytes were accepted inside the horizon is answered as the first was, once
        that is durable, and is not applied.

        Raises:
            PermanentError: the bytes are no OTLP trace request.
            RetryError: the engine cannot take more now. What was appended may still be applied:
                the sender sends it again, and spans that are there twice count once.
        """
        accepted = self._repeats.once(
            request, self._clock.now_ns(), lambda: self._apply_durably(request)
        )
        if accepted.repeated:
            self._count(_Repeated(accepted.spans))
        return accepted

    def _apply_durably(self, request: Request) -> Accepted:
        taken = self.apply(request)
        if taken.position is not None:
            self._spool.wait_durable(taken.position, _DURABLE_TIMEOUT_S)
        return taken.accepted

    def apply(self, request: Request) -> Taken:
        """Take in one request without waiting until it is durable: for `replay`."""
        reason = self._refuse()
        if reason is not None:
            raise RetryError(reason)
        stage = self._stage
        payload = request.payload()
        decoded = stage.decoder.decode(payload)
        if len(decoded.batch) == 0:
            return Taken(None, Accepted(decoded.rejected, decoded.message))
        arrival_ns = self._clock.now_ns()
        traces = TraceIds(decoded.batch.trace_hi, decoded.batch.trace_lo)
        prepared = self._spool.prepare(request.stored, trace_ids=traces, encoding=request.encoding)
        with self._lock:
            if self._stage is not stage:
                stage = self._stage
                decoded = stage.decoder.decode(payload)
            position = self._spool.append_prepared(prepared, arrival_ns=arrival_ns)
            applied = stage.add(decoded.batch, position, arrival_ns)
        self._count(applied)
        return Taken(position, Accepted(decoded.rejected, decoded.message, len(decoded.batch)))


@dataclass(frozen=True, slots=True)
class _Repeated:
    """A request of which every span was there already."""

    duplicates: int
    late: int = 0
