"""`SpoolHistory`: earlier spans of a trace, read again by the plan that judged it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan
from sloengine.errors import RetryError
from sloengine.otlp import Decoder, SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.processor.history import AskedTraces, EarlierTrace, HistoryFrame, PendingSpans
from sloengine.processor.reread_budget import RereadBudget
from sloengine.spool import Frame, Spool, TraceIds
from sloengine.store import Store, StoredTrace

DecoderOf = Callable[[Plan, ConditionTable], Decoder]
_AT_ONCE = 512
"""So many traces index and store are asked about first: each time costs much, each trace little."""


class SpoolHistory:
    """Answers a `Processor` from the spool's index and the store's facts.

    Frames are read and decoded once for all traces of a look that want them, as far as the budget
    goes. Use one object for each processor: it remembers the plans of earlier revisions, and what
    it found for traces that were put off.

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
        budget: RereadBudget,
    ) -> None:
        self._spool = spool
        self._store = store
        self._own = (plan, table)
        self._decoder_of = decoder_of
        self._own_decoder = decoder_of(plan, table)
        self._plan_of = plan_of
        self._budget = budget
        self._found: dict[int, _Found] = {}
        """Of traces that were put off."""
        self._plans: dict[str, tuple[Plan, ConditionTable] | None] = {plan.revision: self._own}
        self.replayed_until = 0
        """Frames before this position may have been judged by an earlier process."""

    def earlier(
        self, wanted: Mapping[int, PendingSpans], must_go_on: Callable[[], bool]
    ) -> Iterator[tuple[int, EarlierTrace | None]]:
        """Look up traces within the budget; see `TraceHistory.earlier`.

        Nothing is asked of the index or the store for a trace while the budget is used up, and
        nothing is asked twice of what was found for a trace that was put off. Those of the part of
        the spool that is replayed are all asked about, at no charge, and only put off where frames
        must be read: after a crash there are many, and next to none of them is late.
        """
        suspects = self._suspects(wanted) if wanted else wanted
        for trace_id in wanted:
            if trace_id not in suspects:
                yield trace_id, None
        if not suspects:
            return
        waiting = sorted(suspects, key=lambda one: (suspects[one].first_position, one))
        answered: list[int] = []
        together = _AT_ONCE
        may_go_on = self._budget.look()
        try:
            with self._spool.reading() as frame_at:
                frames = _Frames(frame_at, self._decoder)
                for number, trace_id in enumerate(waiting):
                    is_replayed = suspects[trace_id].first_position < self.replayed_until
                    is_over = not may_go_on() and not must_go_on()
                    if is_over and not is_replayed:
                        break
                    with nullcontext() if is_replayed else self._budget.paying():
                        if self._known(trace_id, suspects[trace_id]) is None:
                            self._find(waiting[number : number + together], suspects)
                            together *= 2
                    needs_frames = self._needs_frames(self._found[trace_id])
                    if is_over and needs_frames:
                        continue
                    is_free = is_replayed and not needs_frames
                    with nullcontext() if is_free else self._budget.paying():
                        answered.append(trace_id)
                        yield trace_id, self._answer(self._found.pop(trace_id), frames)
        finally:
            with self._budget.paying():
                self._spool.note_judged(answered)

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
        is_new = ~perhaps
        ids = asked.trace_ids
        self._spool.note_judged(TraceIds(ids.high[is_new], ids.low[is_new]))
        return perhaps

    def batch_at(self, position: int) -> SpanBatch:
        """See `FrameHistory.batch_at`; paid for, and never refused."""
        with self._budget.paying():
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

    def _known(self, trace_id: int, pending: PendingSpans) -> _Found | None:
        """What was found for a trace at a look before, if that holds for it as it is now."""
        found = self._found.get(trace_id)
        return found if found is not None and found.pending == pending else None

    def _find(self, trace_ids: Sequence[int], wanted: Mapping[int, PendingSpans]) -> None:
        """Ask index and store about traces, those that were not asked about before."""
        asked = [one for one in trace_ids if self._known(one, wanted[one]) is None]
        since_ns = min(wanted[trace_id].since_arrival_ns for trace_id in asked)
        positions = self._spool.frames_of(asked, since_arrival_ns=since_ns)
        stored = self._store.stored(asked)
        for trace_id in asked:
            pending = wanted[trace_id]
            up_to = bisect_right(positions.get(trace_id, []), pending.last_position)
            self._found[trace_id] = _Found(
                pending, positions.get(trace_id, [])[:up_to], stored.get(trace_id)
            )

    def _other_plan(self, found: _Found) -> str | None:
        """The revision that judged a trace, where it is not the running one."""
        revision = None if found.facts is None else found.facts.revision
        return None if revision == self._own[0].revision else revision

    def _needs_frames(self, found: _Found) -> bool:
        """Whether frames must be read for a trace: there are some before the pending ones, or they
        were decoded by another plan.
        """
        first = found.pending.first_position
        has_earlier = any(position < first for position in found.positions)
        return has_earlier or self._other_plan(found) is not None

    def _answer(self, found: _Found, frames: _Frames) -> EarlierTrace | None:
        """Read the frames of a trace, where it needs them."""
        pending, facts = found.pending, found.facts
        revision = None if facts is None else facts.revision
        read: tuple[HistoryFrame, ...] = ()
        if self._needs_frames(found):
            read = frames.read(self._other_plan(found), found.positions, pending.since_arrival_ns)
        if facts is not None:
            # Frames are deleted from the oldest on: where the oldest one of a verdict is here, so
            # are the others.
            return EarlierTrace(
                frames=read,
                revision=revision,
                has_stored_facts=True,
                complete=facts.origin >= pending.first_position
                or any(frame.position == facts.origin for frame in read),
            )
        if any(frame.position < pending.first_position for frame in read):
            return EarlierTrace(frames=read, revision=None, has_stored_facts=False, complete=True)
        return None

    def _decoder(self, revision: str | None) -> Decoder | None:
        """The decoder of a revision, or of this one; None where it is not known any more."""
        if revision is None:
            return self._own_decoder
        known = self.plan(revision)
        return None if known is None else self._decoder_of(*known)


