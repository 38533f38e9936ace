"""`SpoolHistory`: earlier spans of a trace, read again by the plan that judged it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan
from sloengine.errors import RetryError
from sloengine.otlp import Decoder, SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.processor.history import AskedTraces, EarlierTrace, HistoryFrame, PendingSpans
from sloengine.spool import Spool, TraceIds
from sloengine.store import Store

DecoderOf = Callable[[Plan, ConditionTable], Decoder]


class SpoolHistory:
    """Answers a `Processor` from the spool's index and the store's facts.

    Frames are read and decoded once for all traces that want them. Use one object for each
    processor: it remembers the plans of earlier revisions.

    Spool and store are only asked about traces that could have been judged before: those of the
    part of the spool that is replayed, those judged inside the horizon (a filter knows), and those
    that began (in event time) longer ago than half the horizon. Any other trace is new, unless a
    clock is wrong by half the horizon; to find that costs next to nothing.
    """

    def __init__(
        self,
        spool: Spool,
        store: Store,
        *,
        plan: Plan,
        table: ConditionTable,
        decoder_of: DecoderOf,
        plan_of: Callable[[str], Plan],  # from the documents that the store keeps
    ) -> None:
        self._spool = spool
        self._store = store
        self._own = (plan, table)
        self._decoder_of = decoder_of
        self._own_decoder = decoder_of(plan, table)
        self._plan_of = plan_of
        self._plans: dict[str, tuple[Plan, ConditionTable] | None] = {plan.revision: self._own}
        self.replayed_until = 0
        """Frames before this position may have been judged by an earlier process."""

    def earlier(self, wanted: Mapping[int, PendingSpans]) -> Mapping[int, EarlierTrace]:
        """Look up many traces at once; see `TraceHistory.earlier`."""
        wanted = self._suspects(wanted) if wanted else wanted
        if not wanted:
            return {}
        since_ns = min(pending.since_arrival_ns for pending in wanted.values())
        positions = self._spool.frames_of(wanted.keys(), since_arrival_ns=since_ns)
        stored = self._store.stored(wanted.keys())
        to_read: dict[str | None, dict[int, list[int]]] = {}
        for trace_id, pending in wanted.items():
            found = [
                position
                for position in positions.get(trace_id, [])
                if position <= pending.last_position
            ]
            facts = stored.get(trace_id)
            revision = None if facts is None else facts.revision
            has_earlier = any(position < pending.first_position for position in found)
            has_other_plan = revision is not None and revision != self._own[0].revision
            if has_earlier or has_other_plan:
                to_read.setdefault(revision, {})[trace_id] = found
        frames: dict[int, list[HistoryFrame]] = {}
        for revision, found_by_trace in to_read.items():
            frames.update(self._read(revision, found_by_trace, wanted))
        answer: dict[int, EarlierTrace] = {}
        for trace_id, pending in wanted.items():
            facts = stored.get(trace_id)
            read = tuple(frames.get(trace_id, ()))
            if facts is not None:
                answer[trace_id] = EarlierTrace(
                    frames=read,
                    revision=facts.revision,
                    has_stored_facts=True,
                    complete=facts.origin >= pending.first_position
                    or any(frame.position == facts.origin for frame in read),
                )
            elif any(frame.position < pending.first_position for frame in read):
                answer[trace_id] = EarlierTrace(
                    frames=read, revision=None, has_stored_facts=False, complete=True
                )
        return answer

    def judged(self, trace_ids: Sequence[int]) -> None:
        """See `TraceHistory.judged`."""
        self._spool.note_judged(trace_ids)

    def perhaps_earlier(self, asked: AskedTraces) -> npt.NDArray[np.bool_]:
        """See `TraceHistory.perhaps_earlier`."""
        if not len(asked.trace_ids):
            return np.zeros(0, dtype=np.bool_)
        arrivals = asked.first_arrival_ns
        since_ns = int(arrivals.min()) - asked.horizon_ns
        perhaps = self._spool.perhaps_judged(asked.trace_ids, since_ns=since_ns)
        perhaps |= asked.first_position < self.replayed_until
        old_ns = np.maximum(arrivals - asked.horizon_ns // 2, 0).astype(np.uint64)
        perhaps |= asked.earliest_ns < old_ns
        self._spool.note_judged(asked.trace_ids)
        return perhaps

    def batch_at(self, position: int) -> SpanBatch:
        """See `FrameHistory.batch_at`."""
        for frame in self._spool.read_at([position]):
            return self._own_decoder.decode(frame.payload).batch
        raise RetryError(f"spool: the frame at position {position} is not there any more")

    def plan(self, revision: str) -> tuple[Plan, ConditionTable] | None:
        """Return the plan of a revision and its table; `None` where the store has it no more."""
        if revision not in self._plans:
            documents = self._store.plan_documents(revision)
            if documents is None:
                self._plans[revision] = None
            else:
                plan = self._plan_of(documents)
                self._plans[revision] = (plan, ConditionTable(plan.fields, plan.conditions))
        return self._plans[revision]

    def _suspects(self, wanted: Mapping[int, PendingSpans]) -> Mapping[int, PendingSpans]:
        pending = wanted.values()
        perhaps = self.perhaps_earlier(
            AskedTraces(
                TraceIds.of(list(wanted)),
                np.array([one.first_position for one in pending], np.int64),
                np.array([one.first_arrival_ns for one in pending], np.int64),
                np.array([one.earliest_ns for one in pending], np.uint64),
                max(one.first_arrival_ns - one.since_arrival_ns for one in pending),
            )
        )
        return {
            trace_id: one
            for (trace_id, one), is_suspect in zip(wanted.items(), perhaps.tolist(), strict=True)
            if is_suspect
        }

    def _read(
        self,
        revision: str | None,
        found: Mapping[int, Sequence[int]],
        wanted: Mapping[int, PendingSpans],
    ) -> dict[int, list[HistoryFrame]]:
        """Read and decode frames, less those beyond a trace's horizon.

        Frames are deleted from the oldest on: where the oldest one of a verdict is here, so are the
        others.
        """
        known = self._own if revision is None else self.plan(revision)
        if known is None:
            return {}
        decoder = self._decoder_of(*known)
        traces_at: dict[int, list[int]] = {}
        for trace_id, positions in found.items():
            for position in positions:
                traces_at.setdefault(position, []).append(trace_id)
        read: dict[int, list[HistoryFrame]] = {trace_id: [] for trace_id in found}
        for frame in self._spool.read_at(sorted(traces_at)):
            history_frame = HistoryFrame(frame.position, decoder.decode(frame.payload).batch)
            for trace_id in traces_at[frame.position]:
                if frame.arrival_ns >= wanted[trace_id].since_arrival_ns:
                    read[trace_id].append(history_frame)
        return read
