"""`KernelDecoder`: equal to `ReferenceDecoder` on any bytes, without an object per span."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sloengine.otlp.batch import SpanBatch
from sloengine.otlp.decoder import Decoded, DecodedTogether
from sloengine.otlp.kernel import layout as at
from sloengine.otlp.kernel.captures import Captures
from sloengine.otlp.kernel.columns import Columns, Wanted
from sloengine.otlp.kernel.context import Context
from sloengine.otlp.kernel.rows import LazyRows
from sloengine.otlp.reference import ReferenceDecoder, fault_of
from sloengine.ottl import ConditionTable, Field, ValueExpression, parse_condition

_LARGEST = 2**31 - 1024
_KEPT_BYTES = 64 << 20
"""A context that a huge request made larger than this is not kept."""


@dataclass(slots=True)
class KernelStatistics:
    """What a decoder has done so far; only ever rises."""

    requests: int = 0
    fallbacks: int = 0
    """Requests that went to the reference: malformed ones, and rare shapes."""
    clears: int = 0
    """How often tables of values were full and begun anew."""


class KernelDecoder:
    """Decodes requests by the kernel; a `Decoder`, made of the same arguments as the reference.

    What the kernel finds malformed, and shapes that are not worth its lines, are given to the
    reference decoder, which has the last word. Memory is bounded whatever comes in. Safe to share
    between threads; each running request has a `Context` of its own.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        table: ConditionTable,
        captures: Sequence[ValueExpression],
    ) -> None:
        self._reference = ReferenceDecoder(fields, table, captures)
        self._wanted = Wanted(fields, table, captures)
        self._columns = Columns(table, self._wanted.groups)
        self._captures = Captures(captures, self._wanted)
        self._table = table
        self._idle: list[Context] = []
        self._lock = threading.Lock()
        self.statistics = KernelStatistics()

    def decode(self, payload: bytes | memoryview) -> Decoded:
        """Decode one request; see `Decoder.decode`."""
        data = payload if type(payload) is bytes else bytes(payload)
        if len(data) > _LARGEST:
            return self._fall_back(data)
        context = self._take()
        decoded = self._run(context, data)
        self._give_back(context)
        return self._fall_back(data) if decoded is None else decoded

    def decode_together(self, payloads: Sequence[bytes]) -> DecodedTogether | None:
        """Decode several requests at once; see `Decoder.decode_together`."""
        data = b"".join(payloads)
        if len(data) > _LARGEST:
            return None
        sizes = [len(payload) for payload in payloads]
        context = self._take()
        decoded = self._run(context, data, sizes)
        together = None
        if decoded is not None and not decoded.rejected:
            together = DecodedTogether(data, decoded.batch, context.rows_of(sizes))
        self._give_back(context)
        return together

    def _run(self, context: Context, data: bytes, sizes: Sequence[int] = ()) -> Decoded | None:
        """Run the kernel; `None` where it does not know."""
        status = context.run(data, sizes)
        rows = LazyRows(
            self._wanted.fields,
            data,
            (context.take(at.SPAN_AT), context.take(at.SPAN_SIZE), context.take(at.GROUP_OF)),
            context.records(at.GROUPS),
        )
        context.settle(data, rows)
        return self._decoded(context, data, rows) if status >= 0 else None

    @property
    def memory_bytes(self) -> int:
        """What the contexts that are not in use have room in."""
        with self._lock:
            return sum(context.memory_bytes for context in self._idle)

    def _take(self) -> Context:
        with self._lock:
            self.statistics.requests += 1
            if self._columns.is_full:
                self._columns = Columns(self._table, self._wanted.groups)
                self._idle.clear()
            if self._idle:
                return self._idle.pop()  # the last one in: its memory is still in the caches
            columns = self._columns
        return Context(self._wanted, columns)

    def _give_back(self, context: Context) -> None:
        """Not reached after an error: what such a context has learnt may be half of it."""
        clears = context.clears
        context.tidy()
        with self._lock:
            self.statistics.clears += context.clears - clears
            if context.columns is self._columns and context.memory_bytes <= _KEPT_BYTES:
                self._idle.append(context)

    def _fall_back(self, data: bytes) -> Decoded:
        with self._lock:
            self.statistics.fallbacks += 1
        return self._reference.decode(data)

    def _decoded(self, context: Context, data: bytes, rows: LazyRows) -> Decoded:
        spans = context.take(at.SPAN_ID)
        capture_row, capture_expression, capture_value = self._captures.collect(
            data, rows, len(spans), context.records(at.CAPTURES), context.records(at.SHARED)
        )
        batch = SpanBatch(
            trace_hi=context.take(at.TRACE_HI),
            trace_lo=context.take(at.TRACE_LO),
            span_id=spans,
            parent_id=context.take(at.PARENT_ID),
            kind=context.take(at.KIND),
            start_ns=context.take(at.START_NS),
            end_ns=context.take(at.END_NS),
            vector=context.take(at.VECTOR),
            capture_row=capture_row,
            capture_expression=capture_expression,
            capture_value=capture_value,
            table=self._table,
            projected=rows,
            first_rows=context.first_rows(),
        )
        rejected, offset, size = context.rejected
        message = ""
        if rejected:
            span = Span.FromString(data[offset : offset + size])
            message = (
                f"{rejected} of {rejected + len(spans)} spans rejected: "
                f"span {span.name[:80]!r} has {fault_of(span)}"
            )
        return Decoded(batch, rejected, message)

    @staticmethod
    def warm_up() -> None:
        """Compile every kernel, or load its machine code; call it before a port opens."""
        collects = gc.isenabled()
        gc.disable()  # a compiler makes a great many objects, and keeps most of them
        try:
            condition = parse_condition('span.name == "warm-up"')
            table = ConditionTable(condition.fields, [condition])
            request = ExportTraceServiceRequest()
            spans = request.resource_spans.add().scope_spans.add().spans
            spans.add(trace_id=bytes(range(16)), span_id=bytes(range(8)), name="warm")
            KernelDecoder(condition.fields, table, ()).decode(request.SerializeToString())
        finally:
            if collects:
                gc.enable()
