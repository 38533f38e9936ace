"""The two ways to call the doctor: to an engine and its store, or to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sloengine.authoring.against import file_traces
from sloengine.authoring.doctor.engine import engine_says, plan_of
from sloengine.authoring.doctor.examine import Diagnosis, examine
from sloengine.authoring.doctor.vitals import Waits
from sloengine.authoring.scan import TraceInput
from sloengine.clock import Clock, SystemClock
from sloengine.replay import Progress


def examine_files(
    files: Sequence[Path],
    definitions: Path,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Diagnosis:
    """Examine the traces of files by a folder of definitions.

    Raises:
        DefinitionsError: the definitions have errors.
        PermanentError: nothing could be read.
    """
    plan = plan_of(None, definitions)
    return examine(file_traces(files), plan, progress=progress)


def examine_store(
    store: Path,
    sources: Sequence[TraceInput],
    definitions: Path,
    waits: Waits,
    *,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Diagnosis:
    """Examine what arrived at the engine of a store lately, beside it or without one.

    `sources` are its `live_traces`. `definitions` are compared with those in use. `waits` are the
    configured ones; those of a running engine win.

    Raises:
        StoreError: there is no store.
        DefinitionsError: the definitions have errors, and none are in use.
    """
    clock = clock or SystemClock()
    says = engine_says(store)
    if says.idle_wait_ns is not None and says.max_wait_ns is not None:
        waits = Waits(says.idle_wait_ns, says.max_wait_ns)
    return examine(
        sources,
        plan_of(says, definitions),
        waits=waits,
        now_ns=clock.now_ns(),
        says=says,
        folder=definitions,
        progress=progress,
    )
