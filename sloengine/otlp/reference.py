"""The reference decoder: official message classes and plain Python, slow and obvious."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sloengine.errors import PermanentError
from sloengine.otlp.batch import SpanBatch
from sloengine.otlp.decoder import Decoded, DecodedTogether
from sloengine.otlp.values import (
    NO_SPAN_ID,
    RESOURCE_FIELDS,
    SCOPE_FIELDS,
    SPAN_FIELDS,
    AttributeProjection,
)
from sloengine.otlp.wire import count_spans, parse_request
from sloengine.ottl import ConditionTable, EvaluationError, Field, Value, ValueExpression

_NO_TRACE_ID = bytes(16)
_KNOWN_KINDS = range(6)


@dataclass(slots=True)
class _Columns:
    """What is collected span by span, before it becomes arrays."""

    trace_ids: list[bytes] = field(default_factory=list)
    span_ids: list[bytes] = field(default_factory=list)
    parent_ids: list[bytes] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    vectors: list[int] = field(default_factory=list)
    rows: list[tuple[Value, ...]] = field(default_factory=list)
    capture_rows: list[int] = field(default_factory=list)
    capture_expressions: list[int] = field(default_factory=list)
    capture_values: list[Value] = field(default_factory=list)


class ReferenceDecoder:
    """Decodes requests to the fields that a plan asks for; every other decoder must equal it.

    `fields` are the plan's, and each row of `SpanBatch.projected` is aligned with them. They must
    hold all that `table` and `captures` read. Values of maps and lists may be shared between
    rows, so nobody may change them. Safe to share between threads.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        table: ConditionTable,
        captures: Sequence[ValueExpression],
    ) -> None:
        self._fields = tuple(fields)
        self._table = table
        slots = {wanted: slot for slot, wanted in enumerate(self._fields)}
        try:
            self._table_slots = tuple(slots[read] for read in table.fields)
            self._captures = tuple(_Capture(expression, slots) for expression in captures)
        except KeyError as error:
            raise ValueError(f"{error.args[0]} is read but not among the decoded fields") from None
        self._resource = AttributeProjection(self._fields, "resource.attributes")
        self._scope = AttributeProjection(self._fields, "instrumentation_scope.attributes")
        self._span = AttributeProjection(self._fields, "span.attributes")
        self._resource_fields = _wanted(slots, RESOURCE_FIELDS)
        self._scope_fields = _wanted(slots, SCOPE_FIELDS)
        self._span_fields = _wanted(slots, SPAN_FIELDS)

    def decode(self, payload: bytes | memoryview) -> Decoded:
        """Decode one request; see `Decoder.decode`."""
        columns = _Columns()
        rejections: list[str] = []
        for span, above in self._spans_with_context(parse_request(payload)):
            fault = fault_of(span)
            if fault:
                rejections.append(f"span {span.name[:80]!r} has {fault}")
            else:
                self._append(columns, span, above)
        message = ""
        if rejections:
            total = len(rejections) + len(columns.rows)
            message = f"{len(rejections)} of {total} spans rejected: {rejections[0]}"
        return Decoded(self._batch(columns), len(rejections), message)

    def decode_together(self, payloads: Sequence[bytes]) -> DecodedTogether | None:
        """Decode several requests at once; see `Decoder.decode_together`."""
        try:
            spans = tuple(map(count_spans, payloads))
        except PermanentError:
            return None
        payload = b"".join(payloads)
        decoded = self.decode(payload)
        return None if decoded.rejected else DecodedTogether(payload, decoded.batch, spans)

    def _spans_with_context(
        self, request: ExportTraceServiceRequest
    ) -> Iterator[tuple[Span, list[Value]]]:
        """Each span with a row in which what stands above it is filled in already."""
        for resource_spans in request.resource_spans:
            resource_row: list[Value] = [None] * len(self._fields)
            resource = resource_spans.resource
            self._resource.fill(resource_row, resource.attributes)
            for slot, read in self._resource_fields:
                resource_row[slot] = read(resource)
            for scope_spans in resource_spans.scope_spans:
                row = resource_row.copy()
                scope = scope_spans.scope
                self._scope.fill(row, scope.attributes)
                for slot, read in self._scope_fields:
                    row[slot] = read(scope)
                for span in scope_spans.spans:
                    yield span, row

    def _append(self, columns: _Columns, span: Span, above: list[Value]) -> None:
        values = above.copy()
        for slot, read in self._span_fields:
            values[slot] = read(span)
        self._span.fill(values, span.attributes)
        row = tuple(values)
        for index, capture in enumerate(self._captures):
            captured = capture.evaluate(row, self._fields)
            if captured is not None:
                columns.capture_rows.append(len(columns.rows))
                columns.capture_expressions.append(index)
                columns.capture_values.append(captured)
        columns.rows.append(row)
        columns.vectors.append(self._table.vector(tuple(row[slot] for slot in self._table_slots)))
        columns.trace_ids.append(span.trace_id)
        columns.span_ids.append(span.span_id)
        columns.parent_ids.append(span.parent_span_id or NO_SPAN_ID)
        columns.kinds.append(span.kind if span.kind in _KNOWN_KINDS else 0)
        columns.starts.append(span.start_time_unix_nano)
        columns.ends.append(span.end_time_unix_nano)

    def _batch(self, columns: _Columns) -> SpanBatch:
        traces = _big_endian(columns.trace_ids).reshape(-1, 2)
        return SpanBatch(
            trace_hi=traces[:, 0].copy(),
            trace_lo=traces[:, 1].copy(),
            span_id=_big_endian(columns.span_ids),
            parent_id=_big_endian(columns.parent_ids),
            kind=np.array(columns.kinds, dtype=np.uint8),
            start_ns=np.array(columns.starts, dtype=np.uint64),
            end_ns=np.array(columns.ends, dtype=np.uint64),
            vector=np.array(columns.vectors, dtype=np.int32),
            capture_row=np.array(columns.capture_rows, dtype=np.int32),
            capture_expression=np.array(columns.capture_expressions, dtype=np.int32),
            capture_value=tuple(columns.capture_values),
            table=self._table,
            projected=columns.rows.__getitem__,
        )


