"""`SpanRow`: what a pending trace keeps of a span, and which of two conflicting rows wins."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import Value

_LOW_64 = (1 << 64) - 1

SpanKey = tuple[int, int]
"""(span id, kind): what makes a span one span inside its trace. Instrumentation that gives client
and server one id (Zipkin's) is why the kind belongs to it."""


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span of one trace, decoded under one plan.

    `vector` is a row of that plan's condition table, `captures` holds (index into the plan's
    captures, non-nil value), `projected` the values of the plan's fields in their order. Rows of
    different plans must never meet in one trace.
    """

    span_id: int
    parent_id: int
    """0 where the span names no parent."""
    kind: int
    start_ns: int
    end_ns: int
    vector: int
    captures: tuple[tuple[int, Value], ...]
    projected: Sequence[Value]

    @property
    def key(self) -> SpanKey:
        """What makes this span one span inside its trace."""
        return self.span_id, self.kind


def beats(challenger: SpanRow, holder: SpanRow) -> bool:
    """Whether `challenger` replaces `holder`, a row of the same span that says something else.

    The greatest (end, start, parent, projected values) wins, no parent being the least. It is a
    total order over all that a verdict can depend on, so neither order of arrival nor repetition
    can matter.
    """
    ours = (challenger.end_ns, challenger.start_ns, challenger.parent_id)
    theirs = (holder.end_ns, holder.start_ns, holder.parent_id)
    if ours != theirs:
        return ours > theirs
    # No shortcut by ==: Python finds 1, 1.0 and True equal, and NaN unequal to itself.
    return order_of(challenger.projected) > order_of(holder.projected)


def value_order(value: Value) -> tuple[int, object, str]:
    """A sort key for values of any type: nil < bool < int < double < string < bytes < JSON.

    Equal keys mean the same value of the same type (doubles by their bits, so NaN has a place and
    -0.0 stands below 0.0). Lists and maps compare by their JSON text with sorted keys; where two
    texts are one (bytes, which JSON writes as base64, beside that very string), the types decide.
    """
    if value is None:
        return 0, 0, ""
    if isinstance(value, bool):
        return 1, value, ""
    if isinstance(value, int):
        return 2, value, ""
    if isinstance(value, float):
        return 3, _double_order(value), ""
    if isinstance(value, str):
        return 4, value, ""
    if isinstance(value, bytes):
        return 5, bytes(value), ""
    return 6, _json(value, _base64), _json(value, _marked)


def order_of(values: Iterable[Value]) -> tuple[tuple[int, object, str], ...]:
    """A sort key for projected values, the first that differs deciding; see `value_order`."""
    return tuple(value_order(value) for value in values)


def _double_order(value: float) -> int:
    """IEEE 754's total order as an integer: sign and magnitude become two's complement."""
    bits: int = struct.unpack(">q", struct.pack(">d", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF) - 1


def _json(value: Value, encode_bytes: Callable[[object], object]) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=encode_bytes
    )


def _base64(value: object) -> object:
    return base64.b64encode(_bytes(value)).decode("ascii")


def _marked(value: object) -> object:
    return {"": _bytes(value).hex()}


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no type of an attribute's value")
    return value


class BatchRows:
    """Reads single rows out of a `SpanBatch`; for the plain path, where a span may be an object."""

    def __init__(self, batch: SpanBatch) -> None:
        self._batch = batch
        self.trace_ids = [
            (high << 64) | low
            for high, low in zip(batch.trace_hi.tolist(), batch.trace_lo.tolist(), strict=True)
        ]
        """128-bit trace ids, row by row."""
        self._span_id = batch.span_id.tolist()
        self._parent_id = batch.parent_id.tolist()
        self._kind = batch.kind.tolist()
        self._start_ns = batch.start_ns.tolist()
        self._end_ns = batch.end_ns.tolist()
        self._vector = batch.vector.tolist()
        self._captures: dict[int, list[tuple[int, Value]]] = {}
        captured = zip(
            batch.capture_row.tolist(),
            batch.capture_expression.tolist(),
            batch.capture_value,
            strict=True,
        )
        for row, expression, value in captured:
            self._captures.setdefault(row, []).append((expression, value))

    def row(self, index: int) -> SpanRow:
        """The span in row `index` of the batch."""
        return SpanRow(
            span_id=self._span_id[index],
            parent_id=self._parent_id[index],
            kind=self._kind[index],
            start_ns=self._start_ns[index],
            end_ns=self._end_ns[index],
            vector=self._vector[index],
            captures=tuple(self._captures.get(index, ())),
            projected=self._batch.projected(index),
        )

    def rows_of(self, trace_id: int) -> list[int]:
        """Row indices of a trace."""
        is_its = self._batch.trace_lo == trace_id & _LOW_64
        is_its &= self._batch.trace_hi == trace_id >> 64
        found: list[int] = np.flatnonzero(is_its).tolist()
        return found


def memory_of(row: SpanRow) -> int:
    """An estimate of the bytes that a row holds, its place in a trace included."""
    total = 640 + 8 * len(row.projected) + 72 * len(row.captures)
    for value in row.projected:
        if value is not None:
            total += weight_of(value)
    for _, value in row.captures:
        total += weight_of(value)
    return total


def weight_of(value: Value) -> int:
    """An estimate of the bytes that a value holds."""
    if isinstance(value, str | bytes):
        return 56 + len(value)
    if isinstance(value, list | dict):
        return 64 + 4 * len(_json(value, _base64))
    return 32
