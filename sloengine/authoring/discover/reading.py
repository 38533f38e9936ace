"""Traces from anywhere -> what customers asked for, and what was called to answer it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Status

from sloengine.authoring.discover.labels import (
    CLIENT,
    CONSUMER,
    PRODUCER,
    READ,
    SERVER,
    Label,
    Quality,
    is_plain_verb,
    label_of,
)
from sloengine.errors import PermanentError
from sloengine.otlp.wire import parse_request
from sloengine.processor import SpanRow
from sloengine.processor.links import Forest, build_forest
from sloengine.replay import Progress, TraceSource

_MOST_REMEMBERED = 65_536

EntryId = tuple[int, int, int]
"""(trace id, span id, kind)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing that a customer asked for: the topmost SERVER or CONSUMER span of its trace."""

    entry: EntryId
    label: int
    start_ns: int
    end_ns: int
    failed: bool
    """Whether the span has the status ERROR."""
    calls: tuple[int, ...]
    """Labels of what was called first on the way down, each once, in order of time."""
    below: frozenset[int]
    """Labels of all spans below."""
    failed_below: frozenset[int]
    """Labels of the spans below that have the status ERROR."""
    first_served: Request | None
    """Where exactly one other service's request was called first: that request."""


@dataclass(slots=True)
class Traffic:
    """All that was read."""

    labels: list[Label] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    inner: dict[int, int] = field(default_factory=dict)
    """How many spans below requests have a label."""
    start_ns: int = 0
    """When the first request began, wanted or not; 0 where there is none."""
    end_ns: int = 0
    """When the last one ended."""
    spans: int = 0
    traces: int = 0
    services: int = 0
    without_request: int = 0
    """Traces with neither a SERVER nor a CONSUMER span."""
    sampled_spans: int = 0
    """Spans that say they stand for more than themselves."""


