"""`against`: scan files, or what arrived at an engine lately, and count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sloengine.authoring.against.sightings import Sightings
from sloengine.authoring.scan import FileTraces, Scanned, SpoolTraces, TraceInput, scan
from sloengine.clock import Clock, SystemClock
from sloengine.definitions import Plan
from sloengine.pipeline import SPOOL_FOLDER
from sloengine.replay import Progress
from sloengine.spool import SpoolSnapshot

LIVE = "live"
NEWEST_BYTES = 64 << 20
"""Of a spool, no more than the segments that hold so many of the newest bytes are read."""
LAST_NS = 3600 * 10**9


@contextmanager
def live_traces(
    store: Path, *, last_ns: int = LAST_NS, clock: Clock | None = None
) -> Iterator[list[TraceInput]]:
    """Give what arrived at the engine of a store lately, bounded in time and in bytes.

    Raises:
        StoreError: there is no spool.
    """
    since_ns = (clock or SystemClock()).now_ns() - last_ns
    with SpoolSnapshot.open(store / SPOOL_FOLDER, newest_bytes=NEWEST_BYTES) as snapshot:
        yield [SpoolTraces(snapshot, since_ns)]


def file_traces(files: Sequence[Path]) -> list[TraceInput]:
    """Give the traces of files."""
    return [FileTraces(file) for file in files]


@contextmanager
def chosen_traces(
    chosen: Sequence[str], store: Path, *, clock: Clock | None = None
) -> Iterator[list[TraceInput]]:
    """Give the traces of files, and for `live` what arrived at the engine of `store` lately.

    Raises:
        StoreError: `live` was chosen, and there is no spool.
    """
    sources = file_traces([Path(name) for name in chosen if name != LIVE])
    if LIVE not in chosen:
        yield sources
        return
    with live_traces(store, clock=clock) as live:
        yield [*sources, *live]


def against(
    plan: Plan,
    sources: Sequence[TraceInput],
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> tuple[Sightings, Scanned]:
    """Hold a set of definitions against traces.

    Raises:
        PermanentError: nothing could be read.
    """
    sightings = Sightings(plan)
    return sightings, scan(sources, plan, [sightings], progress=progress)
