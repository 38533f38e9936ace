"""The load of the benchmarks: requests of distinct traces, cheap to make, with their truth.

A trace has twelve spans of five services, ten attributes each, 416 bytes a span. Nine kinds of
trace take turns: six enter at the root, two below it (the gateway's root is nobody's), one enters
at the root and has another transaction inside. Of twenty traces of one kind one fails by its
entry's status, one by an answer of 500 in the payment below, and one is slow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

SPANS_PER_TRACE = 12
KINDS = 9
"""How many kinds of trace there are."""
_TURNS = 20
_FAILED_AT_ENTRY, _FAILED_BELOW, _SLOW = 0, 1, 2
_SLOW_MS = 5_000
_NESTED = 4
"""The span at which the inner transaction of the last kind enters."""

_SERVICES = ("frontend", "checkout", "cart", "payment", "shipping")
_SERVICE_OF = (0, 1, 1, 2, 1, 3, 3, 3, 4, 4, 2, 0)
_PARENT_OF = (-1, 0, 1, 2, 1, 4, 5, 6, 4, 8, 2, 0)
_PAYMENT = 6
_SERVER, _CLIENT, _INTERNAL = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL
_MARK = 0xA7
_TAG_OF_PARENT = 0x22
_ORDERS = "/api/orders/"
_DIGITS = 8
_NS_PER_MS = 10**6


def definitions() -> str:
    """Return ten `BusinessTransaction` documents, thirty conditions in all, each with an SLO."""
    return "---\n".join(_definition(number) for number in range(10))


def _definition(number: int) -> str:
    service = "frontend" if number in (0, 1, 2, 3, 4, 5, 8) else "checkout"
    return f"""\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {{name: bench-{number}}}
spec:
  entry:
    - >-
      resource.attributes["service.name"] == "{service}" and span.kind == SPAN_KIND_SERVER
      and span.attributes["http.route"] == "/api/{number}/{{id}}"
  outcome:
    - failed: {{reason: error, entry: span.status.code == STATUS_CODE_ERROR}}
    - failed:
        reason: payment
        anySpan: >-
          resource.attributes["service.name"] == "payment"
          and span.attributes["http.response.status_code"] >= {500 if number % 2 else 499}
          and span.name != "probe-{number}"
    - slow: {{longerThan: 4s}}
  because:
    - bank: {{anySpan: 'HasPrefix(span.name, "bank-{number}/")'}}
  promise: {{target: 99.5%, window: 28d}}
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where in a template each span's ids and times stand: offsets, one for each span."""

    trace: npt.NDArray[np.int64]
    span: npt.NDArray[np.int64]
    parent: npt.NDArray[np.int64]
    """0 for a root."""
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    """The digits in `url.path`, another number in every span."""
    trace_number: npt.NDArray[np.int64]