@dataclass(frozen=True, slots=True)
class _Found:
    """What index and store said of a trace."""

    pending: PendingSpans
    """Of which it was said."""
    positions: Sequence[int]
    """Of frames that may hold it, up to the newest pending one."""
    facts: StoredTrace | None


class _Frames:
    """The frames that one look reads, each read and decoded once for a revision."""

    def __init__(
        self,
        frame_at: Callable[[int], Frame | None],
        decoder_of: Callable[[str | None], Decoder | None],
    ) -> None:
        self._frame_at = frame_at
        self._decoder_of = decoder_of
        self._decoders: dict[str | None, Decoder | None] = {}
        self._frames: dict[tuple[str | None, int], tuple[int, HistoryFrame] | None] = {}
        """Arrival and frame; None where it is kept no more."""

    def read(
        self, revision: str | None, positions: Sequence[int], since_ns: int
    ) -> tuple[HistoryFrame, ...]:
        """Return frames as a revision (None: the running one) decodes them, less those that
        arrived before an instant.
        """
        if revision not in self._decoders:
            self._decoders[revision] = self._decoder_of(revision)
        decoder = self._decoders[revision]
        if decoder is None:
            return ()
        read = []
        for position in positions:
            place = revision, position
            if place not in self._frames:
                self._frames[place] = self._decoded(decoder, position)
            frame = self._frames[place]
            if frame is not None and frame[0] >= since_ns:
                read.append(frame[1])
        return tuple(read)

    def _decoded(self, decoder: Decoder, position: int) -> tuple[int, HistoryFrame] | None:
        frame = self._frame_at(position)
        if frame is None:
            return None
        return frame.arrival_ns, HistoryFrame(position, decoder.decode(frame.payload).batch)
