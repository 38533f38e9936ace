"""`Processor`: batches of spans in, facts of finished traces out."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sloengine.definitions.plan import Plan
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.processor.counters import Counter
from sloengine.processor.history import EarlierTrace, PendingSpans, TraceHistory
from sloengine.processor.judge import Judge
from sloengine.processor.pending import PendingTrace, PendingTraces, RecentTraces
from sloengine.processor.rows import BatchRows, SpanKey, SpanRow, beats
from sloengine.store.facts import Fact

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


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of the spans of one batch."""

    spans: int
    """All of them."""
    duplicates: int
    """Those that were there already, whether they said the same or not."""
    late: int
    """Those that are new in a trace that was judged before."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The verdicts of one look: what a commit makes durable."""

    facts: tuple[Fact, ...]
    recheck: frozenset[int]
    """Traces that may have stored facts, which must become equal to those given here."""
    traces: int
    """How many traces were judged, those without facts included."""
    counters: Mapping[str, int]
    """Increments by `Counter`."""
    condition_errors: Mapping[tuple[str, str], int]
    """Increments by (definition, text of the condition)."""
    origins: Mapping[int, int]
    """The oldest frame that spans of a trace came from, for each trace with facts: as long as it
    can be read, so can the rest of the trace."""
    last_position: int
    """The newest frame that was used, -1 where none was: a commit must wait until the spool is
    durable up to and including it."""


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
        self._judge = Judge(plan, table, key)
        self._key = key
        self._settings = settings
        self._history = history
        self._pending = PendingTraces(
            idle_wait_ns=settings.idle_wait_ns, max_wait_ns=settings.max_wait_ns
        )
        self._recent = RecentTraces(
            limit=settings.recent_traces, horizon_ns=settings.late_horizon_ns
        )
        self._replayed_until = 0
        self._earlier_judges: dict[str, Judge] = {}

    @property
    def pending_traces(self) -> int:
        """How many traces wait for spans or for their time."""
        return len(self._pending)

    @property
    def pending_spans(self) -> int:
        """How many spans wait for their first verdict."""
        return self._pending.spans

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
        self._replayed_until = position

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
        if batch.table is not self._judge.table:
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

        `everything` closes all, for the end of input. If the history cannot be read its error is
        raised, and all traces stay as they were.
        """
        closing = self._select(now_ns, everything=everything)
        try:
            verdicts = _Verdicts(self, [trace for trace, _ in closing])
            for trace, reason in closing:
                verdicts.judge(trace, reason)
        except BaseException:
            for trace, _ in closing:
                self._pending.schedule(trace, now_ns)
            raise
        for trace, _ in closing:
            self._pending.remove(trace)
        for trace, rows, origin in verdicts.remembered:
            self._recent.put(trace, rows, origin)
        self._recent.expire(now_ns)
        self._fit_recent()
        return verdicts.closed()

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

    def _select(self, now_ns: int, *, everything: bool) -> list[tuple[PendingTrace, Counter]]:
        if everything:
            return [(trace, Counter.CLOSED_END) for trace in self._pending]
        closing = []
        size = self._pending.size
        for trace in self._pending.due(now_ns, lambda trace: self._judge.is_whole(trace.rows)):
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

    def _earlier(self, traces: Sequence[PendingTrace]) -> Mapping[int, EarlierTrace]:
        horizon_ns = self._settings.late_horizon_ns
        wanted = {
            trace.trace_id: PendingSpans(
                trace.first_position,
                trace.last_position,
                trace.first_arrival_ns,
                trace.first_arrival_ns - horizon_ns,
                min(row.start_ns for row in trace.rows.values()),
                max(row.end_ns for row in trace.rows.values()),
            )
            for trace in traces
            if not trace.reopened
        }
        return self._history.earlier(wanted) if wanted else {}

    def _judge_of(self, revision: str | None) -> Judge | None:
        """The judge for traces that `revision` closed; None where its definitions are gone."""
        if revision is None or revision == self._judge.plan.revision:
            return self._judge
        known = self._history.plan(revision)
        if known is None:
            return None
        judge = self._earlier_judges.get(revision)
        if judge is None or judge.table is not known[1]:
            judge = self._earlier_judges[revision] = Judge(*known, self._key)
        return judge


class _Verdicts:
    """The verdicts of one look, before anything is removed."""

    def __init__(self, processor: Processor, traces: Sequence[PendingTrace]) -> None:
        self._processor = processor
        self._earlier = processor._earlier(traces)
        self._frames = _Frames(self._earlier)
        self._facts: list[Fact] = []
        self._recheck: set[int] = set()
        self._counters: Tally[str] = Tally()
        self._errors: Tally[tuple[str, str]] = Tally()
        self._traces = 0
        self._origins: dict[int, int] = {}
        self._last_position = -1
        self.remembered: list[tuple[PendingTrace, dict[SpanKey, SpanRow], int]] = []

    def judge(self, trace: PendingTrace, reason: Counter) -> None:
        self._last_position = max(self._last_position, trace.last_position)
        earlier = self._earlier.get(trace.trace_id)
        judge = self._processor._judge_of(None if earlier is None else earlier.revision)
        if judge is None or (earlier and earlier.has_stored_facts and not earlier.complete):
            self._counters[Counter.LATE_UNVERIFIABLE] += len(trace.fresh)
            return
        rows, fresh, origin = trace.rows, trace.fresh, trace.origin
        if earlier is not None and (earlier.frames or judge is not self._processor._judge):
            own = trace.rows if judge is self._processor._judge else {}
            rows, before = self._frames.rows_of(trace, judge, own)
            fresh = trace.fresh - before
            origin = min(origin, *(frame.position for frame in earlier.frames))
            self._counters[Counter.DUPLICATE] += len(trace.fresh) - len(fresh)
            self._counters[Counter.LATE] += len(fresh) if before else 0
        if (
            earlier is not None
            or trace.reopened
            or trace.first_position < self._processor._replayed_until
        ):
            self._recheck.add(trace.trace_id)
        if earlier is not None or trace.reopened:
            self._counters[Counter.REJUDGED] += 1
        self._counters[reason] += 1
        verdict = judge.judge(
            trace.trace_id, rows, forced=reason is Counter.CLOSED_MEMORY, fresh=fresh
        )
        self._traces += 1
        self._counters[Counter.APPLIED] += len(fresh)
        self._counters.update(verdict.counters)
        self._errors.update(verdict.condition_errors)
        self._facts.extend(verdict.facts)
        if verdict.facts:
            self._origins[trace.trace_id] = origin
        if judge is self._processor._judge:
            # Rows of another plan cannot meet spans that come later: those are read again.
            self.remembered.append((trace, rows, origin))

    def closed(self) -> Closed:
        return Closed(
            facts=tuple(self._facts),
            recheck=frozenset(self._recheck),
            traces=self._traces,
            counters={str(name): count for name, count in self._counters.items() if count},
            condition_errors=dict(self._errors),
            origins=self._origins,
            last_position=self._last_position,
        )


class _Frames:
    """Frames of the history, each unpacked once for all the traces in it."""

    def __init__(self, earlier: Mapping[int, EarlierTrace]) -> None:
        self._earlier = earlier
        self._unpacked: dict[int, tuple[BatchRows, dict[int, list[int]]]] = {}

    def rows_of(
        self, trace: PendingTrace, judge: Judge, own: Mapping[SpanKey, SpanRow]
    ) -> tuple[dict[SpanKey, SpanRow], set[SpanKey]]:
        """All spans of a trace, and the keys of those in frames before the pending ones.

        `own` are the pending ones as far as the plan of `judge` decoded them.
        """
        rows = dict(own)
        before: set[SpanKey] = set()
        frames = self._earlier[trace.trace_id].frames
        if not frames:
            raise ValueError(
                f"the history has no frames of trace {trace.trace_id:032x}, which must be decoded "
                f"again by revision {judge.plan.revision}"
            )
        for frame in frames:
            if frame.batch.table is not judge.table:
                raise ValueError(
                    f"frame {frame.position} was decoded under another plan than "
                    f"{judge.plan.revision}, which judged trace {trace.trace_id:032x}"
                )
            for row in self._read(frame.batch, trace.trace_id):
                holder = rows.get(row.key)
                if holder is None or beats(row, holder):
                    rows[row.key] = row
                if frame.position < trace.first_position:
                    before.add(row.key)
        return rows, before

    def _read(self, batch: SpanBatch, trace_id: int) -> list[SpanRow]:
        unpacked = self._unpacked.get(id(batch))
        if unpacked is None:
            rows = BatchRows(batch)
            unpacked = self._unpacked[id(batch)] = rows, rows.rows_by_trace(self._earlier)
        rows, by_trace = unpacked
        return [rows.row(index) for index in by_trace.get(trace_id, ())]
