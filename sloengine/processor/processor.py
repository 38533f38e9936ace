"""`Processor`: batches of spans in, facts of finished traces out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from sloengine.definitions.plan import Plan
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.processor.counters import Counter
from sloengine.processor.history import EarlierTrace, PendingSpans, TraceHistory
from sloengine.processor.judge import Judge
from sloengine.processor.look import Look, WholeLook
from sloengine.processor.pending import PendingTrace, PendingTraces, RecentTraces
from sloengine.processor.reread_budget import Pace
from sloengine.processor.rows import BatchRows, SpanRow, beats
from sloengine.processor.verdicts import Closed, Court, Verdicts

_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """How long to wait, and how much to keep in memory. Times are in nanoseconds of arrival."""

    idle_wait_ns: int = 10 * _SECOND_NS
    """A whole trace closes after so long without a new span."""
    max_wait_ns: int = 120 * _SECOND_NS
    """Any trace closes so long after its first span."""
    memory_bytes: int = 256 * 2**20
    """For pending and recently judged traces together. At the limit recent ones are forgotten
    first (they can be read again), then the longest idle pending ones close early."""
    recent_traces: int = 100_000
    """Judged traces kept in memory for late spans."""
    late_horizon_ns: int = 3600 * _SECOND_NS
    """How long after its last span a trace can be corrected."""
    reread_share: float = 0.1
    """How much of a core may be used to read traces again that were judged before: above 0, at
    most 1."""


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of the spans of one batch."""

    spans: int
    """All of them."""
    duplicates: int
    """Those that were there already, whether they said the same or not."""
    late: int
    """Those that are new in a trace that was judged before."""


