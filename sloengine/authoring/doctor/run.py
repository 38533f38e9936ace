"""The two ways to call the doctor: to an engine and its store, or to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sloengine.authoring.against import LAST_NS, file_traces, live_traces
from sloengine.authoring.doctor.engine import engine_says, plan_of
from sloengine.authoring.doctor.examine import Diagnosis, examine
from sloengine.authoring.doctor.vitals import Waits
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
    definitions: Path,
    waits: Waits,
    *,
    last_ns: int = LAST_NS,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Diagnosis:
    """Examine what arrived at the engine of a store lately, beside it or without one.

    `definitions` are compared with those in use. `waits` are the configured ones; those of a
    running engine win.

    Raises:
        StoreError: there is no store.
        DefinitionsError: the definitions have errors, and none are in use.
    """
    clock = clock or SystemClock()
    says = engine_says(store)
    if says.idle_wait_ns is not None and says.max_wait_ns is not None:
        waits = Waits(says.idle_wait_ns, says.max_wait_ns)
    plan = plan_of(says, definitions)
    with live_traces(store, last_ns=last_ns, clock=clock) as sources:
        return examine(
            sources,
            plan,
            waits=waits,
            now_ns=clock.now_ns(),
            says=says,
            folder=definitions,
            progress=progress,
        )
