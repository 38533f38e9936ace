"""`scan`: decode once, show every span and every trace to all who watch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sloengine.authoring.scan.sources import Arrived, TraceInput
from sloengine.definitions import Plan
from sloengine.errors import PermanentError
from sloengine.otlp import ReferenceDecoder
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, ConditionTable, Field, Value
from sloengine.processor import Bench, Judge, SpanKey, SpanRow, Verdict, Witness
from sloengine.processor.rows import BatchRows, beats
from sloengine.replay import Progress

MOST_SPANS = 150_000
"""Spans of traces that may still get more; above it the trace that waited longest is closed."""
_MOST_CLOSED = 200_000
"""Ids of closed traces that are remembered, to notice when more of them comes."""
_MOST_PROBLEMS = 20

SPAN_ATTRIBUTES = Field("span.attributes")
RESOURCE_ATTRIBUTES = Field("resource.attributes")
TRACE_STATE = Field("span.trace_state")
_EXTRA = (SPAN_ATTRIBUTES, RESOURCE_ATTRIBUTES, TRACE_STATE)


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span as it came; copies and conflicts are all seen."""

    trace_id: int
    row: SpanRow
    service: str
    name: str
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    trace_state: str
    arrival_ns: int | None


@dataclass(slots=True)
class SeenTrace:
    """The distinct spans of a trace, and when each came first."""

    trace_id: int
    rows: dict[SpanKey, SpanRow] = field(default_factory=dict)
    arrivals: dict[SpanKey, int] = field(default_factory=dict)
    """Empty where arrival times are not known."""
    resources: dict[SpanKey, Mapping[str, Value]] = field(default_factory=dict)
    last_arrival_ns: int = 0


class Watcher:
    """Told of what a scan meets. Each method does nothing until a subclass says what."""

    def begin(self, table: ConditionTable) -> None:
        """A scan begins; the rows' vectors point into `table`."""

    def span(self, span: SeenSpan) -> None:
        """A span came."""

    def copy(self, span: SeenSpan, *, differs: bool) -> None:
        """It had come before; `differs` where the two are not the same."""

    def trace(self, trace: SeenTrace, verdict: Verdict, bench: Bench) -> None:
        """No more spans of this trace are expected, and this is what the judge makes of it."""


@dataclass(slots=True)
class Scanned:
    """What a scan read."""

    requests: int = 0
    spans: int = 0
    traces: int = 0
    rejected: int = 0
    """Spans without valid ids."""
    split: int = 0
    """Traces of which more came after they were closed for want of memory: their parts were looked
    at apart."""
    problems: list[str] = field(default_factory=list)
    """Malformed parts, each with its place; the first few."""
    malformed: int = 0
    first_arrival_ns: int | None = None
    last_arrival_ns: int | None = None
    first_ns: int | None = None
    """The earliest start of a span."""
    last_ns: int | None = None
    """The latest end of a span."""


def scan(
    sources: Sequence[TraceInput],
    plan: Plan,
    watchers: Sequence[Watcher],
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    most_spans: int = MOST_SPANS,
) -> Scanned:
    """Read sources once.

    Raises:
        PermanentError: nothing could be read at all.
    """
    reading = _Reading(plan, watchers, most_spans)
    for source in sources:
        try:
            for request in source.requests():
                reading.take(request)
                done = reading.scanned
                progress(Progress(source.path, request.bytes_read, done.spans, done.malformed))
        except PermanentError as error:
            reading.problem(str(error))
    reading.finish()
    if not reading.scanned.requests and reading.scanned.problems:
        raise PermanentError("\n".join(reading.scanned.problems))
    return reading.scanned


