"""Traces as objects, for the plain judge."""

from __future__ import annotations

import numpy as np

from sloengine.processor.judge import Judge
from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Words
from sloengine.processor.kernel.ending import spans_of
from sloengine.processor.kernel.intake import Shelf
from sloengine.processor.kernel.keeping import ForgottenError
from sloengine.processor.kernel.records import address_of, trace_ids_of
from sloengine.processor.pending import PendingTrace


class PartOfTrace(PendingTrace):
    """What is known of a trace whose other spans only the history has, as after a restart."""


class TraceObjects:
    """Makes objects of pending traces."""

    def __init__(self, shelf: Shelf, judge: Judge) -> None:
        self._shelf = shelf
        self._judge = judge

    def trace(self, record: Words, *, only_known: bool = False) -> PendingTrace:
        """Return a trace as objects; `only_known` without spans whose values are forgotten."""
        arena = self._shelf.arena
        number = int(record[at.J_TRACE])
        trace = arena.traces[number]
        first = int(arena.first[number])
        made = PartOfTrace if only_known else PendingTrace
        pending = made(
            trace_ids_of(trace[None])[0],
            first,
            int(trace[at.T_LAST_POSITION]),
            int(trace[at.T_FIRST_ARRIVAL]),
            int(trace[at.T_LAST_ARRIVAL]),
            first if only_known else int(trace[at.T_ORIGIN]),
            reopened=int(trace[at.T_STATE]) & at.STATE == at.REOPENED and not only_known,
        )
        rows = np.empty(int(trace[at.T_COUNT]), np.int64)
        spans_of(arena.address, number, address_of(rows))
        for row in rows.tolist():
            if only_known and self._shelf.origin_of(row) < 0:
                continue
            span = self._shelf.row(row)
            pending.rows[span.key] = span
            if int(arena.spans[row, at.S_META]) & at.FRESH:
                pending.fresh.add(span.key)
        return pending

    def trace_for_judge(self, record: Words) -> PendingTrace:
        """Return a trace that can be judged: what is known of it, and the history for the rest."""
        if int(self._shelf.arena.traces[record[at.J_TRACE], at.T_STATE]) & at.UNSURE:
            return self.trace(record, only_known=True)
        trace = self.trace(record)
        if trace.reopened:
            try:
                self._judge.judge(trace.trace_id, trace.rows)
            except ForgottenError:
                return self.trace(record, only_known=True)
        return trace
