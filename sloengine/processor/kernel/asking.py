"""What the history is asked about traces that close, and those that wait in line for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sloengine.processor.history import AskedTraces, PendingSpans
from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Arena, Words
from sloengine.processor.kernel.ending import describe
from sloengine.processor.kernel.records import address_of
from sloengine.processor.pending import PendingTrace
from sloengine.processor.reread_budget import Pace
from sloengine.processor.verdicts import Court
from sloengine.spool import TraceIds

_NOBODY = np.empty(0, np.intp)


def described(arena: Arena, court: Court, judged: Words) -> tuple[Words, Words]:
    """Return columns for the history, and sums, of traces that end; see `describe`."""
    columns = np.empty((at.D_COLUMNS, len(judged)), np.int64)
    sums = np.zeros(at.N_WORDS, np.int64)
    describe(
        *(arena.address, address_of(judged), len(judged), court.replayed_until),
        *(address_of(columns), address_of(sums)),
    )
    return columns[:, : sums[at.N_ASKED]], sums


@dataclass(frozen=True, slots=True)
class Question:
    """What the history is asked at a look."""

    wanted: dict[int, PendingSpans]
    """By trace id."""
    numbers: dict[int, int]
    """Trace id → which of the records it is."""
    left_out: list[int]
    """Which of the records are not asked about this time."""


def question_of(
    arena: Arena,
    court: Court,
    judged: Words,
    elsewhere: Mapping[int, PendingTrace],
    columns: Words,
    most: int | None,
) -> Question:
    """Return what to ask: of traces judged for the first time, those that may have been before.

    `elsewhere` are those of `judged` that the plain judge gets; `columns` are what `described`
    gave. Beside the former only the oldest `most` are asked about.
    """
    wanted: dict[int, PendingSpans] = {}
    numbers: dict[int, int] = {}
    for number, trace in elsewhere.items():
        if not trace.reopened:
            wanted[trace.trace_id] = court.part(trace)
            numbers[trace.trace_id] = number
    bits = columns.view(np.uint64)
    first, arrivals, earliest = columns[at.D_FIRST], columns[at.D_ARRIVAL], bits[at.D_EARLIEST]
    ids = TraceIds(bits[at.D_HI], bits[at.D_LO])
    asked = AskedTraces(ids, first, arrivals, earliest, court.horizon_ns)
    suspects = np.flatnonzero(court.history.perhaps_earlier(asked))
    left_out = suspects[:0]
    if most is not None and len(suspects) > most:
        suspects = suspects[np.lexsort((ids.low[suspects], ids.high[suspects], first[suspects]))]
        suspects, left_out = suspects[:most], suspects[most:]
    for row in suspects.tolist():
        number = int(columns[at.D_NUMBER, row])
        trace_id = int(ids.high[row]) << 64 | int(ids.low[row])
        numbers[trace_id] = number
        arrival_ns = int(arrivals[row])
        wanted[trace_id] = PendingSpans(
            int(first[row]),
            int(arena.traces[judged[number, at.J_TRACE], at.T_LAST_POSITION]),
            arrival_ns,
            arrival_ns - court.horizon_ns,
            int(earliest[row]),
        )
    return Question(wanted, numbers, columns[at.D_NUMBER, left_out].tolist())


class Line:
    """Pending traces that are due, and wait until the rest of them can be read again."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._pace = Pace()
        self._asked = self._answered = 0
        """In this look so far."""
        self._is_empty = True

    def __len__(self) -> int:
        """How many there are."""
        if self._is_empty:
            return 0
        return int(np.count_nonzero(self._arena.due == at.IN_LINE))

    @property
    def most(self) -> int:
        """About how many traces more this look should ask."""
        return max(0, self._pace.most - self._asked)

    def bring_up(self, *, everyone: bool) -> npt.NDArray[np.intp]:
        """Return the rows of traces to look at now, the oldest first; of all where that is said."""
        self._asked = self._answered = 0
        if self._is_empty:
            return _NOBODY
        rows = np.flatnonzero(self._arena.due == at.IN_LINE)
        if not everyone and len(rows) > self._pace.most:
            ids = self._arena.traces[rows][:, [at.T_LO, at.T_HI]].view(np.uint64)
            order = np.lexsort((ids[:, 0], ids[:, 1], self._arena.first[rows]))
            rows = rows[order[: self._pace.most]]
        return rows

    def note_answers(self, asked: int, answered: int) -> None:
        """Hear about how many traces this look has asked, and had an answer."""
        self._asked += asked
        self._answered += answered

    def put_off(self, rows: Sequence[int]) -> None:
        """End a look: have the traces in these rows wait in line."""
        self._pace.note(self._answered)
        self._asked = self._answered = 0
        self._is_empty = not rows and not len(self)
        if rows:
            self._arena.due[rows] = at.IN_LINE
            # So that a further span sets a time again.
            self._arena.traces[rows, at.T_HEAD] |= at.WITH_CARE
