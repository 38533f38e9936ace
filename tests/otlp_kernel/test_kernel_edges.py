"""Next to every edge of a message: all that is one byte, or one too many, away from a request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernel_twins import (
    CAPTURES,
    UNUSUAL,
    USUAL,
    assert_equal,
    fields_of,
    outcome,
    plan,
    varint,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

pytestmark = pytest.mark.usefixtures("compiled_kernels")

_VALUES = (
    ("http.route", AnyValue(string_value="/é/€/𝄞/a")),
    ("other", AnyValue(bytes_value=b"\xff\xc0")),
    ("unread", AnyValue(string_value="ab")),
    ("http.response.status_code", AnyValue(int_value=-1)),
    ("of-a-longer-key", AnyValue(double_value=0.5)),
    ("user.id", AnyValue(string_value="longer than eight bytes")),
    ("flag", AnyValue(bool_value=True)),
    ("list", AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="é")]))),
    (
        "map",
        AnyValue(
            kvlist_value=KeyValueList(values=[KeyValue(key="k", value=AnyValue(int_value=300))])
        ),
    ),
)


def _request() -> bytes:
    """Return a request that has a field of every wire type, and text of every length of UTF-8."""
    message = ExportTraceServiceRequest()
    above = message.resource_spans.add(schema_url="s")
    above.resource.attributes.add(key="service.name").value.string_value = "shop"
    within = above.scope_spans.add()
    within.scope.name = "scopé"
    within.spans.add(
        trace_id=bytes(15) + b"\1",
        span_id=bytes(7) + b"\1",
        parent_span_id=bytes(7) + b"\2",
        trace_state="a=b",
        flags=257,
        name="GET é",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1,
        end_time_unix_nano=1 << 62,
        attributes=[KeyValue(key=key, value=value) for key, value in _VALUES],
        events=[Span.Event(name="e", time_unix_nano=5)],
        links=[Span.Link(trace_id=bytes(16), span_id=bytes(8))],
        dropped_events_count=200,
        status=Status(code=Status.STATUS_CODE_ERROR, message="ü"),
    )
    within.spans.add(trace_id=bytes(15) + b"\2", span_id=bytes(7) + b"\3", name="next")
    return message.SerializeToString()


def _neighbours(payload: bytes) -> Iterator[bytes]:
    """Every payload that is one truncation, one byte more, less, or other away."""
    for at in range(len(payload) + 1):
        head, tail = payload[:at], payload[at:]
        yield head
        yield head + b"\0" + tail
        yield head + b"\x80" + tail
        if not tail:
            continue
        yield head + tail[1:]
        octet = tail[0]
        for other in {octet + 1 & 255, octet - 1 & 255, octet ^ 0x80, 255} - {octet}:
            yield head + bytes([other]) + tail[1:]


def test_no_neighbour_of_a_request_makes_a_difference() -> None:
    kernel, reference = plan((*USUAL, *UNUSUAL), CAPTURES[:4])
    payload = _request()
    verdicts = set()
    for neighbour in {payload, *_neighbours(payload)}:
        found = outcome(kernel, neighbour)
        assert_equal(found, outcome(reference, neighbour))
        verdicts.add(isinstance(found, str))
    assert verdicts == {True, False}


def _enclosed(span: bytes) -> bytes:
    """Return a request of a span's bytes, with lengths that fit."""
    scope_spans = b"\x12" + _sized(span)
    resource_spans = b"\x12" + _sized(scope_spans)
    return b"\x0a" + _sized(resource_spans)


def _sized(data: bytes) -> bytes:
    return varint(len(data)) + data


