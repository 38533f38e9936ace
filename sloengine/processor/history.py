"""What the processor asks of stored traces: the spans that came before, and by what they were
judged. The spool and the store answer through an adapter that the engine wires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.spool import TraceIds


@dataclass(frozen=True, slots=True)
class PendingSpans:
    """The part of a trace that the processor holds while it asks for the rest."""

    first_position: int
    """The oldest frame that it came from."""
    last_position: int
    """The newest."""
    first_arrival_ns: int
    since_arrival_ns: int
    """The late horizon: frames that arrived before this instant need not be looked for."""
    earliest_ns: int
    """The least start of its spans, in event time."""


@dataclass(frozen=True, slots=True)
class HistoryFrame:
    """One frame of the spool, decoded; it may hold spans of other traces too."""

    position: int
    batch: SpanBatch


@dataclass(frozen=True, slots=True)
class EarlierTrace:
    """A trace that was there before: in older frames, in stored facts, or both."""

    frames: tuple[HistoryFrame, ...]
    """Every frame inside the horizon that holds the trace, from the oldest up to and including
    `PendingSpans.last_position`, the pending ones among them, all decoded under the plan of
    `revision` (the processor's own where that is None). Empty where no frame stands before the
    pending ones and they were decoded under that plan already."""
    revision: str | None
    """The revision of the stored facts; None where there are none."""
    has_stored_facts: bool
    complete: bool
    """False where spans that the stored facts rest on are in no frame any more."""


@dataclass(frozen=True, slots=True)
class AskedTraces:
    """Traces as columns, one row each; see `PendingSpans` for what a column means."""

    trace_ids: TraceIds
    first_position: npt.NDArray[np.int64]
    first_arrival_ns: npt.NDArray[np.int64]
    earliest_ns: npt.NDArray[np.uint64]
    horizon_ns: int


class TraceHistory(Protocol):
    """Reads earlier spans of traces back."""

    def earlier(
        self, wanted: Mapping[int, PendingSpans], must_go_on: Callable[[], bool], /
    ) -> Iterator[tuple[int, EarlierTrace | None]]:
        """Look up traces; yield each, by its id, with what there was before.

        That is `None` if and only if it has neither an earlier frame inside the horizon nor stored
        facts. From then on the trace counts as judged.

        Reading again costs time. While `must_go_on` says no, it may end before all are answered,
        then with those whose pending spans came first: the rest is put off, and is to be asked
        about at a later look. What is done with an answer before the next one belongs to its cost.

        May raise; then nothing is lost, and all are asked about again.
        """
        ...

    def perhaps_earlier(self, asked: AskedTraces, /) -> npt.NDArray[np.bool_]:
        """Tell which of very many traces `earlier` has to be asked about, at next to no cost.

        False is certain: it has neither an earlier frame nor stored facts. From then on such a
        trace counts as judged.
        """
        ...

    def judged(self, trace_ids: Sequence[int], /) -> None:
        """Hear of further traces that have a verdict now: those that nobody asked about."""
        ...

    def plan(self, revision: str, /) -> tuple[Plan, ConditionTable] | None:
        """The plan of a revision that judged traces before, and the table into which the vectors
        of `EarlierTrace.frames` point; None where it is not known any more.
        """
        ...


@runtime_checkable
class FrameHistory(Protocol):
    """A history that can also read the frames of pending traces again."""

    def batch_at(self, position: int, /) -> SpanBatch:
        """Return the frame at a position, decoded as it was: by the same plan, in the same order.

        A pending trace's frames are always there. Raises `RetryError` where the disk does.
        """
        ...


class NoHistory:
    """For a store that starts empty and is read once, as in `replay`: nothing came before."""

    def earlier(
        self, wanted: Mapping[int, PendingSpans], _must_go_on: Callable[[], bool], /
    ) -> Iterator[tuple[int, EarlierTrace | None]]:
        """Find nothing."""
        return ((trace_id, None) for trace_id in wanted)

    def perhaps_earlier(self, asked: AskedTraces, /) -> npt.NDArray[np.bool_]:
        """Find nothing."""
        return np.zeros(len(asked.trace_ids), dtype=np.bool_)

    def judged(self, _trace_ids: Sequence[int], /) -> None:
        """Forget it."""

    def plan(self, _revision: str, /) -> None:
        """Know no revision; never asked, since `earlier` names none."""
