"""`Intake`: a decoded request into the spool and the pending traces; durable, then acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sloengine.clock import Clock
from sloengine.errors import PermanentError, RetryError
from sloengine.otlp import Decoder, SpanBatch
from sloengine.receiver.ingest import Accepted, Request
from sloengine.receiver.repeats import Repeats
from sloengine.receiver.together import LINGER_S, SMALL_BYTES, Call, Together
from sloengine.receiver.turns import Turns
from sloengine.spool import Encoding, Spool, TraceIds, answer

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
        linger_s: float = LINGER_S,
    ) -> None:
        self._spool = spool
        self._stage = stage
        self._clock = clock
        self._refuse = refuse
        self._count = count
        self._repeats = Repeats(horizon_ns=horizon_ns)
        self._together = Together(
            self._take_together,
            lambda waiter: spool.wait_for_answer(waiter, _DURABLE_TIMEOUT_S),
            linger_s=linger_s,
        )
        self._lock = Turns()

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
        if request.encoding is Encoding.IDENTITY and len(request.stored) <= SMALL_BYTES:
            return self._together.accept(request)
        taken = self.apply(request)
        if taken.position is not None:
            self._spool.wait_durable(taken.position, _DURABLE_TIMEOUT_S)
        return taken.accepted

    def apply(self, request: Request, *, at_once: bool = False) -> Taken:
        """Take in one request without waiting until it is durable: for `replay`.

        `at_once`: others were waited for already; the spool need not do so again.
        """
        stage = self._open_stage()
        payload = request.payload()
        decoded = stage.decoder.decode(payload)
        if len(decoded.batch) == 0:
            return Taken(None, Accepted(decoded.rejected, decoded.message))
        position = self._append(request, payload, stage, decoded.batch, at_once=at_once)
        return Taken(position, Accepted(decoded.rejected, decoded.message, len(decoded.batch)))

    def _open_stage(self) -> Stage:
        reason = self._refuse()
        if reason is not None:
            raise RetryError(reason)
        return self._stage

    def _append(
        self,
        request: Request,
        payload: bytes,
        stage: Stage,
        batch: SpanBatch,
        *,
        at_once: bool = False,
    ) -> int:
        """Into the spool and the pending traces; return the position."""
        arrival_ns = self._clock.now_ns()
        traces = TraceIds(*batch.traces)
        prepared = self._spool.prepare(request.stored, trace_ids=traces, encoding=request.encoding)
        with self._lock:
            if self._stage is not stage:
                stage = self._stage
                batch = stage.decoder.decode(payload).batch
            position = self._spool.append_prepared(prepared, arrival_ns=arrival_ns, at_once=at_once)
            applied = stage.add(batch, position, arrival_ns)
        self._count(applied)
        return position

    def _take_together(self, calls: Sequence[Call]) -> None:
        """See that small requests are answered: as one, or each alone where that cannot be."""
        if len(calls) > 1 and self._apply_together(calls):
            return
        for call in calls:
            try:
                taken = self.apply(call.request, at_once=True)
            except Exception as error:  # noqa: BLE001  # who waits for it raises it
                answer([call.waiter], error)
                continue
            call.accepted = taken.accepted
            if taken.position is None:
                answer([call.waiter])
            else:
                self._spool.answer_when_durable(taken.position, [call.waiter])

    def _apply_together(self, calls: Sequence[Call]) -> bool:
        """Take several requests as the one that their bytes in a row are, if they are one."""
        stage = self._open_stage()
        decoded = stage.decoder.decode_together([call.request.stored for call in calls])
        if decoded is None or len(decoded.batch) == 0:
            return False
        request = Request.plain(decoded.payload)
        try:
            position = self._append(request, decoded.payload, stage, decoded.batch, at_once=True)
        except PermanentError:  # what is too large together is not so alone
            return False
        for call, spans in zip(calls, decoded.spans, strict=True):
            call.accepted = Accepted(spans=spans)
        self._spool.answer_when_durable(position, [call.waiter for call in calls])
        return True


@dataclass(frozen=True, slots=True)
class _Repeated:
    """A request of which every span was there already."""

    duplicates: int
    late: int = 0
