"""`TraceProcessor`: what the plain and the fast way of collecting spans into traces both do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from sloengine.definitions.plan import Plan
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import ConditionTable
from sloengine.processor.history import TraceHistory
from sloengine.processor.look import Look
from sloengine.processor.processor import AddResult, ProcessorSettings
from sloengine.processor.verdicts import Closed


class TraceProcessor(Protocol):
    """Pending traces; see `Processor` for what each method promises."""

    @property
    def pending_traces(self) -> int:
        """How many traces wait for spans or for their time."""
        ...

    @property
    def pending_spans(self) -> int:
        """How many spans wait for their first verdict."""
        ...

    @property
    def put_off_traces(self) -> int:
        """How many traces are due, and wait until the rest of them can be read again."""
        ...

    @property
    def is_over_budget(self) -> bool:
        """Whether the next `close` will have to close traces early."""
        ...

    def pending_ids(self) -> frozenset[int]:
        """The ids of all pending traces."""
        ...

    def mark_replayed_until(self, position: int) -> None:
        """Frames before `position` may have been applied by an earlier process."""
        ...

    def discard(self, trace_ids: Collection[int]) -> None:
        """Forget pending traces that another processor has judged meanwhile."""
        ...

    def safe_position(self, end: int) -> int:
        """The oldest frame that a pending trace still needs, else `end`."""
        ...

    def add(self, batch: SpanBatch, *, position: int, arrival_ns: int) -> AddResult:
        """Take in the spans of the frame at `position`, which came at `arrival_ns`."""
        ...

    def close(self, now_ns: int, *, everything: bool = False) -> Closed:
        """Judge the traces that are complete at `now_ns`, and stop waiting for them."""
        ...

    def look(self, now_ns: int, *, everything: bool = False) -> Look:
        """Begin to do what `close` does, in steps: the caller holds the lock for each."""
        ...


class ProcessorFactory(Protocol):
    """Makes a processor: one of the classes."""

    def __call__(
        self,
        plan: Plan,
        table: ConditionTable,
        *,
        settings: ProcessorSettings,
        key: bytes,
        history: TraceHistory,
    ) -> TraceProcessor:
        """Return a processor without traces; `Processor` says what the arguments mean."""
        ...