def read_traffic(
    sources: Sequence[TraceSource],
    *,
    only: Collection[EntryId] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Traffic:
    """Read traces whole into memory, then find the requests of customers in them.

    `only` names the requests that are wanted (`None`: all). What is malformed is passed over here:
    judging the same traces reports it.
    """
    spans = _Spans()
    for file, payload, bytes_read in _payloads(sources):
        try:
            spans.add(payload)
        except PermanentError:
            continue
        progress(Progress(file, bytes_read, spans.count, 0))
    return spans.traffic(only)


def _payloads(sources: Sequence[TraceSource]) -> Iterator[tuple[Any, bytes, int]]:
    for source in sources:
        try:
            for request in source.requests():
                if not request.problem:
                    yield source.path, request.payload, request.bytes_read
        except PermanentError:
            continue


class _Spans:
    """The spans of all traces, as rows whose vector is their label and `projected` their error."""

    def __init__(self) -> None:
        self.count = 0
        self._sampled = 0
        self._traces: dict[bytes, dict[tuple[int, int], SpanRow]] = {}
        self._labels: list[Label] = []
        self._numbers: dict[Label, int] = {}
        self._known: dict[tuple[object, ...], int] = {}

    def add(self, payload: bytes) -> None:
        for resource_spans in parse_request(payload).resource_spans:
            service = _text_of(resource_spans.resource.attributes, "service.name")
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    if len(span.trace_id) == 16 and len(span.span_id) == 8:
                        self._add(service, span)

    def _add(self, service: str | None, span: Any) -> None:
        self.count += 1
        kind = span.kind if 0 <= span.kind <= CONSUMER else 0
        self._sampled += "th:" in span.trace_state
        row = SpanRow(
            span_id=int.from_bytes(span.span_id),
            parent_id=int.from_bytes(span.parent_span_id),
            kind=kind,
            start_ns=span.start_time_unix_nano,
            end_ns=span.end_time_unix_nano,
            vector=self._label(service, kind, span),
            captures=(),
            projected=(span.status.code == Status.STATUS_CODE_ERROR,),
        )
        self._traces.setdefault(span.trace_id, {}).setdefault(row.key, row)

    def _label(self, service: str | None, kind: int, span: Any) -> int:
        found = {
            attribute.key: attribute.value.string_value
            for attribute in span.attributes
            if attribute.key in READ and attribute.value.HasField("string_value")
        }
        key = (service, kind, span.name, *found.items())
        number = self._known.get(key)
        if number is None:
            label = label_of(service, kind, span.name, found)
            number = self._numbers.setdefault(label, len(self._labels))
            if number == len(self._labels):
                self._labels.append(label)
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = number
        return number

    def traffic(self, only: Collection[EntryId] | None) -> Traffic:
        traffic = Traffic(
            labels=self._labels,
            spans=self.count,
            traces=len(self._traces),
            services=len({label.service for label in self._labels}),
            sampled_spans=self._sampled,
        )
        finder = _Finder(self._labels, traffic, only)
        for trace_id, rows in self._traces.items():
            finder.look(int.from_bytes(trace_id), build_forest(rows.values()))
        return traffic


class _Finder:
    """Finds the requests of customers in one trace after the other."""

    def __init__(
        self, labels: Sequence[Label], traffic: Traffic, only: Collection[EntryId] | None
    ) -> None:
        self._labels = labels
        self._traffic = traffic
        self._only = only
        self._sets: dict[frozenset[int], frozenset[int]] = {}

    def look(self, trace_id: int, forest: Forest) -> None:
        served = [row.kind in (SERVER, CONSUMER) for row in forest.rows]
        tops = forest.tops(served)
        self._traffic.without_request += not tops
        for top in tops:
            row = forest.rows[top]
            self._traffic.start_ns = min(self._traffic.start_ns or row.start_ns, row.start_ns)
            self._traffic.end_ns = max(self._traffic.end_ns, row.end_ns)
            if self._only is None or (trace_id, row.span_id, row.kind) in self._only:
                self._traffic.requests.append(self._request(trace_id, forest, top))
                for below in forest.rows[top + 1 : forest.end[top]]:
                    self._traffic.inner[below.vector] = self._traffic.inner.get(below.vector, 0) + 1

    def _request(
        self, trace_id: int, forest: Forest, index: int, *, look_below: bool = True
    ) -> Request:
        row = forest.rows[index]
        below = forest.rows[index + 1 : forest.end[index]]
        called = self._called(forest, index)
        served = _served_below(forest, index) if look_below else []
        return Request(
            entry=(trace_id, row.span_id, row.kind),
            label=row.vector,
            start_ns=row.start_ns,
            end_ns=row.end_ns,
            failed=row.projected[0] is True,
            calls=tuple(dict.fromkeys(called)),
            below=self._shared(frozenset(span.vector for span in below)),
            failed_below=self._shared(
                frozenset(span.vector for span in below if span.projected[0] is True)
            ),
            first_served=(
                self._request(trace_id, forest, served[0], look_below=False)
                if len(served) == 1
                else None
            ),
        )

    def _called(self, forest: Forest, index: int) -> list[int]:
        """Labels of the first calls below a request that say what is called, in order of time."""
        found: list[SpanRow] = []
        place = index + 1
        while place < forest.end[index]:
            row = forest.rows[place]
            label = self._labels[row.vector]
            if label.is_database:
                place = forest.end[place]
            elif _tells(label):
                found.append(row)
                place = forest.end[place]
            else:
                place += 1
        return [row.vector for row in sorted(found, key=attrgetter("start_ns", "span_id"))]

    def _shared(self, labels: frozenset[int]) -> frozenset[int]:
        return self._sets.setdefault(labels, labels)


def _served_below(forest: Forest, index: int) -> list[int]:
    """The topmost requests that were served below another, at most two of them."""
    found: list[int] = []
    place = index + 1
    while place < forest.end[index] and len(found) < 2:
        if forest.rows[place].kind == SERVER:
            found.append(place)
            place = forest.end[place]
        else:
            place += 1
    return found


def _tells(label: Label) -> bool:
    """Whether a call says what is called; where it does not, what is below it may."""
    if label.says_nothing:
        return False
    if label.kind in (SERVER, CONSUMER):
        return True
    if label.kind not in (CLIENT, PRODUCER):
        return False
    return label.quality is not Quality.PATH and not is_plain_verb(label.title)


def _text_of(attributes: Any, key: str) -> str | None:
    for attribute in attributes:
        if attribute.key == key and attribute.value.HasField("string_value"):
            text: str = attribute.value.string_value
            return text
    return None
