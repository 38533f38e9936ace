"""The traces of the load: what is in a span, and how the trace's transactions ended.

Twelve spans a trace in five services; 416 bytes and ten attributes a span. Kinds of traces are made
once with the official message classes; every trace is then a copy with its own ids and texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SPANS_PER_TRACE = 12
SPAN_BYTES = 416
TRACE_MARK = bytes.fromhex("a7c5e3f19b000000")
"""The first half of every trace id; its last bytes say which round of the load it belongs to."""

_TEXT = "#unique-text-16#"
"""Stands in a template for the texts that are unique to a trace."""
_ID_BYTES = 8
_SCRAMBLE = 0x9E3779B97F4A7C15
"""Odd, so that numbers stay distinct when they are multiplied by it."""
_SPREAD_NS = 5 * 10**9
_MS = 10**6


class Ending(StrEnum):
    """How a trace goes, as the customer at its root sees it."""

    GOOD = "good"
    SLOW = "slow"
    FAILED = "failed"
    PROBE = "excluded"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a trace is about, and which definitions take which of its spans."""

    route: str
    root: str = ""
    """The transaction whose entry is the root; empty where the root is no request."""
    nested: str = ""
    """The transaction whose entry is below the root."""

    def facts(self, ending: Ending) -> Mapping[str, str]:
        """Return the outcome of each of its transactions."""
        # Only the root takes long in a slow trace.
        below = Ending.GOOD if ending is Ending.SLOW else ending
        named = ((self.root, ending), (self.nested, below))
        return {name: outcome.value for name, outcome in named if name}


_BROWSE = Kind("/api/products", "browse")
_SEARCH = Kind("/api/search", "search")
_VIEW = Kind("/api/products/{id}", "view-product")
_ADD = Kind("/api/cart/items", "add-to-cart")
_CHECKOUT = Kind("/api/checkout", "checkout", "charge")

MIXED: Sequence[Kind] = (
    _BROWSE,
    _SEARCH,
    _VIEW,
    _CHECKOUT,
    _BROWSE,
    _ADD,
    Kind("/api/cart", "view-cart"),
    _VIEW,
    Kind("", nested="ship"),
    _BROWSE,
    Kind("/api/session", "sign-in"),
    _SEARCH,
    Kind("/api/recommendations", "recommend"),
    _CHECKOUT,
    _ADD,
)
"""As a shop has them: two of fifteen hold two transactions, one has its entry below the root."""
TWO_ENTRIES: Sequence[Kind] = (_CHECKOUT,)

