"""Verdicts over closing traces, each by the revision that judged it first."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sloengine.otlp.batch import SpanBatch
from sloengine.processor.counters import Counter
from sloengine.processor.history import EarlierTrace, HistoryFrame, PendingSpans, TraceHistory
from sloengine.processor.judge import Judge
from sloengine.processor.pending import PendingTrace
from sloengine.processor.rows import BatchRows, SpanKey, SpanRow, beats
from sloengine.store.facts import Fact, FactColumns


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
    columns: FactColumns | None = None
    """Further facts, with their origins: none of them is in `facts`."""

    def every_fact(self) -> tuple[Fact, ...]:
        """Return all facts as objects; slow where there are columns."""
        return self.facts if self.columns is None else (*self.facts, *self.columns.facts())

    def every_origin(self) -> Mapping[int, int]:
        """Return `origins` of all traces with facts; slow where there are columns."""
        return self.origins if self.columns is None else {**self.columns.origins(), **self.origins}


class Court:
    """The judges: of the plan that runs, and of those that judged before; and the history."""

    def __init__(self, judge: Judge, key: bytes, history: TraceHistory, horizon_ns: int) -> None:
        self.judge = judge
        self.history = history
        self.replayed_until = 0
        """Traces that begin before this position may have been judged by an earlier process."""
        self._key = key
        self.horizon_ns = horizon_ns
        self._earlier_judges: dict[str, Judge] = {}

    def part(self, trace: PendingTrace) -> PendingSpans:
        """What the history must know of a trace to find the rest of it."""
        return PendingSpans(
            trace.first_position,
            trace.last_position,
            trace.first_arrival_ns,
            trace.first_arrival_ns - self.horizon_ns,
            min(row.start_ns for row in trace.rows.values()),
        )

    def judge_of(self, revision: str | None) -> Judge | None:
        """The judge for traces that `revision` closed; None where its definitions are gone."""
        if revision is None or revision == self.judge.plan.revision:
            return self.judge
        known = self.history.plan(revision)
        if known is None:
            return None
        judge = self._earlier_judges.get(revision)
        if judge is None or judge.table is not known[1]:
            judge = self._earlier_judges[revision] = Judge(*known, self._key)
        return judge


class Verdicts:
    """The verdicts of one look, before anything is removed."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._frames = _Frames()
        self._facts: list[Fact] = []
        self.recheck: set[int] = set()
        self.counters: Tally[str] = Tally()
        self.errors: Tally[tuple[str, str]] = Tally()
        self._traces = 0
        self._origins: dict[int, int] = {}
        self._last_position = -1
        self.remembered: list[PendingTrace] = []
        """Those of which later spans can be held against the spans that are there."""

    def judge(self, trace: PendingTrace, reason: Counter, earlier: EarlierTrace | None) -> None:
        """Judge one trace by the revision that judged it before, if any did.

        `earlier` is what the history knows of it; None for what nobody has to ask about.
        """
        self._last_position = max(self._last_position, trace.last_position)
        judge = self._court.judge_of(None if earlier is None else earlier.revision)
        if judge is None or (earlier and earlier.has_stored_facts and not earlier.complete):
            self.counters[Counter.LATE_UNVERIFIABLE] += len(trace.fresh)
            return
        rows, fresh, origin = trace.rows, trace.fresh, trace.origin
        if earlier is not None and (earlier.frames or judge is not self._court.judge):
            own = trace.rows if judge is self._court.judge else {}
            rows, before = self._frames.rows_of(trace, earlier.frames, judge, own)
            fresh = trace.fresh - before
            origin = min(origin, *(frame.position for frame in earlier.frames))
            self.counters[Counter.DUPLICATE] += len(trace.fresh) - len(fresh)
            self.counters[Counter.LATE] += len(fresh) if before else 0
        if (
            earlier is not None
            or trace.reopened
            or trace.first_position < self._court.replayed_until
        ):
            self.recheck.add(trace.trace_id)
        if earlier is not None or trace.reopened:
            self.counters[Counter.REJUDGED] += 1
        self.counters[reason] += 1
        verdict = judge.judge(
            trace.trace_id, rows, forced=reason is Counter.CLOSED_MEMORY, fresh=fresh
        )
        self._traces += 1
        self.counters[Counter.APPLIED] += len(fresh)
        self.counters.update(verdict.counters)
        self.errors.update(verdict.condition_errors)
        self._facts.extend(verdict.facts)
        if verdict.facts:
            self._origins[trace.trace_id] = origin
        if judge is self._court.judge and rows is trace.rows:
            # Rows of another plan cannot meet spans that come later, and what was read again for
            # this verdict can be read once more.
            self.remembered.append(trace)

    def closed(self) -> Closed:
        """Return all of them."""
        return Closed(
            facts=tuple(self._facts),
            recheck=frozenset(self.recheck),
            traces=self._traces,
            counters={str(name): count for name, count in self.counters.items() if count},
            condition_errors=dict(self.errors),
            origins=self._origins,
            last_position=self._last_position,
        )


class _Frames:
    """Frames of the history, each unpacked once for all the traces in it."""

    def __init__(self) -> None:
        self._unpacked: dict[int, tuple[SpanBatch, BatchRows]] = {}

    def rows_of(
        self,
        trace: PendingTrace,
        frames: Sequence[HistoryFrame],
        judge: Judge,
        own: Mapping[SpanKey, SpanRow],
    ) -> tuple[dict[SpanKey, SpanRow], set[SpanKey]]:
        """All spans of a trace, and the keys of those in frames before the pending ones.

        `own` are the pending ones as far as the plan of `judge` decoded them.
        """
        rows = dict(own)
        before: set[SpanKey] = set()
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
            unpacked = self._unpacked[id(batch)] = batch, BatchRows(batch)
        _, rows = unpacked
        return [rows.row(index) for index in rows.rows_of(trace_id)]
