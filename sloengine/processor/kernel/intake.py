"""Batches into the arena: columns handed to the kernel, and ties that only values can break."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import addressof, c_char
from typing import Any

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, Value
from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.adding import add_rows
from sloengine.processor.kernel.arena import Arena, Words
from sloengine.processor.kernel.keeping import Batches, Forgotten, Projected, Reread
from sloengine.processor.rows import SpanRow, order_of, value_order, weight_of
from sloengine.processor.values import amount_micros, key_text

Label = tuple[str | None, str | None]
_NO_ROWS = np.empty(0, np.int32)
_TEXT_BYTES = 56
_SHARE_FOR_BATCHES = 32
"""A request that is sent again, and the names in a frame, need one batch at a time."""


class Shelf:
    """The arena with the batches that its spans came from: writes batches in, reads spans out."""

    def __init__(self, plan: Plan, memory_bytes: int, reread: Reread | None) -> None:
        self.arena = Arena(memory_bytes)
        self.batches = Batches(self.arena, memory_bytes // _SHARE_FOR_BATCHES, reread)
        self.service_expression = len(plan.captures)
        self.name_expression = self.service_expression + 1
        self._service = plan.fields.index(SERVICE_NAME)
        self._name = plan.fields.index(SPAN_NAME)

    def add(self, batch: SpanBatch, *, position: int, arrival_ns: int) -> tuple[int, int]:
        """Add a batch; return how many rows were duplicates, and how many came late."""
        arena, state = self.arena, self.arena.state
        rows = len(batch)
        arena.make_room(rows, len(batch.capture_row))
        slot = self.batches.put(batch, position)
        whats, weights = _described(batch)
        places = np.empty(len(whats), np.int64)
        first_rows = _NO_ROWS if batch.first_rows is None else batch.first_rows
        columns: dict[int, npt.NDArray[Any]] = {
            at.B_TRACE_HI: _words(batch.trace_hi),
            at.B_TRACE_LO: _words(batch.trace_lo),
            at.B_SPAN_ID: _words(batch.span_id),
            at.B_PARENT_ID: _words(batch.parent_id),
            at.B_START_NS: _words(batch.start_ns),
            at.B_END_NS: _words(batch.end_ns),
            at.B_KIND: np.ascontiguousarray(batch.kind, np.uint8),
            at.B_VECTOR: np.ascontiguousarray(batch.vector, np.int32),
            at.B_CAPTURE_ROW: np.ascontiguousarray(batch.capture_row, np.int32),
            at.B_CAPTURE_WHAT: whats,
            at.B_CAPTURE_WEIGHT: weights,
            at.B_CAPTURE_PLACE: places,
            at.B_FIRST_ROW: np.ascontiguousarray(first_rows, np.int32),
        }
        for word, column in columns.items():
            state[word] = _address(column)
        places.fill(at.NONE)
        state[at.B_ROWS] = rows
        state[at.B_FIRST_ROWS] = len(first_rows)
        state[at.B_CAPTURES] = len(whats)
        state[at.B_CAPTURE_AT] = 0
        state[at.B_POSITION] = position
        state[at.B_ARRIVAL] = arrival_ns
        state[at.B_SLOT] = slot
        state[at.B_WEIGHT] = self.batches.weight_of_row(batch)
        state[at.DUPLICATES] = state[at.LATE] = 0
        row, decision, taken = 0, at.UNDECIDED, 0
        while True:
            row, status = add_rows(arena.address, row, decision)
            taken = self._keep_values(batch, places, taken)
            decision = at.UNDECIDED
            if status == at.DONE:
                break
            if status == at.TIED:
                decision = self._decide(batch, row, arena[at.HOLDER])
            else:
                arena.grow_big_index()
        duplicates = arena[at.DUPLICATES]
        if duplicates:  # one of them may have replaced the last span of another batch
            self.batches.drop_unused()
        return duplicates, arena[at.LATE]

    def row(self, span_row: int) -> SpanRow:
        """Return a span as an object."""
        span = self.arena.spans[span_row].view(np.uint64).tolist()
        start_ns, end_ns = self.arena.times[span_row].view(np.uint64).tolist()
        origin = self.origin_of(span_row)
        label = self.label_of(span_row) if origin < 0 else None
        captures = self.captures_of(span_row)
        projected: Sequence[Value]
        if origin >= 0:
            projected = Projected(self.batches[origin >> 32], origin & at.LOW)
        elif label is not None:
            projected = Forgotten({self._service: label[0], self._name: label[1]})
        else:
            projected = Forgotten({})
        return SpanRow(
            span_id=span[at.S_ID],
            parent_id=span[at.S_PARENT],
            kind=span[at.S_META] & at.KIND,
            start_ns=start_ns,
            end_ns=end_ns,
            vector=span[at.S_META] >> at.VECTOR_AT,
            captures=captures,
            projected=projected,
        )

    def origin_of(self, span_row: int) -> int:
        """Return slot and row of the batch that a span came from, or NONE where it is gone."""
        origin = int(self.arena.spans[span_row, at.S_FROM])
        return origin if origin >= at.NONE else int(self.arena.captures[-2 - origin, at.C_FROM])

    def captures_of(self, span_row: int) -> tuple[tuple[int, Value], ...]:
        """Return what was captured of a span, by expression."""
        return tuple(
            (expression, self.arena.values[row])
            for expression, row in sorted(self._captured(span_row))
            if expression < self.service_expression
        )

    def label_of(self, span_row: int) -> Label | None:
        """Return service and name of a span, as texts; None where they are not known any more."""
        origin = self.origin_of(span_row)
        if origin >= 0:
            return self._label(self.batches[origin >> 32](origin & at.LOW))
        if not int(self.arena.spans[span_row, at.S_META]) & at.LABEL:
            return None
        places = dict(self._captured(span_row))
        service = self.arena.values[places[self.service_expression]]
        name = self.arena.values[places[self.name_expression]]
        return key_text(service), key_text(name)

    def _label(self, values: Sequence[Value]) -> Label:
        return key_text(values[self._service]), key_text(values[self._name])

    def _captured(self, span_row: int) -> list[tuple[int, int]]:
        captures = self.arena.captures
        found = []
        row = max(at.NONE, -2 - int(self.arena.spans[span_row, at.S_FROM]))
        while row >= 0:
            found.append((int(captures[row, at.C_WHAT]) >> 2, row))
            row = int(captures[row, at.C_NEXT])
        return found

    def _keep_values(self, batch: SpanBatch, places: Words, taken: int) -> int:
        """Put the values of captures that found a row into it, from capture `taken` on."""
        end = self.arena[at.B_CAPTURE_AT]
        values, given = self.arena.values, batch.capture_value
        for number, place in enumerate(places[taken:end].tolist(), taken):
            if place >= 0:
                values[place] = given[number]
        return end

    def _decide(self, batch: SpanBatch, row: int, holder: int) -> int:
        """Decide which of two rows wins that name one span and agree in parent and times."""
        origin = self.origin_of(holder)
        ours = batch.projected(row)
        if origin >= 0:
            theirs = self.batches[origin >> 32](origin & at.LOW)
            return at.REPLACES if order_of(ours) > order_of(theirs) else at.STANDS
        # All that a verdict can depend on, where which one it is cannot be known.
        label = self.label_of(holder)
        begin, end = np.searchsorted(batch.capture_row, [row, row + 1]).tolist()
        captured = sorted(
            zip(
                batch.capture_expression[begin:end].tolist(),
                map(value_order, batch.capture_value[begin:end]),
                strict=True,
            )
        )
        held = [(expression, value_order(v)) for expression, v in self.captures_of(holder)]
        is_same = (
            int(batch.vector[row]) == int(self.arena.spans[holder, at.S_META]) >> at.VECTOR_AT
            and captured == held
            and (label is None or label == self._label(ours))
        )
        return at.STANDS if is_same else at.UNKNOWN


def _address(column: npt.NDArray[Any]) -> int:
    """Where a column begins; quicker than numpy says it, where the column can be written to."""
    if column.size and column.flags.writeable:
        return addressof(c_char.from_buffer(column.data))
    return int(column.ctypes.data)


def _words(column: npt.NDArray[np.uint64]) -> Words:
    return np.ascontiguousarray(column, np.uint64).view(np.int64)


def _described(batch: SpanBatch) -> tuple[Words, Words]:
    """Return of each captured value: expression and use, and what it weighs."""
    values = batch.capture_value
    usable = np.array(
        [at.IS_TEXT if type(value) is str else _use_of(value) for value in values], np.int64
    )
    weights = np.array(
        [_TEXT_BYTES + len(value) if type(value) is str else weight_of(value) for value in values],
        np.int64,
    )
    return batch.capture_expression.astype(np.int64) << 2 | usable, weights


def _use_of(value: Value) -> int:
    text = at.IS_TEXT if key_text(value) is not None else 0
    return text | (at.IS_AMOUNT if amount_micros(value) is not None else 0)
