"""`KernelProcessor`: what `Processor` does, for the traffic of a busy site."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.processor.compiled import CompiledPlan
from sloengine.processor.counters import Counter
from sloengine.processor.history import (
    EarlierTrace,
    FrameHistory,
    TraceHistory,
)
from sloengine.processor.judge import Judge
from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Words
from sloengine.processor.kernel.asking import Line, described, question_of
from sloengine.processor.kernel.ending import (
    choose_due,
    count_others,
    discard,
    end_traces,
    forget_judged,
    put_off,
)
from sloengine.processor.kernel.facts import FactPart, FactWriter
from sloengine.processor.kernel.intake import Label, Shelf
from sloengine.processor.kernel.judging import judge_traces
from sloengine.processor.kernel.labelling import Labels
from sloengine.processor.kernel.objects import PartOfTrace, TraceObjects
from sloengine.processor.kernel.program import Program
from sloengine.processor.kernel.records import (
    address_of,
    records_of,
    signed,
    sizes_of,
    trace_ids_of,
)
from sloengine.processor.kernel.work import Work
from sloengine.processor.look import Look, SteppedLook
from sloengine.processor.pending import PendingTrace
from sloengine.processor.processor import AddResult, ProcessorSettings
from sloengine.processor.verdicts import Closed, Court, Verdicts

_LOW_64 = (1 << 64) - 1
_LONGEST_NS = 1 << 61
"""Longer than anybody waits; a sum of it and any instant is still a word."""
_REASONS = {
    at.MAY_WAIT: Counter.CLOSED_COMPLETE,
    at.AS_IT_STANDS: Counter.CLOSED_MAX_WAIT,
    at.IN_HASTE: Counter.CLOSED_MEMORY,
}
_AT_THE_END = {at.AS_IT_STANDS: Counter.CLOSED_END}
_AT_ONCE = 1024
"""Traces in one step of a look: about two milliseconds where they have a dozen spans each."""
_STEPS = 8
"""More are not worth what each costs: where very many traces are due, a step takes more of them."""


class KernelProcessor:
    """Collects spans into traces, and judges each trace when it is complete.

    Guarantees what `Processor` guarantees, by which it is tested; traces that are rare (spans that
    share an id, cycles, dozens of entries, those judged before) are judged by the same judge.
    Facts come as `Closed.columns`, those of rare traces as `Closed.facts`.

    The wide values of pending spans are those of their batches, which are kept for it: all of them,
    or a small part of the budget where the history can read them again (`FrameHistory`).
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
        self._compiled = CompiledPlan(plan, table)
        self._program = Program(plan, table, self._compiled)
        self._writer = FactWriter(plan, self._program, key)
        self._work = Work(self._program)
        self._shelf = Shelf(
            plan,
            settings.memory_bytes,
            history.batch_at if isinstance(history, FrameHistory) else None,
        )
        self._arena = self._shelf.arena
        self._objects = TraceObjects(self._shelf, self._court.judge)
        self._labels = Labels(self._shelf, self._work)
        self._line = Line(self._arena)
        state = self._arena.state
        state[at.IDLE_WAIT] = min(settings.idle_wait_ns, _LONGEST_NS)
        state[at.MAX_WAIT] = min(settings.max_wait_ns, _LONGEST_NS)
        state[at.HORIZON] = min(settings.late_horizon_ns, _LONGEST_NS)

    @property
    def pending_traces(self) -> int:
        """How many traces wait for spans or for their time."""
        return self._arena[at.PENDING_TRACES]

    @property
    def pending_spans(self) -> int:
        """How many spans wait for their first verdict."""
        return self._arena[at.PENDING_SPANS]

    @property
    def put_off_traces(self) -> int:
        """How many traces are due, and wait until the rest of them can be read again."""
        return len(self._line)

    @property
    def is_over_budget(self) -> bool:
        """Whether the next `close` will have to close traces early."""
        return self._arena[at.PENDING_BYTES] > self._settings.memory_bytes

    def pending_ids(self) -> frozenset[int]:
        """The ids of all pending traces."""
        return frozenset(trace_ids_of(self._arena.traces[self._pending_rows()]))

    def mark_replayed_until(self, position: int) -> None:
        """Frames before `position` may have been applied by an earlier process: traces that begin
        there are in `recheck` when they close.
        """
        self._court.replayed_until = position

    def discard(self, trace_ids: Collection[int]) -> None:
        """Forget pending traces that another processor has judged meanwhile (on a reload)."""
        for trace_id in trace_ids:
            discard(self._arena.address, signed(trace_id >> 64), signed(trace_id & _LOW_64))
        self._shelf.batches.drop_unused()

    def safe_position(self, end: int) -> int:
        """The oldest frame that a pending trace still needs, else `end`: the end of what was added.

        To be asked together with `close`: what `close` returned is pending no more.
        """
        first = self._arena.first
        return min(end, int(first.min())) if len(first) else end

    def add(self, batch: SpanBatch, *, position: int, arrival_ns: int) -> AddResult:
        """Take in the spans of the frame at `position` of the spool, which came at `arrival_ns`.

        A frame may be added twice; the second time changes nothing.
        """
        if batch.table is not self._court.judge.table:
            raise ValueError("the batch was decoded under another plan; decode the frame again")
        if len(batch.table) > at.MOST_VECTORS:
            raise MemoryError("the conditions differ in more ways than this machine could hold")
        duplicates, late = self._shelf.add(batch, position=position, arrival_ns=arrival_ns)
        return AddResult(len(batch), duplicates, late)

    def close(self, now_ns: int, *, everything: bool = False) -> Closed:
        """Judge the traces that are complete at `now_ns`, and stop waiting for them.

        What may be put off, and what not, is said at `Processor.close`. If the history cannot be
        read its error is raised, and all traces stay as they were.
        """
        look = self._look(now_ns, everything=everything, at_once=None)
        look.go_on()
        return look.closed()

    def look(self, now_ns: int, *, everything: bool = False) -> Look:
        """Begin to do what `close` does, in steps of some thousand spans.

        In one where pending traces are over their byte budget: which of them must close early, and
        what may be put off, depends on all that close.
        """
        return self._look(now_ns, everything=everything, at_once=_AT_ONCE)

    def _look(self, now_ns: int, *, everything: bool, at_once: int | None) -> Look:
        parts: list[FactPart] = []
        steps = self._steps(now_ns, parts, everything=everything, at_once=at_once)
        return SteppedLook(steps, lambda: self._writer.columns(parts))

    def _steps(
        self, now_ns: int, parts: list[FactPart], *, everything: bool, at_once: int | None
    ) -> Iterator[tuple[Closed, bool]]:
        """Yield verdicts, and whether there are more: each step under a hold of the lock.

        A pending trace keeps its row until it is judged, so rows that are due may be listed once.
        """
        rows = self._pending_rows() if everything else self._due(now_ns)
        if at_once is None or self.is_over_budget:
            at_once = max(1, len(rows))
        else:
            at_once = max(at_once, -(-len(rows) // _STEPS))
        waiting: list[int] = []
        is_more = True
        start = 0
        while is_more:
            chosen = rows[start : start + at_once]
            start += at_once
            is_more = start < len(rows)
            self._program.sync()
            self._work.begin(self._arena[at.LONGEST])
            if everything:
                judged = self._judge(records_of(chosen, at.AS_IT_STANDS))
            else:
                judged = self._judge_due(chosen, now_ns, is_last=not is_more)
            closed, later = self._conclude(judged, parts, everything=everything)
            waiting += later
            if not is_more:
                self._line.put_off(waiting)
                self._tidy(now_ns)
            yield closed, is_more

    def _tidy(self, now_ns: int) -> None:
        """End a look: forget what nobody needs, and what there is no room for."""
        room = max(0, self._settings.memory_bytes - self._arena[at.PENDING_BYTES])
        forget_judged(self._arena.address, now_ns, self._settings.recent_traces, room)
        self._shelf.batches.drop_unused()
        self._arena.drop_freed_values()

    def _pending_rows(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self._arena.first != at.NEVER)

    # Which traces, and what the kernel says of them

    def _due(self, now_ns: int) -> npt.NDArray[np.intp]:
        """Return the rows of the traces that are to be looked at now."""
        in_line = self._line.bring_up(everyone=self.is_over_budget)
        return np.concatenate([in_line, np.flatnonzero(self._arena.due <= now_ns)])

    def _judge_due(self, due: npt.NDArray[np.intp], now_ns: int, *, is_last: bool) -> Words:
        """Judge those of the traces in some rows that are to close now; with the last ones those
        that must close early.
        """
        address = self._arena.address
        records = np.empty((len(due), at.J_WORDS), np.int64)
        size = choose_due(address, address_of(due), len(due), now_ns, address_of(records))
        judged = self._judge(records[:size])
        not_whole, elsewhere = count_others(address_of(judged), len(judged))
        if elsewhere:
            status, how = judged[:, at.J_STATUS], judged[:, at.J_HOW]
            unsure = (status == at.ELSEWHERE) & (how == at.MAY_WAIT)
            for number in np.flatnonzero(unsure).tolist():
                if not self._court.judge.is_whole(self._objects.trace(judged[number]).rows):
                    status[number] = at.NOT_WHOLE
                    not_whole += 1
        if not_whole:
            put_off(address, address_of(judged), len(judged))
            judged = judged[judged[:, at.J_STATUS] != at.NOT_WHOLE]
        early = self._longest_idle(judged) if is_last else judged[:0]
        return np.concatenate([judged, self._judge(early)]) if len(early) else judged

    def _longest_idle(self, closing: Words) -> Words:
        """Records of the traces that must close early, beside those that close, to fit."""
        traces = self._arena.traces
        excess = self._arena[at.PENDING_BYTES] - self._settings.memory_bytes
        if excess > 0:
            excess -= int(sizes_of(traces[closing[:, at.J_TRACE]]).sum())
        if excess <= 0:
            return records_of(np.empty(0, np.intp), at.IN_HASTE)
        others = np.setdiff1d(self._pending_rows(), closing[:, at.J_TRACE], assume_unique=True)
        others = others[np.argsort(traces[others, at.T_LAST_ARRIVAL], kind="stable")]
        enough = np.searchsorted(np.cumsum(sizes_of(traces[others])), excess) + 1
        return records_of(others[:enough], at.IN_HASTE)

    def _judge(self, judged: Words) -> Words:
        """Have the kernel judge traces; return their records."""
        arena, work, start = self._arena, self._work, 0
        while start < len(judged):
            start, status = judge_traces(
                *(arena.address, self._program.address, work.address),
                *(address_of(judged), start, len(judged)),
            )
            if status == at.CROWDED:
                work.grow_facts(int(arena.traces[judged[start, at.J_TRACE], at.T_COUNT]))
        return judged

    def _conclude(
        self, judged: Words, parts: list[FactPart], *, everything: bool
    ) -> tuple[Closed, list[int]]:
        """Ask the history, let the plain judge have what is his, and stop waiting for all traces
        that are not put off. Return the verdicts but for the facts, which are added to
        `parts`, and the rows of those that are.
        """
        reasons = _AT_THE_END if everything else _REASONS
        self._labels.pass_on(judged)
        columns, sums = described(self._arena, self._court, judged)
        verdicts = Verdicts(self._court)
        put_off = self._ask(judged, columns, verdicts, reasons, everything=everything)
        is_due = judged[put_off, at.J_HOW] != at.IN_HASTE
        waiting = judged[put_off, at.J_TRACE][is_due].tolist()
        if put_off:
            judged = np.delete(judged, put_off, axis=0)
            _, sums = described(self._arena, self._court, judged)
        status = judged[:, at.J_STATUS]
        is_here = status == at.JUDGED_HERE
        here = judged if is_here.all() else judged[is_here]
        labels = self._labels.of_facts(here, is_all=not put_off and here is judged)
        part = self._facts(here, labels)
        if sums[at.N_REOPENED] or sums[at.N_RECHECK]:
            rows = judged[:, at.J_TRACE]
            traces = self._arena.traces[rows]
            is_reopened = traces[:, at.T_STATE] & at.STATE == at.REOPENED
            is_stored = is_reopened | (self._arena.first[rows] < self._court.replayed_until)
            is_stored &= is_here
            verdicts.recheck.update(trace_ids_of(traces[is_stored]))
            self._court.history.judged(trace_ids_of(traces[is_reopened]))
        self._end(judged, verdicts, labels, sums)
        parts.append(part)
        verdicts.counters.update(_counted(sums.tolist(), reasons))
        closed = verdicts.closed()
        return replace(
            closed,
            traces=closed.traces + int(sums[at.N_HERE]),
            last_position=max(closed.last_position, int(sums[at.N_LAST_POSITION])),
        ), waiting

    def _ask(
        self,
        judged: Words,
        columns: Words,
        verdicts: Verdicts,
        reasons: Mapping[int, Counter],
        *,
        everything: bool,
    ) -> list[int]:
        """Ask the history, and have the plain judge judge what it knows of, and what is his.

        Return the numbers of those that are put off.
        """
        status, how = judged[:, at.J_STATUS], judged[:, at.J_HOW]
        elsewhere = {
            number: self._objects.trace_for_judge(judged[number])
            for number in np.flatnonzero(status != at.JUDGED_HERE).tolist()
        }
        for number, trace in elsewhere.items():
            if trace.reopened:
                self._judge_elsewhere(verdicts, trace, reasons[int(how[number])], None)
        excess = self._arena[at.PENDING_BYTES] - self._settings.memory_bytes
        most = None if everything or excess > 0 else self._line.most
        asked = question_of(self._arena, self._court, judged, elsewhere, columns, most)
        numbers = asked.numbers
        sizes = np.zeros(len(judged), np.int64)
        if excess > 0:
            sizes = sizes_of(self._arena.traces[judged[:, at.J_TRACE]])
            excess -= int(sizes.sum() - sizes[list(numbers.values())].sum())
        answers = self._court.history.earlier(asked.wanted, lambda: everything or excess > 0)
        for trace_id, earlier in answers if asked.wanted else ():
            number = numbers.pop(trace_id)
            excess -= int(sizes[number])
            if earlier is not None and number not in elsewhere:
                elsewhere[number] = self._objects.trace(judged[number])
            if number in elsewhere:
                reason = reasons[int(how[number])]
                self._judge_elsewhere(verdicts, elsewhere[number], reason, earlier)
        self._line.note_answers(len(asked.wanted), len(asked.wanted) - len(numbers))
        own = {trace.trace_id for trace in verdicts.remembered}
        for number, trace in elsewhere.items():
            is_kept = trace.trace_id in own and not isinstance(trace, PartOfTrace)
            status[number] = at.JUDGED_ELSEWHERE if is_kept else at.FORGOTTEN
        return [*numbers.values(), *asked.left_out]

    def _facts(self, judged: Words, labels: Mapping[int, Label]) -> FactPart:
        """Return the facts of traces, which are all that were judged, or some."""
        facts, values = self._work.facts, self._work.values
        sizes = judged[:, at.J_FACTS_END] - judged[:, at.J_FACTS]
        size = int(sizes.sum())
        if size < len(facts):
            begins = np.repeat(judged[:, at.J_FACTS] - np.cumsum(sizes) + sizes, sizes)
            rows = begins + np.arange(size)
            facts, values = facts[rows], values[rows]
        return self._writer.part(
            self._arena, facts, values, [labels[number] for number in sorted(labels)]
        )

    def _judge_elsewhere(
        self,
        verdicts: Verdicts,
        trace: PendingTrace,
        reason: Counter,
        earlier: EarlierTrace | None,
    ) -> None:
        late = verdicts.counters[Counter.LATE]
        verdicts.judge(trace, reason, earlier)
        if isinstance(trace, PartOfTrace):
            # They were counted on arrival, and the store may have their facts.
            verdicts.counters[Counter.LATE] = late
            verdicts.recheck.add(trace.trace_id)

    # The end

    def _end(
        self, judged: Words, verdicts: Verdicts, labels: Mapping[int, Label], sums: Words
    ) -> None:
        arena = self._arena
        if self._settings.recent_traces:
            self._labels.attach(labels)
        tally = np.zeros(self._program.vectors + 1, np.int64)
        end_traces(
            *(arena.address, self._program.address, self._work.address),
            *(address_of(judged), len(judged), address_of(tally), address_of(sums)),
        )
        verdicts.counters[Counter.APPLIED] += int(sums[at.N_FRESH])
        for vector in np.flatnonzero(tally).tolist():
            for place in self._compiled.errors(vector):
                verdicts.errors[place] += int(tally[vector])
                verdicts.counters[Counter.CONDITION_ERRORS] += int(tally[vector])


def _counted(sums: Sequence[int], reasons: Mapping[int, Counter]) -> Mapping[str, int]:
    return {
        **{reason: sums[at.N_HOW + how] for how, reason in reasons.items()},
        Counter.INCOMPLETE: sums[at.N_INCOMPLETE],
        Counter.ORPHANS: sums[at.N_ORPHANS],
        Counter.AMBIGUOUS: sums[at.N_AMBIGUOUS],
        Counter.UNKNOWN_HAVING: sums[at.N_UNKNOWN_HAVING],
        Counter.REJUDGED: sums[at.N_REJUDGED],
    }