class Payload:
    """Requests of `traces` whole traces each; every one has the same shape and the same truth."""

    def __init__(self, traces: int, *, nested_only: bool = False) -> None:
        """`nested_only`: every trace is of the kind that has two transactions."""
        self.traces = traces
        self.spans = traces * SPANS_PER_TRACE
        self._kinds = (KINDS - 1,) if nested_only else tuple(range(KINDS))
        self._template = np.frombuffer(_template(traces, self._kinds), dtype=np.uint8)
        self._places = _places(self._template, traces)

    @classmethod
    def of_spans(cls, spans: int, *, nested_only: bool = False) -> Payload:
        """Requests of about so many spans: as many whole traces as fit."""
        return cls(max(1, spans // SPANS_PER_TRACE), nested_only=nested_only)

    @property
    def truth(self) -> Mapping[tuple[str, str], int]:
        """Facts of one request: (transaction, outcome) to how many."""
        counts: Counter[tuple[str, str]] = Counter()
        for trace in range(self.traces):
            kind, turn = _kind_and_turn(trace, self._kinds)
            outcome = {_FAILED_AT_ENTRY: "failed", _FAILED_BELOW: "failed", _SLOW: "slow"}
            counts[f"bench-{kind}", outcome.get(turn, "good")] += 1
            if kind == KINDS - 1:
                counts["bench-9", "failed" if turn == _FAILED_BELOW else "good"] += 1
        return counts

    def request(self, number: int, *, at_ns: int, seed: int = 1) -> bytes:
        """Return request `number`: no other number has a trace in common with it.

        `at_ns` is when its first trace starts; `seed` makes the ids of one run differ from those
        of another.
        """
        data = self._template.copy()
        places = self._places
        trace = places.trace_number + number * self.traces
        high = np.full(len(trace), seed, dtype=np.uint64)
        _put(data, places.trace, _stirred(high * np.uint64(2**32) + trace.astype(np.uint64)))
        _put(data, places.trace + 8, trace.astype(np.uint64) + np.uint64(1))
        for place in (places.start, places.end):
            _put(data, place, _take(data, place) + np.uint64(at_ns), little=True)
        order = np.arange(self.spans) + number * self.spans
        for digit in range(_DIGITS):
            data[places.order + _DIGITS - 1 - digit] = order // 10**digit % 10 + ord("0")
        return data.tobytes()


def _stirred(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Words that look random, one for each word (the finalizer of SplitMix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _put(
    data: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    words: npt.NDArray[np.uint64],
    *,
    little: bool = False,
) -> None:
    octets = words.astype("<u8" if little else ">u8").view(np.uint8).reshape(-1, 8)
    data[places[:, None] + np.arange(8)] = octets


def _take(data: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    octets: npt.NDArray[np.uint8] = data[places[:, None] + np.arange(8)]
    return np.ascontiguousarray(octets).view("<u8").reshape(-1).astype(np.uint64)


def _kind_and_turn(trace: int, kinds: tuple[int, ...]) -> tuple[int, int]:
    return kinds[trace % len(kinds)], trace // len(kinds) % _TURNS


def _template(traces: int, kinds: tuple[int, ...]) -> bytes:
    request = ExportTraceServiceRequest()
    scopes = []
    for name in _SERVICES:
        resource_spans = request.resource_spans.add()
        for key, value in (
            ("service.name", name),
            ("service.version", "1.14.2"),
            ("deployment.environment.name", "production"),
            ("telemetry.sdk.language", "go"),
            ("host.name", f"{name}-7d9c5b9f4-x2x7q"),
        ):
            resource_spans.resource.attributes.append(_text(key, value))
        scope = resource_spans.scope_spans.add()
        scope.scope.name = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
        scope.scope.version = "0.62.0"
        scopes.append(scope)
    for trace in range(traces):
        _add_trace(scopes, trace, *_kind_and_turn(trace, kinds))
    return request.SerializeToString()


def _add_trace(scopes: list[ScopeSpans], trace: int, kind: int, turn: int) -> None:
    for index in range(SPANS_PER_TRACE):
        scopes[_SERVICE_OF[index]].spans.append(_span(trace, index, kind, turn))


def _span(trace: int, index: int, kind: int, turn: int) -> Span:
    entry = 1 if kind in (6, 7) else 0
    route = f"/internal/{index}/{{id}}"
    if index == entry:
        route = f"/api/{kind}/{{id}}"
    elif index == _NESTED and kind == KINDS - 1:
        route = "/api/9/{id}"
    is_server = index in (0, 1, 3, 4, 5, 8, 10)
    failed_below = index == _PAYMENT and turn == _FAILED_BELOW
    is_error = index == entry and turn == _FAILED_AT_ENTRY
    is_slow = index <= entry and turn == _SLOW
    start_ms = 1 + trace + index  # a zero would not be written
    return Span(
        trace_id=bytes([_MARK]) * 8 + (trace + 1).to_bytes(8, "big"),
        span_id=(trace * SPANS_PER_TRACE + index + 1).to_bytes(8, "big"),
        parent_span_id=(
            b"" if index == 0 else (trace * SPANS_PER_TRACE + _PARENT_OF[index] + 1).to_bytes(8)
        ),
        flags=0x101,
        name=f"{'POST' if is_server else 'call'} {route}",
        kind=_SERVER if is_server else _CLIENT if index % 2 else _INTERNAL,
        start_time_unix_nano=start_ms * _NS_PER_MS,
        end_time_unix_nano=(start_ms + (_SLOW_MS if is_slow else 120 - index)) * _NS_PER_MS,
        attributes=[
            _text("http.request.method", "POST"),
            _text("http.route", route),
            _number("http.response.status_code", 503 if failed_below else 200),
            _text("url.path", f"{_ORDERS}{0:0{_DIGITS}}"),
            _text("url.scheme", "https"),
            _text("server.address", f"{_SERVICES[_SERVICE_OF[index]]}.shop.svc"),
            _number("server.port", 8443),
            _text("network.protocol.version", "1.1"),
            _text("user_agent.original", "Go-http-client/1.1"),
            _text("client.address", f"10.{trace % 250}.{index}.17"),
        ],
        status=Status(code=Status.STATUS_CODE_ERROR) if is_error else None,
    )


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _number(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))


def _places(template: npt.NDArray[np.uint8], traces: int) -> Places:
    """Find every span by the mark in its trace id; what follows has a fixed order and sizes."""
    is_mark = template == _MARK
    run = np.ones(len(template) - 7, dtype=bool)
    for offset in range(8):
        run &= is_mark[offset : len(template) - 7 + offset]
    trace = np.flatnonzero(run).astype(np.int64)
    if len(trace) != traces * SPANS_PER_TRACE:
        raise AssertionError("a mark stands where no trace id does")
    span = trace + 16 + 2
    has_parent = template[span + 8] == _TAG_OF_PARENT
    parent = np.where(has_parent, span + 8 + 2, 0)
    name = span + 8 + np.where(has_parent, 10, 0)
    start = name + 2 + template[name + 1] + 2 + 1
    numbers = _take_big(template, trace + 8) - 1
    orders = _found(template, _ORDERS.encode()) + len(_ORDERS)
    return Places(trace, span, parent, start, start + 8 + 1, orders, numbers)


def _found(data: npt.NDArray[np.uint8], text: bytes) -> npt.NDArray[np.int64]:
    content, places, at = data.tobytes(), [], -1
    while (at := content.find(text, at + 1)) >= 0:
        places.append(at)
    return np.array(places, dtype=np.int64)


def _take_big(data: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    octets: npt.NDArray[np.uint8] = data[places[:, None] + np.arange(8)]
    return np.ascontiguousarray(octets).view(">i8").reshape(-1).astype(np.int64)