ENDINGS: Sequence[Ending] = (
    *[Ending.GOOD] * 16,
    Ending.SLOW,
    Ending.FAILED,
    Ending.SLOW,
    Ending.PROBE,
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a span stands in its trace."""

    service: str
    kind: Span.SpanKind.ValueType
    parent: int | None
    name: str
    begin_ms: int
    end_ms: int


_PLACES = (
    _Place("frontend", Span.SPAN_KIND_SERVER, None, "request", 0, 120),
    _Place("frontend", Span.SPAN_KIND_INTERNAL, 0, "render", 2, 20),
    _Place("frontend", Span.SPAN_KIND_CLIENT, 0, "call checkout", 20, 110),
    _Place("checkout", Span.SPAN_KIND_SERVER, 2, "handle", 22, 108),
    _Place("checkout", Span.SPAN_KIND_INTERNAL, 3, "prepare", 23, 30),
    _Place("checkout", Span.SPAN_KIND_CLIENT, 3, "call cart", 30, 50),
    _Place("cart", Span.SPAN_KIND_SERVER, 5, "read cart", 31, 48),
    _Place("checkout", Span.SPAN_KIND_CLIENT, 3, "call payment", 50, 80),
    _Place("payment", Span.SPAN_KIND_SERVER, 7, "payment", 51, 78),
    _Place("payment", Span.SPAN_KIND_INTERNAL, 8, "look up account", 53, 70),
    _Place("checkout", Span.SPAN_KIND_CLIENT, 3, "call shipping", 80, 105),
    _Place("shipping", Span.SPAN_KIND_SERVER, 10, "shipping", 82, 103),
)


class Template:
    """One kind of trace with one ending; `copy` gives traces of it."""

    def __init__(self, kind: Kind, ending: Ending, start_ns: int) -> None:
        self.facts = kind.facts(ending)
        spans = [_span(kind, ending, at, place, start_ns) for at, place in enumerate(_PLACES)]
        self._times = {
            _time(ns): ns
            for span in spans
            for ns in (span.start_time_unix_nano, span.end_time_unix_nano)
        }
        replaced = [*map(_id, range(SPANS_PER_TRACE + 1)), _TEXT.encode(), *self._times]
        cut = re.compile(b"(" + b"|".join(map(re.escape, replaced)) + b")")
        self._spans = [
            (place.service, cut.split(_encoded(span)))
            for place, span in zip(_PLACES, spans, strict=True)
        ]

    def copy(self, number: int) -> list[tuple[str, bytes]]:
        """Return the spans of trace `number`, as fields of a `ScopeSpans`, with their services."""
        unique = [
            (number * (SPANS_PER_TRACE + 1) + at + 1) * _SCRAMBLE % (1 << 64)
            for at in range(SPANS_PER_TRACE + 1)
        ]
        values = {_id(at): each.to_bytes(_ID_BYTES, "big") for at, each in enumerate(unique)}
        values[_TEXT.encode()] = f"{unique[0]:016x}".encode()
        shift_ns = unique[0] % _SPREAD_NS
        values.update({token: _time(ns + shift_ns) for token, ns in self._times.items()})
        return [
            (service, b"".join([values.get(piece, piece) for piece in pieces]))
            for service, pieces in self._spans
        ]


def field(number: int, value: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    size = len(value)
    encoded = bytearray([number << 3 | 2])
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded) + value


def _id(at: int) -> bytes:
    """Return what stands in a template for the id of a span, or of the trace after the last."""
    return bytes.fromhex("f3a95cd77e1b8d") + bytes([at])


def _time(ns: int) -> bytes:
    return ns.to_bytes(8, "little")


def _encoded(span: Span) -> bytes:
    """Return the field that holds the span, filled up to `SPAN_BYTES`."""
    filler = span.attributes.add(key="thread.name")
    filler.value.string_value = ""
    missing = SPAN_BYTES - len(field(2, span.SerializeToString()))
    filler.value.string_value = "com.example.shop.".ljust(missing, "x")[:missing]
    return field(2, span.SerializeToString())


def _span(kind: Kind, ending: Ending, at: int, place: _Place, start_ns: int) -> Span:
    is_root = place.parent is None
    failed = ending is Ending.FAILED
    stretch = 40 if ending is Ending.SLOW and is_root else 1
    return Span(
        trace_id=TRACE_MARK + _id(SPANS_PER_TRACE),
        span_id=_id(at),
        parent_span_id=b"" if place.parent is None else _id(place.parent),
        name=place.name,
        kind=Span.SPAN_KIND_INTERNAL if is_root and not kind.root else place.kind,
        start_time_unix_nano=start_ns + place.begin_ms * _MS,
        end_time_unix_nano=start_ns + place.end_ms * stretch * _MS,
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
        attributes=_attributes(kind, ending, place),
    )


def _attributes(kind: Kind, ending: Ending, place: _Place) -> list[KeyValue]:
    is_probe = ending is Ending.PROBE
    failed = ending is Ending.FAILED
    methods = {"payment": "Charge" if kind.nested == "charge" else "Check"}
    methods["shipping"] = "ShipOrder" if kind.nested == "ship" else "GetQuote"
    values: dict[str, str | int] = {
        "http.request.method": "POST",
        "http.route": kind.route if place.parent is None else f"/internal/{place.service}",
        "http.response.status_code": 500 if failed else 200,
        "url.full": f"http://shop/{place.service}?r={_TEXT}",
        "user_agent.original": "Probe/1.0" if is_probe else "Mozilla/5.0",
        "user_agent.synthetic.type": "test" if is_probe else "none",
        "session.id": _TEXT,
        "rpc.method": methods.get(place.service, "None"),
        "rpc.grpc.status_code": 14 if failed else 0,
    }
    return [
        KeyValue(
            key=key,
            value=AnyValue(int_value=value)
            if isinstance(value, int)
            else AnyValue(string_value=value),
        )
        for key, value in values.items()
    ]
