"""`examine`: one scan, then every check in the order in which a person would ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sloengine.authoring.against import Sightings
from sloengine.authoring.doctor import checks
from sloengine.authoring.doctor.engine import EngineSays, folder_check, receiving
from sloengine.authoring.doctor.model import Check, Level
from sloengine.authoring.doctor.vitals import Vitals, Waits
from sloengine.authoring.scan import Scanned, TraceInput, scan
from sloengine.definitions import Plan
from sloengine.replay import Progress


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All checks, and what they rest on."""

    checks: tuple[Check, ...]
    spans: int
    traces: int
    first_ns: int | None
    """From when on: arrival where that is known, else event time."""
    last_ns: int | None
    split: int
    """Traces that came in parts too far apart to put together."""

    @property
    def to_mend(self) -> int:
        """How many checks found something to mend."""
        return sum(check.level is Level.MEND for check in self.checks)

    @property
    def to_watch(self) -> int:
        """How many found something to watch."""
        return sum(check.level is Level.WATCH for check in self.checks)


def examine(
    sources: Sequence[TraceInput],
    plan: Plan,
    *,
    waits: Waits | None = None,
    now_ns: int | None = None,
    says: EngineSays | None = None,
    folder: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Diagnosis:
    """Examine traces by a set of definitions.

    Args:
        sources: what to read.
        plan: the definitions in use.
        waits: by which a span is late; `None` where arrival times are not known.
        now_ns: the instant until which spans could arrive, where more may come.
        says: a running engine's own word.
        folder: where the definitions are written.
        progress: called after each request.

    Raises:
        PermanentError: nothing could be read.
    """
    settled_ns = None if now_ns is None or waits is None else now_ns - waits.max_ns
    vitals = Vitals(plan, waits, settled_before_ns=settled_ns)
    sightings = Sightings(plan)
    scanned = scan(sources, plan, [vitals, sightings], progress=progress)
    found = receiving(says, scanned)
    if scanned.spans:
        found += [
            checks.whole_traces(vitals),
            checks.sampling(vitals),
            *checks.clock_skew(vitals),
            checks.duplicates(vitals),
            *checks.attributes(sightings),
            *checks.late_spans(vitals, waits),
            *checks.definitions(sightings, scanned),
        ]
    if folder is not None:
        found += folder_check(says, folder)
    return _diagnosis(found, scanned)


def _diagnosis(found: Sequence[Check], scanned: Scanned) -> Diagnosis:
    arrived = scanned.first_arrival_ns is not None
    return Diagnosis(
        checks=tuple(found),
        spans=scanned.spans,
        traces=scanned.traces,
        first_ns=scanned.first_arrival_ns if arrived else scanned.first_ns,
        last_ns=scanned.last_arrival_ns if arrived else scanned.last_ns,
        split=scanned.split,
    )
