"""`Intake`: a decoded request into the spool and the pending traces; durable, then acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sloengine.clock import Clock
from sloengine.errors import RetryError
from sloengine.otlp import Decoder, SpanBatch, distinct_trace_ids
from sloengine.receiver.ingest import Accepted
from sloengine.spool import Spool

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
    ) -> None:
        self._spool = spool
        self._stage = stage
        self._clock = clock
        self._refuse = refuse
        self._count = count
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

    def accept(self, payload: bytes) -> Accepted:
        """Take in one uncompressed protobuf request; return when it is durable.

        Raises:
            PermanentError: the bytes are no OTLP trace request.
            RetryError: the engine cannot take more now. What was appended may still be applied:
                the sender sends it again, and spans that are there twice count once.
        """
        taken = self.apply(payload)
        if taken.position is not None:
            self._spool.wait_durable(taken.position, _DURABLE_TIMEOUT_S)
        return taken.accepted

    def apply(self, payload: bytes) -> Taken:
        """Take in one request without waiting until it is durable: for `replay`."""
        reason = self._refuse()
        if reason is not None:
            raise RetryError(reason)
        stage = self._stage
        decoded = stage.decoder.decode(payload)
        if len(decoded.batch) == 0:
            return Taken(None, Accepted(decoded.rejected, decoded.message, len(decoded.batch)))
        arrival_ns = self._clock.now_ns()
        trace_ids = distinct_trace_ids(decoded.batch)
        with self._lock:
            if self._stage is not stage:
                stage = self._stage
                decoded = stage.decoder.decode(payload)
            position = self._spool.append(payload, arrival_ns=arrival_ns, trace_ids=trace_ids)
            applied = stage.add(decoded.batch, position, arrival_ns)
        self._count(applied)
        return Taken(position, Accepted(decoded.rejected, decoded.message, len(decoded.batch)))