class _Reading:
    def __init__(self, plan: Plan, watchers: Sequence[Watcher], most_spans: int) -> None:
        self.scanned = Scanned()
        self._watchers = watchers
        self._most_spans = most_spans
        table = ConditionTable(plan.fields, plan.conditions)
        extra = tuple(wanted for wanted in _EXTRA if wanted not in plan.fields)
        fields = (*plan.fields, *extra)
        self._planned = len(plan.fields)
        self._slots = {wanted: fields.index(wanted) for wanted in (*_EXTRA, SERVICE_NAME)}
        self._name = fields.index(SPAN_NAME)
        self._decoder = ReferenceDecoder(fields, table, plan.captures)
        self._judge = Judge(plan, table, b"\0" * 32)
        for watcher in watchers:
            watcher.begin(table)
        self._open: OrderedDict[int, SeenTrace] = OrderedDict()
        self._closed: OrderedDict[int, None] = OrderedDict()
        self._held = 0

    def problem(self, text: str) -> None:
        self.scanned.malformed += 1
        if len(self.scanned.problems) < _MOST_PROBLEMS:
            self.scanned.problems.append(text)

    def take(self, request: Arrived) -> None:
        if request.problem:
            self.problem(request.problem)
            return
        try:
            decoded = self._decoder.decode(request.payload)
        except PermanentError as error:
            self.problem(str(error))
            return
        done, arrival_ns = self.scanned, request.arrival_ns
        done.requests += 1
        done.rejected += decoded.rejected
        if arrival_ns is not None:
            first = done.first_arrival_ns
            done.first_arrival_ns = arrival_ns if first is None else min(first, arrival_ns)
            done.last_arrival_ns = max(done.last_arrival_ns or 0, arrival_ns)
        batch = BatchRows(decoded.batch)
        for index, trace_id in enumerate(batch.trace_ids):
            self._add(self._seen(trace_id, batch.row(index), arrival_ns))
        while self._held > self._most_spans and len(self._open) > 1:
            early = next(iter(self._open))
            self._close(early)
            self._closed[early] = None
            if len(self._closed) > _MOST_CLOSED:
                self._closed.popitem(last=False)

    def finish(self) -> None:
        while self._open:
            self._close(next(iter(self._open)))

    def _seen(self, trace_id: int, row: SpanRow, arrival_ns: int | None) -> SeenSpan:
        values = row.projected
        attributes = values[self._slots[SPAN_ATTRIBUTES]]
        resource = values[self._slots[RESOURCE_ATTRIBUTES]]
        return SeenSpan(
            trace_id=trace_id,
            row=SpanRow(
                span_id=row.span_id,
                parent_id=row.parent_id,
                kind=row.kind,
                start_ns=row.start_ns,
                end_ns=row.end_ns,
                vector=row.vector,
                captures=row.captures,
                projected=values[: self._planned],
            ),
            service=_text(values[self._slots[SERVICE_NAME]]),
            name=_text(values[self._name]),
            attributes=attributes if isinstance(attributes, dict) else {},
            resource=resource if isinstance(resource, dict) else {},
            trace_state=_text(values[self._slots[TRACE_STATE]]),
            arrival_ns=arrival_ns,
        )

    def _add(self, span: SeenSpan) -> None:
        done, row = self.scanned, span.row
        done.spans += 1
        done.first_ns = row.start_ns if done.first_ns is None else min(done.first_ns, row.start_ns)
        done.last_ns = max(done.last_ns or 0, row.end_ns)
        trace = self._open.get(span.trace_id)
        if trace is None:
            trace = self._open[span.trace_id] = SeenTrace(span.trace_id)
            is_split = span.trace_id in self._closed
            done.split += is_split
            done.traces += not is_split
        else:
            self._open.move_to_end(span.trace_id)
        for watcher in self._watchers:
            watcher.span(span)
        holder = trace.rows.get(row.key)
        if holder is not None:
            replaced = beats(row, holder)
            differs = replaced or beats(holder, row)
            for watcher in self._watchers:
                watcher.copy(span, differs=differs)
            if replaced:
                trace.rows[row.key] = row
            return
        self._held += 1
        trace.rows[row.key] = row
        trace.resources[row.key] = span.resource
        if span.arrival_ns is not None:
            trace.arrivals[row.key] = span.arrival_ns
            trace.last_arrival_ns = max(trace.last_arrival_ns, span.arrival_ns)

    def _close(self, trace_id: int) -> None:
        trace = self._open.pop(trace_id)
        self._held -= len(trace.rows)
        looking = _Looking()
        verdict = self._judge.judge(trace_id, trace.rows, witness=looking)
        for watcher in self._watchers:
            watcher.trace(trace, verdict, looking.bench)


class _Looking(Witness):
    """Keeps what lies before the judge."""

    def opened(self, bench: Bench) -> None:
        self.bench = bench


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