class Processor:
    """Collects spans into traces, and judges each trace when it is complete.

    The same spans give the same facts in whatever order, batches and repetition they come, and
    whenever traces close in between: a span that comes later has its whole trace judged again, by
    the revision that judged it first. Only marks of haste (`Fact.incomplete` of a trace closed at
    the byte budget) depend on timing.

    Every batch must have been decoded with `table`. `key` is the store's secret for hashes. Not
    thread-safe: the caller holds one lock around all calls. Instants are wall time in
    nanoseconds; they steer waiting alone, and may go back.
    """

    def __init__(
        self,
        plan: Plan,
        table: ConditionTable,
        *,
        settings: ProcessorSettings,
        key: bytes,
        history: TraceHistory,
    ) -> None:
        self._court = Court(Judge(plan, table, key), key, history, settings.late_horizon_ns)
        self._settings = settings
        self._pending = PendingTraces(
            idle_wait_ns=settings.idle_wait_ns, max_wait_ns=settings.max_wait_ns
        )
        self._recent = RecentTraces(
            limit=settings.recent_traces, horizon_ns=settings.late_horizon_ns
        )
        self._pace = Pace()

    @property
    def pending_traces(self) -> int:
        """How many traces wait for spans or for their time."""
        return len(self._pending)

    @property
    def pending_spans(self) -> int:
        """How many spans wait for their first verdict."""
        return self._pending.spans

    @property
    def put_off_traces(self) -> int:
        """How many traces are due, and wait until the rest of them can be read again."""
        return self._pending.in_line

    @property
    def is_over_budget(self) -> bool:
        """Whether the next `close` will have to close traces early."""
        return self._pending.size > self._settings.memory_bytes

    def pending_ids(self) -> frozenset[int]:
        """The ids of all pending traces."""
        return frozenset(trace.trace_id for trace in self._pending)

    def mark_replayed_until(self, position: int) -> None:
        """Frames before `position` may have been applied by an earlier process: traces that begin
        there are in `recheck` when they close.
        """
        self._court.replayed_until = position

    def discard(self, trace_ids: Collection[int]) -> None:
        """Forget pending traces that another processor has judged meanwhile (on a reload)."""
        for trace_id in trace_ids:
            trace = self._pending.get(trace_id)
            if trace is not None:
                self._pending.remove(trace)

    def safe_position(self, end: int) -> int:
        """The oldest frame that a pending trace still needs, else `end`: the end of what was added.

        To be asked together with `close`: what `close` returned is pending no more.
        """
        oldest = self._pending.oldest_position()
        return end if oldest is None else min(oldest, end)

    def add(self, batch: SpanBatch, *, position: int, arrival_ns: int) -> AddResult:
        """Take in the spans of the frame at `position` of the spool, which came at `arrival_ns`.

        A frame may be added twice; the second time changes nothing.
        """
        if batch.table is not self._court.judge.table:
            raise ValueError("the batch was decoded under another plan; decode the frame again")
        rows = BatchRows(batch)
        duplicates = late = 0
        for index, trace_id in enumerate(rows.trace_ids):
            row = rows.row(index)
            trace = self._pending.get(trace_id)
            if trace is None:
                trace = self._open(trace_id, row, position, arrival_ns)
                if trace is None:
                    duplicates += 1
                    continue
            if not self._pending.merge(trace, row, position=position, arrival_ns=arrival_ns):
                duplicates += 1
            elif trace.reopened:
                late += 1
        return AddResult(len(batch), duplicates, late)

    def close(self, now_ns: int, *, everything: bool = False) -> Closed:
        """Judge the traces that are complete at `now_ns`, and stop waiting for them.

        Traces that the history puts off stay as they were, and come up again at the next looks, the
        oldest first; each is counted when it is judged. `everything` closes all, for the end of
        input, and puts nothing off; nor is anything put off while pending traces are over their
        byte budget: their memory counts for more than what reading costs. If the history cannot be
        read its error is raised, and all traces stay as they were.
        """
        if not everything:
            self._pending.bring_up(None if self.is_over_budget else self._pace.most)
        selected = self._select(now_ns, everything=everything)
        waiting = {trace.trace_id: (trace, reason) for trace, reason in selected}
        judged: list[PendingTrace] = []
        verdicts = Verdicts(self._court)
        left = self._pending.size
        answers = self._answers(selected, lambda: everything or left > self._settings.memory_bytes)
        try:
            for trace_id, earlier in answers:
                trace, reason = waiting.pop(trace_id)
                verdicts.judge(trace, reason, earlier)
                judged.append(trace)
                left -= trace.size
        except BaseException:
            for trace, _ in selected:
                self._pending.schedule(trace, now_ns)
            raise
        self._court.history.judged([trace.trace_id for trace in judged if trace.reopened])
        for trace in judged:
            self._pending.remove(trace)
        for trace, reason in waiting.values():
            if reason is not Counter.CLOSED_MEMORY:
                self._pending.put_off(trace)
        self._pace.note(sum(not trace.reopened for trace in judged))
        for trace in verdicts.remembered:
            self._recent.put(trace)
        self._recent.expire(now_ns)
        self._fit_recent()
        return verdicts.closed()

    def look(self, now_ns: int, *, everything: bool = False) -> Look:
        """Do what `close` does, in one step."""
        return WholeLook(lambda: self.close(now_ns, everything=everything))

    def _open(
        self, trace_id: int, row: SpanRow, position: int, arrival_ns: int
    ) -> PendingTrace | None:
        """Begin to wait for the trace of `row`; None if its verdict stands as it is."""
        trace = PendingTrace(trace_id, position, position, arrival_ns, arrival_ns, origin=position)
        recent = self._recent.get(trace_id, arrival_ns)
        if recent is not None:
            holder = recent.rows.get(row.key)
            if holder is not None and not beats(row, holder):
                return None
            trace.rows = recent.rows
            trace.size = recent.size
            trace.origin = recent.origin
            trace.reopened = True
        self._recent.forget(trace_id)
        self._pending.put(trace)
        return trace

    def _answers(
        self, closing: Iterable[tuple[PendingTrace, Counter]], must_go_on: Callable[[], bool]
    ) -> Iterator[tuple[int, EarlierTrace | None]]:
        """Traces with what came before, as far as they do not hold it themselves."""
        wanted: dict[int, PendingSpans] = {}
        for trace, _ in closing:
            if trace.reopened:
                yield trace.trace_id, None
            else:
                wanted[trace.trace_id] = self._court.part(trace)
        yield from self._court.history.earlier(wanted, must_go_on)

    def _select(self, now_ns: int, *, everything: bool) -> list[tuple[PendingTrace, Counter]]:
        if everything:
            return [(trace, Counter.CLOSED_END) for trace in self._pending]
        closing = []
        size = self._pending.size
        for trace in self._pending.due(
            now_ns, lambda trace: self._court.judge.is_whole(trace.rows)
        ):
            expired = self._pending.is_expired(trace, now_ns)
            closing.append((trace, Counter.CLOSED_MAX_WAIT if expired else Counter.CLOSED_COMPLETE))
            size -= trace.size
        if size > self._settings.memory_bytes:
            chosen = {trace.trace_id for trace, _ in closing}
            for trace in self._pending:
                if size <= self._settings.memory_bytes:
                    break
                if trace.trace_id not in chosen:
                    closing.append((trace, Counter.CLOSED_MEMORY))
                    size -= trace.size
        return closing

    def _fit_recent(self) -> None:
        room = max(0, self._settings.memory_bytes - self._pending.size)
        while self._recent.size > room:
            self._recent.forget_oldest()
