"""`Pipeline`: receive and process, joined by spool and store: bytes in, facts in the store.

What comes in is an OTLP request; what goes out is an acknowledgement once it is durable, and facts
that the store has committed. A request that was acknowledged is counted, once, however often the
process ends in between.
"""

from __future__ import annotations

from collections.abc import Iterator

from sloengine.clock import Clock
from sloengine.definitions import Plan, load_text
from sloengine.instrumentation import Instrumentation
from sloengine.otlp import Decoder, SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.processor import (
    ProcessLoop,
    ProcessorSettings,
    RereadBudget,
    SpoolHistory,
    TraceProcessor,
)
from sloengine.receiver import Accepted, Intake, Request, Stage
from sloengine.spool import Frame, Spool, ahead
from sloengine.store import Store
from sloengine.wiring import REFERENCE, HealthCounts, HotPath

SPOOL_FOLDER = "spool"
"""Where in a store's folder its spool lies."""
_LAST_READ_BYTES = 1 << 18
"""How much of the spool may be left for the moment in which a reload holds up the intake."""
_CATCH_UPS = 20
"""How often a reload reads on beside the intake: senders faster than it must not hold it off for
ever; then they wait for the rest."""
_DURABLE_TIMEOUT_S = 10.0


class Pipeline:
    """Receive and process: bytes in, facts in the store. `serve` and `replay` share it.

    `accept` may be called from many threads, everything else from one.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        store: Store,
        spool: Spool,
        clock: Clock,
        settings: ProcessorSettings,
        instrumentation: Instrumentation,
        hot_path: HotPath = REFERENCE,
    ) -> None:
        self._store = store
        self._hot_path = hot_path
        self._spool = spool
        self._clock = clock
        self._settings = settings
        # One for all processors: what one overdrew, the next pays off.
        self._budget = RereadBudget(clock, settings.reread_share)
        counts = HealthCounts(instrumentation)
        store.register_plan(plan, at_ns=clock.now_ns())
        spool.filter_by(hot_path.filters)
        self.plan = plan
        processor, decoder, self._history = self._assemble(plan)
        self._intake = Intake(
            spool,
            _stage(processor, decoder),
            clock=clock,
            refuse=self._why_not,
            count=counts.applied,
            horizon_ns=settings.late_horizon_ns,
        )
        self._loop = ProcessLoop(
            processor, spool, store, lock=self._intake.lock, committed=counts.committed
        )

    @property
    def processor(self) -> TraceProcessor:
        """The pending traces."""
        return self._loop.processor

    @property
    def failure(self) -> str | None:
        """Why facts cannot be committed now; `None` while they can."""
        return self._loop.failure

    def accept(self, request: Request) -> Accepted:
        """Take in one request and return when it is durable; see `Intake.accept`."""
        return self._intake.accept(request)

    def apply(self, payload: bytes) -> Accepted:
        """Take in one request without waiting for the disk; see `Intake.apply`."""
        return self._intake.apply(Request.plain(payload)).accepted

    def recover(self) -> int:
        """Apply again what the spool holds from the safe position on; return how many frames.

        To be called once, before the first request.
        """
        position = self._store.position or 0
        end = self._spool.end
        self.processor.mark_replayed_until(end)
        self._history.replayed_until = end
        return self._refill(self.processor, self._intake.stage.decoder, position, end)

    def process(self, *, everything: bool = False) -> bool:
        """Close, commit, move the safe position; return whether nothing is left to commit."""
        return self._loop.tick(self._clock.now_ns(), everything=everything)

    def reload(self, plan: Plan) -> None:
        """Judge by another plan from the next commit on.

        Its pending traces are built from the spool beside the running ones; only what came
        meanwhile is read while the intake waits.
        """
        processor, decoder, history = self._assemble(plan)
        processor.mark_replayed_until(self._history.replayed_until)
        history.replayed_until = self._history.replayed_until
        with self._intake.lock:
            read = self.processor.safe_position(self._spool.durable_end)
        end = self._spool.durable_end
        for _ in range(_CATCH_UPS):
            if end - read <= _LAST_READ_BYTES:
                break
            self._refill(processor, decoder, read, end)
            read, end = end, self._spool.durable_end
        self._store.register_plan(plan, at_ns=self._clock.now_ns())
        with self._intake.lock:
            end = self._spool.end
            if end > read:
                self._spool.wait_durable(end - 1, _DURABLE_TIMEOUT_S)
                self._refill(processor, decoder, read, end)
            processor.discard(processor.pending_ids() - self.processor.pending_ids())
            self._intake.replace_stage(_stage(processor, decoder))
            self._loop.replace_processor(processor)
            self._history = history
            self.plan = plan

    def _assemble(self, plan: Plan) -> tuple[TraceProcessor, Decoder, SpoolHistory]:
        table = ConditionTable(plan.fields, plan.conditions)
        history = SpoolHistory(
            self._spool,
            self._store,
            plan=plan,
            table=table,
            decoder_of=self._decoder,
            plan_of=load_text,
            budget=self._budget,
        )
        processor = self._hot_path.processors(
            plan, table, settings=self._settings, key=self._store.hash_key, history=history
        )
        return processor, self._decoder(plan, table), history

    def _decoder(self, plan: Plan, table: ConditionTable) -> Decoder:
        return self._hot_path.decoders(plan.fields, table, plan.captures)

    def _refill(self, processor: TraceProcessor, decoder: Decoder, start: int, end: int) -> int:
        frames = 0
        for frame, batch in ahead(self._decoded(decoder, start, end)):
            processor.add(batch, position=frame.position, arrival_ns=frame.arrival_ns)
            frames += 1
        return frames

    def _decoded(self, decoder: Decoder, start: int, end: int) -> Iterator[tuple[Frame, SpanBatch]]:
        # Reading waits for the disk, decoding and adding do not: each in a thread of its own.
        for frame in ahead(self._spool.read(start, end)):
            yield frame, decoder.decode(frame.payload).batch

    def _why_not(self) -> str | None:
        return self._loop.failure if self._loop.is_stuck else None


def _stage(processor: TraceProcessor, decoder: Decoder) -> Stage:
    return Stage(
        decoder,
        lambda batch, position, arrival_ns: processor.add(
            batch, position=position, arrival_ns=arrival_ns
        ),
    )
