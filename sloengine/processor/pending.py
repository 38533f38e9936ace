"""Traces that wait for spans, and traces that were judged a short while ago.

Both are plain dictionaries. Two heaps with stale items say which pending trace is due next and
which frame is needed longest, so that a look costs nothing where nothing is due.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sloengine.processor.rows import SpanKey, SpanRow, beats, memory_of

_TRACE_BYTES = 900
"""What a trace costs beside its rows: dictionary, heap items, the object itself."""
_IN_LINE_NS = 1 << 62
"""When to look at a trace of its own accord that waits in line: never."""
_STALE_ITEMS = 1024
"""How many stale items a heap may hold beside one for each pending trace."""


@dataclass(slots=True, eq=False)
class PendingTrace:
    """A trace that is not judged, or is to be judged again."""

    trace_id: int
    first_position: int
    """The oldest frame that spans came from since it is pending."""
    last_position: int
    first_arrival_ns: int
    last_arrival_ns: int
    origin: int
    """The oldest frame that any span came from, those of an earlier verdict included."""
    rows: dict[SpanKey, SpanRow] = field(default_factory=dict)
    fresh: set[SpanKey] = field(default_factory=set)
    """Spans that no verdict has seen."""
    reopened: bool = False
    """All spans of its earlier verdict are among `rows`."""
    size: int = _TRACE_BYTES
    due_ns: int = 0
    """When to look at it next."""

    def merge(self, row: SpanRow) -> bool:
        """Take a row in; True if it is a span that was not there."""
        holder = self.rows.get(row.key)
        if holder is None:
            self.fresh.add(row.key)
        elif not beats(row, holder):
            return False
        else:
            self.size -= memory_of(holder)
        self.rows[row.key] = row
        self.size += memory_of(row)
        return holder is None


class PendingTraces:
    """All pending traces, the longest idle first."""

    def __init__(self, *, idle_wait_ns: int, max_wait_ns: int) -> None:
        self._idle_wait_ns = idle_wait_ns
        self._max_wait_ns = max_wait_ns
        self._traces: OrderedDict[int, PendingTrace] = OrderedDict()
        self._due: list[tuple[int, int]] = []
        self._positions: list[tuple[int, int]] = []
        self._in_line: set[int] = set()
        self.spans = 0
        """Spans that no verdict has seen."""
        self.size = 0
        """Estimated bytes."""

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def in_line(self) -> int:
        """How many wait until the rest of them can be read again."""
        return len(self._in_line)

    def __iter__(self) -> Iterator[PendingTrace]:
        return iter(self._traces.values())

    def get(self, trace_id: int) -> PendingTrace | None:
        """Find a pending trace."""
        return self._traces.get(trace_id)

    def put(self, trace: PendingTrace) -> None:
        """Begin to wait for a trace that is not pending."""
        self._traces[trace.trace_id] = trace
        self.spans += len(trace.fresh)
        self.size += trace.size
        heapq.heappush(self._positions, (trace.first_position, trace.trace_id))
        self.schedule(trace, self._idle_deadline(trace))
        self._drop_stale()

    def merge(self, trace: PendingTrace, row: SpanRow, *, position: int, arrival_ns: int) -> bool:
        """Take a row into a pending trace; True if it is a span that was not there."""
        size = trace.size
        is_new = trace.merge(row)
        self.spans += is_new
        self.size += trace.size - size
        if position < trace.first_position:
            trace.first_position = position
            trace.origin = min(trace.origin, position)
            heapq.heappush(self._positions, (position, trace.trace_id))
        trace.last_position = max(trace.last_position, position)
        trace.first_arrival_ns = min(trace.first_arrival_ns, arrival_ns)
        trace.last_arrival_ns = max(trace.last_arrival_ns, arrival_ns)
        self._traces.move_to_end(trace.trace_id)
        # A due trace that turns out not to be due is put back, so only an earlier date matters.
        deadline = self._idle_deadline(trace)
        if deadline < trace.due_ns:
            self.schedule(trace, deadline)
        return is_new

    def remove(self, trace: PendingTrace) -> None:
        """Stop waiting for a trace."""
        del self._traces[trace.trace_id]
        self._in_line.discard(trace.trace_id)
        self.spans -= len(trace.fresh)
        self.size -= trace.size

    def schedule(self, trace: PendingTrace, due_ns: int) -> None:
        """Look at a trace at `due_ns`, not at the date set before."""
        trace.due_ns = due_ns
        self._in_line.discard(trace.trace_id)
        heapq.heappush(self._due, (due_ns, trace.trace_id))

    def put_off(self, trace: PendingTrace) -> None:
        """Have a due trace wait in line until the rest of it can be read again."""
        trace.due_ns = _IN_LINE_NS
        self._in_line.add(trace.trace_id)

    def bring_up(self, most: int | None) -> None:
        """Have traces in line looked at as if they had never been there: the oldest, or all."""
        line = [self._traces[trace_id] for trace_id in self._in_line]
        line.sort(key=lambda trace: (trace.first_position, trace.trace_id))
        for trace in line[:most]:
            self.schedule(trace, self._idle_deadline(trace))

    def due(self, now_ns: int, is_whole: Callable[[PendingTrace], bool]) -> list[PendingTrace]:
        """The traces to close now. They stay pending until removed, but are not named again."""
        found = []
        while self._due and self._due[0][0] <= now_ns:
            due_ns, trace_id = heapq.heappop(self._due)
            trace = self._traces.get(trace_id)
            if trace is None or trace.due_ns != due_ns:
                continue
            deadline = self._idle_deadline(trace)
            if deadline > now_ns:
                self.schedule(trace, deadline)
            elif self.is_expired(trace, now_ns) or is_whole(trace):
                trace.due_ns = -1
                found.append(trace)
            else:
                self.schedule(trace, trace.first_arrival_ns + self._max_wait_ns)
        return found

    def is_expired(self, trace: PendingTrace, now_ns: int) -> bool:
        """Whether a trace has waited as long as any may."""
        return now_ns >= trace.first_arrival_ns + self._max_wait_ns

    def oldest_position(self) -> int | None:
        """The oldest frame that a pending trace came from."""
        while self._positions:
            position, trace_id = self._positions[0]
            trace = self._traces.get(trace_id)
            if trace is not None and trace.first_position == position:
                return position
            heapq.heappop(self._positions)
        return None

    def _drop_stale(self) -> None:
        """Keep the heaps in proportion: one old trace must not keep the items of all after it."""
        bound = 2 * len(self._traces) + _STALE_ITEMS
        if len(self._positions) > bound:
            self._positions = [(trace.first_position, trace.trace_id) for trace in self]
            heapq.heapify(self._positions)
        if len(self._due) > bound:
            self._due = [(trace.due_ns, trace.trace_id) for trace in self]
            heapq.heapify(self._due)

    def _idle_deadline(self, trace: PendingTrace) -> int:
        return min(
            trace.last_arrival_ns + self._idle_wait_ns, trace.first_arrival_ns + self._max_wait_ns
        )


@dataclass(frozen=True, slots=True, eq=False)
class RecentTrace:
    """A judged trace with all its spans, kept for those that come late."""

    rows: dict[SpanKey, SpanRow]
    origin: int
    last_arrival_ns: int
    size: int


class RecentTraces:
    """The traces judged last, at most `limit`; the oldest verdicts are forgotten first."""

    def __init__(self, *, limit: int, horizon_ns: int) -> None:
        self._limit = limit
        self._horizon_ns = horizon_ns
        self._traces: OrderedDict[int, RecentTrace] = OrderedDict()
        self.size = 0
        """Estimated bytes."""

    def __len__(self) -> int:
        return len(self._traces)

    def get(self, trace_id: int, arrival_ns: int) -> RecentTrace | None:
        """Find a trace for a span that arrives now; beyond the horizon it is not known."""
        trace = self._traces.get(trace_id)
        if trace is None or trace.last_arrival_ns + self._horizon_ns < arrival_ns:
            return None
        return trace

    def put(self, trace: PendingTrace) -> None:
        """Remember a trace that was judged by the spans it holds."""
        self.forget(trace.trace_id)
        self._traces[trace.trace_id] = RecentTrace(
            trace.rows, trace.origin, trace.last_arrival_ns, trace.size
        )
        self.size += trace.size
        if len(self._traces) > self._limit:
            self.forget_oldest()

    def forget(self, trace_id: int) -> None:
        """Drop one trace, if it is known."""
        trace = self._traces.pop(trace_id, None)
        if trace is not None:
            self.size -= trace.size

    def forget_oldest(self) -> None:
        """Drop the trace whose verdict is oldest; there must be one."""
        _, trace = self._traces.popitem(last=False)
        self.size -= trace.size

    def expire(self, now_ns: int) -> None:
        """Drop the oldest verdicts that lie beyond the horizon."""
        while self._traces:
            oldest = next(iter(self._traces.values()))
            if oldest.last_arrival_ns + self._horizon_ns >= now_ns:
                return
            self.forget_oldest()