def _wanted(
    slots: Mapping[Field, int], readers: Mapping[str, Callable[[Any], Value]]
) -> tuple[tuple[int, Callable[[Any], Value]], ...]:
    """The slots of plain fields, each with what reads it."""
    return tuple(
        (slot, readers[field.path]) for field, slot in slots.items() if field.path in readers
    )


class _Capture:
    """A captured expression, which is decided once where all that it reads is nil."""

    def __init__(self, expression: ValueExpression, slots: dict[Field, int]) -> None:
        self._expression = expression
        self._slots = tuple(slots[read] for read in expression.fields)
        self._of_nothing = _evaluate(expression, {})

    def evaluate(self, row: tuple[Value, ...], fields: tuple[Field, ...]) -> Value:
        if all(row[slot] is None for slot in self._slots):
            return self._of_nothing
        return _evaluate(self._expression, {fields[slot]: row[slot] for slot in self._slots})


def _evaluate(expression: ValueExpression, values: dict[Field, Value]) -> Value:
    try:
        return expression.evaluate(values)
    except EvaluationError:  # an expression that errors is nil on that span
        return None


def fault_of(span: Span) -> str:
    """What is wrong with a span's ids; empty where nothing is."""
    if len(span.trace_id) != 16 or span.trace_id == _NO_TRACE_ID:
        return f"trace_id {span.trace_id[:20].hex()!r}; it must be 16 bytes, not all zero"
    if len(span.span_id) != 8 or span.span_id == NO_SPAN_ID:
        return f"span_id {span.span_id[:20].hex()!r}; it must be 8 bytes, not all zero"
    if len(span.parent_span_id) not in (0, 8):
        return f"parent_span_id {span.parent_span_id[:20].hex()!r}; it must be 8 bytes, or empty"
    return ""


def _big_endian(ids: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(ids), dtype=">u8").astype(np.uint64)