def test_a_span_may_end_in_any_field_and_nowhere_else() -> None:
    """Lengths all around fit: only the span itself tells that its last field is cut short."""
    kernel, reference = plan((*USUAL, *UNUSUAL), CAPTURES[:4])
    message = ExportTraceServiceRequest.FromString(_request())
    fields = fields_of(message.resource_spans[0].scope_spans[0].spans[0].SerializeToString())
    accepted = refused = 0
    for number in range(len(fields)):
        turned = fields[number + 1 :] + fields[: number + 1]
        before, last = b"".join(turned[:-1]), turned[-1]
        for size in range(len(last) + 1):
            payload = _enclosed(before + last[:size])
            found = outcome(kernel, payload)
            assert_equal(found, outcome(reference, payload))
            accepted += not isinstance(found, str)
            refused += isinstance(found, str)
    assert accepted >= 2 * len(fields)
    assert refused > accepted


@pytest.mark.parametrize("last", [0, 1, 2, 0x7F])
def test_a_number_has_ten_bytes_at_most(last: int) -> None:
    kernel, reference = plan((*USUAL, *UNUSUAL), ())
    ids = b"\x0a\x10" + bytes(15) + b"\1" + b"\x12\x08" + bytes(7) + b"\1"
    kind, dropped_attributes, dropped_events, status = b"\x30", b"\x50", b"\x60", b"\x18"
    for size in range(1, 13):
        number = b"\x80" * (size - 1) + bytes([last])
        of_status = status + number
        for field in (
            kind + number,
            dropped_attributes + number,
            dropped_events + number,
            b"\x7a" + bytes([len(of_status)]) + of_status,
        ):
            payload = _enclosed(ids + field + b"\x2a\x01n")
            found = outcome(kernel, payload)
            assert_equal(found, outcome(reference, payload))
            assert isinstance(found, str) == (size > 10)


def test_two_values_in_one_attribute_are_one_value_of_both() -> None:
    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    def listing(*numbers: int) -> bytes:
        values = [AnyValue(int_value=number) for number in numbers]
        return AnyValue(array_value=ArrayValue(values=values)).SerializeToString()

    kernel, reference = plan(
        ['Len(span.attributes["k"]) == 2', 'Len(span.attributes["k"]) == 1'],
        ['span.attributes["k"]'],
    )
    ids = Span(trace_id=b"t" * 16, span_id=b"s" * 8).SerializeToString()
    for values in ((listing(1),), (listing(1), listing(2)), (listing(1), listing(2, 3))):
        attribute = field(1, b"k") + b"".join(field(2, value) for value in values)
        span = ids + field(9, attribute)
        payload = field(1, field(2, field(2, span) + field(2, span)))
        assert_equal(outcome(kernel, payload), outcome(reference, payload))


_SCOPES = (
    InstrumentationScope(name="a"),
    InstrumentationScope(version="c"),
    InstrumentationScope(dropped_attributes_count=1),
    InstrumentationScope(attributes=[KeyValue(key="other", value=AnyValue(bool_value=True))]),
)


@pytest.mark.parametrize("scope", _SCOPES, ids=["name", "version", "dropped", "attribute"])
@pytest.mark.parametrize("is_new_resource", [False, True])
def test_a_scope_is_that_of_its_own_group_alone(
    scope: InstrumentationScope, *, is_new_resource: bool
) -> None:
    kernel, reference = plan(
        (
            'instrumentation_scope.name == "a"',
            'instrumentation_scope.version == "c"',
            "instrumentation_scope.dropped_attributes_count == 1",
            'instrumentation_scope.attributes["other"] == true',
        ),
        (),
    )
    message = ExportTraceServiceRequest()
    above = message.resource_spans.add()
    for number, given in enumerate((None, scope, None), 1):
        if is_new_resource:
            above = message.resource_spans.add()
        within = above.scope_spans.add(scope=given)
        within.spans.add(trace_id=number.to_bytes(16), span_id=number.to_bytes(8), name="n")
    payload = message.SerializeToString()
    found = outcome(kernel, payload)
    assert_equal(found, outcome(reference, payload))
    assert not isinstance(found, str)
    first, own, last = found.batch.vector.tolist()
    assert first == last != own
