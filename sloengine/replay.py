"""`replay`: traces from files through the same stages, by event time, into a store of their own.

It never notifies and never exports; nothing closes before the end of input except at the byte
budget; "now" is the last event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sloengine.clock import Clock, SystemClock
from sloengine.definitions import Plan
from sloengine.errors import PermanentError, StoreError
from sloengine.evaluate import Evaluation, evaluate
from sloengine.instrumentation import Instrumentation
from sloengine.otlp import trace_ids_of
from sloengine.otlp.files import FileRequest, read_requests
from sloengine.pipeline import SPOOL_FOLDER, Pipeline
from sloengine.processor import ProcessorSettings
from sloengine.spool import Spool
from sloengine.store import Store
from sloengine.wiring import REFERENCE, HotPath

_NEVER_NS = 10**18
"""Longer than any replay: only the end of input, or the byte budget, closes a trace."""
_MEMORY_BYTES = 1 << 30
_BUDGET_CHECK_REQUESTS = 64


class TraceSource(Protocol):
    """Traces that can be read once more, and are the same then."""

    @property
    def path(self) -> Path:
        """Where they come from, for people."""
        ...

    def requests(self) -> Iterator[FileRequest]:
        """Yield what there is, as `read_requests` does.

        Raises:
            PermanentError: it cannot be read on; what was yielded before is good.
        """
        ...


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A file of traces as a source; any that `read_requests` takes."""

    path: Path

    def requests(self) -> Iterator[FileRequest]:
        """Yield what the file holds."""
        return read_requests(self.path)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is."""

    file: Path
    bytes_read: int
    spans: int
    problems: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay read, and what came out."""

    spans: int
    requests: int
    rejected_spans: int
    problems: tuple[str, ...]
    """Malformed parts of the input, each with its place."""
    evaluation: Evaluation
    first_event_ns: int | None
    """The earliest end of any stored fact; `None` where there is none."""


def replay(
    files: Sequence[Path],
    plan: Plan,
    store_directory: Path,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    memory_bytes: int = _MEMORY_BYTES,
    clock: Clock | None = None,
    hot_path: HotPath = REFERENCE,
) -> Replayed:
    """Judge the traces of `files` by `plan` and evaluate at the last event.

    Args:
        files: as `read_requests` takes them; read in the order given, which changes no result.
        plan: the definitions.
        store_directory: a folder for the store; what it holds already stays and counts too.
        progress: called after each request.
        memory_bytes: for traces that wait; above it the longest idle are judged early.
        clock: stamps facts; event times come from the spans alone.
        hot_path: the plain twins are ready at once; for millions of spans load the kernels.

    Raises:
        PermanentError: nothing could be read.
        StoreError: the folder cannot be used.
    """
    return replay_sources(
        [TraceFile(file) for file in files],
        plan,
        store_directory,
        progress=progress,
        memory_bytes=memory_bytes,
        clock=clock,
        hot_path=hot_path,
    )


def replay_sources(
    sources: Sequence[TraceSource],
    plan: Plan,
    store_directory: Path,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    memory_bytes: int = _MEMORY_BYTES,
    clock: Clock | None = None,
    hot_path: HotPath = REFERENCE,
) -> Replayed:
    """Judge traces from anywhere; otherwise as `replay`."""
    clock = clock or SystemClock()
    store = Store.open(store_directory, clock=clock)
    try:
        spool = Spool.open(
            store_directory / SPOOL_FOLDER,
            store_id=store.store_id,
            clock=clock,
            trace_ids_of=trace_ids_of,
            committed=store.position or 0,
        )
        try:
            return _replay(sources, plan, store, spool, progress, memory_bytes, clock, hot_path)
        finally:
            spool.close()
    finally:
        store.close()


def _replay(
    sources: Sequence[TraceSource],
    plan: Plan,
    store: Store,
    spool: Spool,
    progress: Callable[[Progress], None],
    memory_bytes: int,
    clock: Clock,
    hot_path: HotPath,
) -> Replayed:
    pipeline = Pipeline(
        plan,
        store=store,
        spool=spool,
        clock=clock,
        settings=ProcessorSettings(
            idle_wait_ns=_NEVER_NS,
            max_wait_ns=_NEVER_NS,
            memory_bytes=memory_bytes,
            late_horizon_ns=_NEVER_NS,
        ),
        instrumentation=Instrumentation.disabled(),
        hot_path=hot_path,
    )
    pipeline.recover()
    spans = requests = rejected = 0
    problems: list[str] = []
    for source in sources:
        try:
            for request in source.requests():
                try:
                    if request.problem:
                        raise PermanentError(request.problem)
                    accepted = pipeline.apply(request.payload)
                except PermanentError as error:
                    problems.append(f"{request.place}: {error}")
                else:
                    requests += 1
                    spans += accepted.spans
                    rejected += accepted.rejected
                    if pipeline.processor.is_over_budget or not requests % _BUDGET_CHECK_REQUESTS:
                        pipeline.process()
                progress(Progress(source.path, request.bytes_read, spans, len(problems)))
        except PermanentError as error:
            problems.append(str(error))
    if not requests and problems:
        raise PermanentError("\n".join(problems))
    if not pipeline.process() or not pipeline.process(everything=True):
        raise StoreError(f"{pipeline.failure}; nothing was lost, replay again")
    with store.reader() as reader:
        first_ns, last_ns = reader.first_event_ns(), reader.last_event_ns()
    at_ns = clock.now_ns() if last_ns is None else last_ns + 1
    if first_ns is not None:
        # The files are all that was watched: from their first event to their last.
        store.record_coverage(first_ns, at_ns)
    with store.reader() as reader:
        evaluation = evaluate(reader, plan, at_ns=at_ns, course=True)
    return Replayed(spans, requests, rejected, tuple(problems), evaluation, first_ns)
