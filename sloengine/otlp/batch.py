"""`SpanBatch`: what one OTLP request becomes. Arrays in, arrays out; no object per span."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sloengine.ottl import ConditionTable, Value


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """The projected spans of one accepted request, row by row in wire order.

    Shapes: every array of a span property has `n` rows; the three `capture_*` sequences have
    one entry for each non-nil captured value, in ascending order of row.

    Callers must not assume that (trace, span, kind) is unique inside a batch, that parents stand
    before children, that `end_ns >= start_ns`, or that the batch holds whole traces.
    """

    trace_hi: npt.NDArray[np.uint64]
    """The first eight bytes of the trace id, big-endian."""
    trace_lo: npt.NDArray[np.uint64]
    """The last eight bytes of the trace id, big-endian."""
    span_id: npt.NDArray[np.uint64]
    parent_id: npt.NDArray[np.uint64]
    """0 where the span names no parent."""
    kind: npt.NDArray[np.uint8]
    """SpanKind, 0 (unspecified) to 5 (consumer); other wire values become 0."""
    start_ns: npt.NDArray[np.uint64]
    end_ns: npt.NDArray[np.uint64]
    vector: npt.NDArray[np.int32]
    """Vector id: the row of `table` that holds this span's condition bits."""
    capture_row: npt.NDArray[np.int32]
    capture_expression: npt.NDArray[np.int32]
    """Index into the plan's captured expressions."""
    capture_value: tuple[Value, ...]
    table: ConditionTable
    projected: Callable[[int], tuple[Value, ...]]
    """The projected values of one row, in the order of the plan's fields (by path, then key).
    Slow; for breaking ties between conflicting duplicates, for names and for evidence."""
    held_bytes: int = 0
    """About what stays in memory as long as the batch does, beside its columns: the request that
    `projected` reads from. 0 where nobody knows."""

    first_rows: npt.NDArray[np.int32] | None = None
    """Rows in which every trace of the batch is met, most of them once; `None` where nobody knows
    fewer than all."""

    def __len__(self) -> int:
        return len(self.span_id)

    @property
    def traces(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Both halves of the trace ids, each at least once, in any order."""
        if self.first_rows is None:
            return self.trace_hi, self.trace_lo
        return self.trace_hi[self.first_rows], self.trace_lo[self.first_rows]


def distinct_trace_ids(batch: SpanBatch) -> list[int]:
    """Return the 128-bit trace ids of a batch, each once, in ascending order."""
    pairs = set(zip(batch.trace_hi.tolist(), batch.trace_lo.tolist(), strict=True))
    return sorted(high << 64 | low for high, low in pairs)
