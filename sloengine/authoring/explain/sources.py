"""Where a trace to be explained comes from: a file, or the store that an engine writes."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sloengine.authoring.explain.jaeger import is_jaeger, jaeger_to_otlp
from sloengine.authoring.explain.numbers import counted
from sloengine.clock import SystemClock
from sloengine.errors import PermanentError
from sloengine.otlp import trace_ids_of
from sloengine.otlp.files import MAX_REQUEST_BYTES, read_requests
from sloengine.pipeline import SPOOL_FOLDER
from sloengine.questions import ask
from sloengine.spool import SpoolSnapshot
from sloengine.store import Store, TraceRecord, trace_record

_LISTED = 10
_REMEMBERED = 100_000
"""Traces of one file that are told apart; there is no need to list more."""
_GZIP = b"\x1f\x8b"
_PEEK = 1 << 16
_JAEGER_KEY = b'"traceID"'
"""Jaeger's spelling; OTLP/JSON writes `traceId`."""


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """The requests that hold one trace; they may hold others too."""

    trace_id: int
    payloads: tuple[bytes, ...]
    notes: tuple[str, ...] = ()


def trace_of_file(path: Path, wanted: int | None = None) -> FoundTrace:
    """Read one trace from OTLP (as `read_requests` takes it) or from Jaeger's JSON.

    `wanted` chooses among several.

    Raises:
        PermanentError: the file cannot be read, holds no trace, not the wanted one, or several
            with none wanted; the message lists them.
    """
    jaeger = _jaeger_payloads(path)
    notes: list[str] = []
    if jaeger is not None:
        payloads: Iterable[bytes] = jaeger
        notes.append("Jaeger keeps microseconds; links and dropped counts may be missing")
    else:
        payloads = _otlp_payloads(path, notes)
    return _choose(path, payloads, wanted, notes)


def stored_trace(directory: Path, trace_id: int) -> tuple[FoundTrace, TraceRecord]:
    """Read a trace from the spool of a store, and what is stored of it, beside a running engine
    or without one.

    Raises:
        StoreError: there is no store.
        PermanentError: the spool does not hold the trace.
    """
    answer = ask(directory, "trace", {"trace": f"{trace_id:032x}"})
    if answer is not None:
        record = TraceRecord.of_json(answer)
    else:
        with Store.open(directory, clock=SystemClock(), read_only=True) as store:
            record = trace_record(store, trace_id)
    # Requests are kept as they came, and an id stands in them as its bytes: looking for these is
    # quicker than an index would be to open, and finds what is not indexed yet.
    sought = trace_id.to_bytes(16, "big")
    with SpoolSnapshot.open(directory / SPOOL_FOLDER) as spool:
        payloads = tuple(
            payload for frame in spool.frames() if sought in (payload := frame.payload)
        )
    holding = tuple(payload for payload in payloads if trace_id in trace_ids_of(payload))
    if not holding:
        if record.verdicts:
            how = ", ".join(
                f"{verdict.transaction} {verdict.outcome} {verdict.reason}".strip()
                for verdict in record.verdicts
            )
            raise PermanentError(
                f"trace {trace_id:032x}: its spans are no longer in the spool; stored: {how}. "
                "Save the trace from your tracing backend and explain the file"
            )
        raise PermanentError(
            f"trace {trace_id:032x}: not in the store {directory}; check the id, or save the trace "
            "from your tracing backend and explain the file"
        )
    return FoundTrace(trace_id, holding), record


def _jaeger_payloads(path: Path) -> list[bytes] | None:
    """Return the requests of a Jaeger file; `None` where it is something else."""
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == _GZIP
        with gzip.open(path) if is_gzip else path.open("rb") as content:
            start = content.read(_PEEK)
            if start.lstrip()[:1] not in (b"{", b"[") or _JAEGER_KEY not in start:
                return None
            tree = json.loads(start + content.read(MAX_REQUEST_BYTES))
    except (OSError, EOFError, zlib.error, ValueError, RecursionError):
        return None  # whatever it is, reading it as OTLP says what is wrong
    return jaeger_to_otlp(tree) if is_jaeger(tree) else None


def _otlp_payloads(path: Path, notes: list[str]) -> Iterable[bytes]:
    problems = 0
    for request in read_requests(path):
        if request.problem:
            problems += 1
            if problems == 1:
                notes.append(f"{request.place}: {request.problem}")
            continue
        yield request.payload
    if problems > 1:
        notes.append(f"{path}: {problems} parts are malformed and were left out")


def _choose(
    path: Path, payloads: Iterable[bytes], wanted: int | None, notes: list[str]
) -> FoundTrace:
    seen: dict[int, int] = {}
    kept: list[bytes] = []
    for payload in payloads:
        ids = trace_ids_of(payload)
        for trace_id in ids:
            if trace_id in seen or len(seen) < _REMEMBERED:
                seen[trace_id] = seen.get(trace_id, 0) + 1
        if (wanted in ids) if wanted is not None else (len(seen) == 1 and ids):
            kept.append(payload)
    if wanted is not None:
        if not kept:
            raise PermanentError(
                f"{path}: trace {wanted:032x} is not in it; it holds {_listed(seen)}"
            )
        return FoundTrace(wanted, tuple(kept), tuple(notes))
    if not seen:
        why = f": {notes[0]}" if notes else ""
        raise PermanentError(
            f"{path}: holds no trace{why}; give OTLP JSON, a Collector's file or Jaeger's JSON"
        )
    if len(seen) > 1:
        raise PermanentError(f"{path}: holds {_listed(seen)}; choose one with --trace ID")
    return FoundTrace(next(iter(seen)), tuple(kept), tuple(notes))


def _listed(seen: dict[int, int]) -> str:
    names = ", ".join(f"{trace_id:032x}" for trace_id in list(seen)[:_LISTED])
    more = ", …" if len(seen) > _LISTED else ""
    return f"{counted(len(seen), 'trace')} ({names}{more})" if seen else "no trace"
