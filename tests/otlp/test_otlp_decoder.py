"""Decoding: only what definitions ask for, with types as sent, and never a crash."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.internal import api_implementation
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status
from otlp_requests import DAILY, as_otlp_json, requests

from sloengine.errors import PermanentError
from sloengine.otlp import (
    Decoded,
    ReferenceDecoder,
    count_spans,
    distinct_trace_ids,
    json_to_protobuf,
)
from sloengine.ottl import (
    SERVICE_NAME,
    SPAN_NAME,
    ConditionTable,
    Field,
    OpaqueId,
    Value,
    parse_condition,
    parse_value,
)

STATUS = Field("span.attributes", "http.response.status_code", has_key=True)
TRACE = (7).to_bytes(16, "big")
SPAN = (8).to_bytes(8, "big")


def attribute(key: str, **value: Any) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(**value))


def request(*spans: Span, service: str = "shop") -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.append(attribute("service.name", string_value=service))
    resource_spans.scope_spans.add(spans=spans)
    return message


def span(number: int = 8, **fields: Any) -> Span:
    return Span(**{"trace_id": TRACE, "span_id": number.to_bytes(8, "big"), **fields})


def decoder(
    *fields: Field, conditions: Sequence[str] = (), captures: Sequence[str] = ()
) -> ReferenceDecoder:
    """A decoder for these fields and all that the expressions read."""
    parsed = [parse_condition(text) for text in conditions]
    values = [parse_value(text) for text in captures]
    read = [field for condition in parsed for field in condition.fields]
    read += [field for value in values for field in value.fields]
    wanted = sorted({*fields, *read})
    return ReferenceDecoder(wanted, ConditionTable(wanted, parsed), values)


def project(message: ExportTraceServiceRequest, *fields: Field) -> list[tuple[Value, ...]]:
    """The projected values of each span, in the order of `fields`."""
    ordered = sorted(fields)
    batch = (
        ReferenceDecoder(ordered, ConditionTable(ordered, []), [])
        .decode(message.SerializeToString())
        .batch
    )
    rows = [dict(zip(ordered, batch.projected(row), strict=True)) for row in range(len(batch))]
    return [tuple(row[field] for field in fields) for row in rows]


def test_the_fast_and_safe_implementation_of_protobuf_is_in_use() -> None:
    """The pure Python one has no limit on depth (CVE-2025-4565)."""
    assert api_implementation.Type() != "python"


def test_ids_kinds_and_times_become_arrays_row_by_row() -> None:
    message = request(
        span(1, kind=2, start_time_unix_nano=2**64 - 1, end_time_unix_nano=5),
        span(2, parent_span_id=(1).to_bytes(8, "big"), kind=99, trace_id=b"\xff" * 16),
        span(3, parent_span_id=bytes(8), kind=-1),
    )
    batch = decoder().decode(message.SerializeToString()).batch
    assert len(batch) == 3
    assert batch.trace_hi.tolist() == [0, 2**64 - 1, 0]
    assert batch.trace_lo.tolist() == [7, 2**64 - 1, 7]
    assert batch.span_id.tolist() == [1, 2, 3]
    assert batch.parent_id.tolist() == [0, 1, 0]
    assert batch.kind.tolist() == [2, 0, 0]
    assert batch.start_ns.tolist() == [2**64 - 1, 0, 0]
    assert batch.end_ns.tolist() == [5, 0, 0]
    assert distinct_trace_ids(batch) == [7, 2**128 - 1]
    types = {
        "trace_hi": np.uint64,
        "trace_lo": np.uint64,
        "span_id": np.uint64,
        "parent_id": np.uint64,
        "kind": np.uint8,
        "start_ns": np.uint64,
        "end_ns": np.uint64,
        "vector": np.int32,
        "capture_row": np.int32,
        "capture_expression": np.int32,
    }
    assert {name: getattr(batch, name).dtype.type for name in types} == types


def test_an_empty_request_is_an_empty_batch() -> None:
    for payload in (b"", request().SerializeToString(), memoryview(b"")):
        decoded = decoder(SPAN_NAME).decode(payload)
        assert (len(decoded.batch), decoded.rejected, decoded.message) == (0, 0, "")
        assert distinct_trace_ids(decoded.batch) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"string_value": "500"}, "500"),
        ({"int_value": 500}, 500),
        ({"double_value": 500.0}, 500.0),
        ({"bool_value": True}, True),
        ({"bytes_value": b"\x00\xff"}, b"\x00\xff"),
        ({}, None),
        ({"string_value_strindex": 3}, None),
        (
            {
                "array_value": ArrayValue(
                    values=[AnyValue(int_value=1), AnyValue(), AnyValue(string_value="1")]
                )
            },
            [1, None, "1"],
        ),
        (
            {
                "kvlist_value": KeyValueList(
                    values=[
                        attribute("a", int_value=1),
                        attribute("a", int_value=2),
                        attribute("b", array_value=ArrayValue()),
                    ]
                )
            },
            {"a": 1, "b": []},
        ),
    ],
)
def test_a_value_keeps_the_type_it_was_sent_with(value: dict[str, object], expected: Value) -> None:
    message = request(span(attributes=[attribute(STATUS.key, **value)]))
    [(found,)] = project(message, STATUS)
    assert found == expected
    assert type(found) is type(expected)


def test_of_attributes_with_one_key_the_first_counts() -> None:
    key = STATUS.key
    assert project(
        request(
            span(attributes=[attribute(key, int_value=1), attribute(key, int_value=2)]),
            span(attributes=[attribute(key), attribute(key, int_value=2)]),
        ),
        STATUS,
        Field("span.attributes"),
    ) == [(1, {key: 1}), (None, {key: None})]


def test_resource_and_scope_belong_to_their_own_spans_only() -> None:
    message = request(span(1), service="cart")
    scope_spans = message.resource_spans[0].scope_spans.add(spans=[span(2)])
    scope_spans.scope.name = "otel-js"
    scope_spans.scope.version = "1.2"
    scope_spans.scope.dropped_attributes_count = 4
    scope_spans.scope.attributes.append(attribute("team", string_value="blue"))
    bare = message.resource_spans.add(scope_spans=[ScopeSpans(spans=[span(3)])])
    bare.resource.dropped_attributes_count = 6
    found = project(
        message,
        SERVICE_NAME,
        Field("instrumentation_scope.name"),
        Field("instrumentation_scope.version"),
        Field("instrumentation_scope.attributes", "team", has_key=True),
        Field("instrumentation_scope.dropped_attributes_count"),
        Field("resource.attributes"),
        Field("resource.dropped_attributes_count"),
    )
    assert found == [
        ("cart", "", "", None, 0, {"service.name": "cart"}, 0),
        ("cart", "otel-js", "1.2", "blue", 4, {"service.name": "cart"}, 0),
        (None, "", "", None, 0, {}, 6),
    ]


def test_every_plain_field_of_a_span_can_be_asked_for() -> None:
    full = Span(
        trace_id=TRACE,
        span_id=SPAN,
        trace_state="ot=th:8",
        flags=0x300,
        name="charge",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=10,
        end_time_unix_nano=2**64 - 1,
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        status=Status(code=Status.STATUS_CODE_ERROR, message="declined"),
        events=[Span.Event(name="retry")],
        links=[Span.Link(trace_id=TRACE, span_id=SPAN)],
    )
    expected: dict[str, Value] = {
        "span.trace_id": OpaqueId(TRACE),
        "span.span_id": OpaqueId(SPAN),
        "span.parent_span_id": OpaqueId(bytes(8)),
        "span.trace_state": "ot=th:8",
        "span.flags": 0x300,
        "span.name": "charge",
        "span.kind": 2,
        "span.start_time_unix_nano": 10,
        "span.end_time_unix_nano": -1,
        "span.dropped_attributes_count": 1,
        "span.dropped_events_count": 2,
        "span.dropped_links_count": 3,
        "span.status.code": 2,
        "span.status.message": "declined",
    }
    [found] = project(request(full), *(Field(path) for path in expected))
    assert found == tuple(expected.values())
    assert {type(value) for value in found[:3]} == {OpaqueId}
    [(events, links)] = project(request(full), Field("span.events"), Field("span.links"))
    assert isinstance(events, list)
    assert isinstance(links, list)
    assert (len(events), len(links)) == (1, 1)


def test_conditions_are_decided_for_each_span_and_only_once_for_each_combination() -> None:
    wanted = sorted({STATUS, SPAN_NAME, Field("span.span_id")})
    conditions = [
        parse_condition('span.attributes["http.response.status_code"] >= 500'),
        parse_condition('span.name == "charge"'),
    ]
    table = ConditionTable(wanted, conditions)
    spans = [
        span(1, name="charge", attributes=[attribute(STATUS.key, int_value=503)]),
        span(2, name="charge", attributes=[attribute(STATUS.key, string_value="503")]),
        span(3, name="other"),
        *(span(number, name="charge") for number in range(4, 50)),
    ]
    batch = ReferenceDecoder(wanted, table, []).decode(request(*spans).SerializeToString()).batch
    assert [table.true_bits(vector) for vector in batch.vector.tolist()[:4]] == [3, 2, 0, 2]
    assert table.evaluations == 4
    assert batch.table is table


def test_captures_are_the_values_that_are_not_nil_in_order_of_row() -> None:
    message = request(
        span(1, attributes=[attribute("user.id", string_value="")]),
        span(2),
        span(3, attributes=[attribute("user.id", int_value=5), attribute("n", string_value="x")]),
    )
    batch = (
        decoder(
            captures=[
                'span.attributes["user.id"]',
                'Double(span.attributes["n"])',  # an error on the last span, which is nil
                'resource.attributes["service.name"]',
                'span.attributes["never"]',
            ]
        )
        .decode(message.SerializeToString())
        .batch
    )
    assert batch.capture_row.tolist() == [0, 0, 1, 2, 2]
    assert batch.capture_expression.tolist() == [0, 2, 2, 0, 2]
    assert batch.capture_value == ("", "shop", "shop", 5, "shop")


def test_a_decoder_refuses_expressions_that_read_what_is_not_decoded() -> None:
    with pytest.raises(ValueError, match="is read but not among the decoded fields"):
        ReferenceDecoder([], ConditionTable([], []), [parse_value('span.attributes["a"]')])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"trace_id": b""}, "trace_id ''; it must be 16 bytes, not all zero"),
        ({"trace_id": bytes(16)}, f"trace_id '{'00' * 16}'; it must be 16 bytes, not all zero"),
        ({"trace_id": bytes(15)}, f"trace_id '{'00' * 15}'; it must be 16 bytes"),
        ({"span_id": bytes(8)}, f"span_id '{'00' * 8}'; it must be 8 bytes, not all zero"),
        ({"span_id": b"\x01" * 9}, f"span_id '{'01' * 9}'; it must be 8 bytes"),
        ({"parent_span_id": b"\x01"}, "parent_span_id '01'; it must be 8 bytes, or empty"),
    ],
)
def test_a_span_with_malformed_ids_is_rejected_alone(fields: dict[str, Any], message: str) -> None:
    payload = request(span(1), span(name="bad", **fields), span(3)).SerializeToString()
    decoded = decoder().decode(payload)
    assert decoded.batch.span_id.tolist() == [1, 3]
    assert decoded.rejected == 1
    assert decoded.message.startswith(f"1 of 3 spans rejected: span 'bad' has {message}")
    assert count_spans(payload) == 3


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x0a\x05ab", "body is not a valid OTLP ExportTraceServiceRequest"),
        (b'{"resourceSpans": []}', "body is not a valid OTLP ExportTraceServiceRequest"),
        (b"\x0a\x03\x1a\x01\xff", "String field had bad UTF-8"),
    ],
)
def test_malformed_bytes_are_an_error_to_the_sender(payload: bytes, message: str) -> None:
    for read in (decoder().decode, count_spans):
        with pytest.raises(PermanentError, match=message):
            read(payload)


def nested(levels: int) -> bytes:
    root = AnyValue()
    value = root
    for _ in range(levels):
        value = value.array_value.values.add()
    return request(span(attributes=[KeyValue(key=STATUS.key, value=root)])).SerializeToString()


def test_values_may_be_nested_up_to_a_limit_and_no_further() -> None:
    found = decoder(STATUS).decode(nested(47)).batch.projected(0)
    depth = 0
    value: Value = found[0]
    while isinstance(value, list) and value:
        value = value[0]
        depth += 1
    assert depth == 47
    for levels in (48, 20_000):
        with pytest.raises(PermanentError, match="MaxDepth"):
            decoder(STATUS).decode(_nested_bytes(levels))


def _nested_bytes(levels: int) -> bytes:
    """As `nested`, for depths that the official classes will not even write."""

    def wrap(tag: int, body: bytes) -> bytes:
        size, length = b"", len(body)
        while length > 127:
            size += bytes([length & 127 | 128])
            length >>= 7
        return bytes([tag]) + size + bytes([length]) + body

    value = b""
    for _ in range(levels):
        value = wrap(0x2A, wrap(0x0A, value))
    entry = wrap(0x0A, STATUS.key.encode()) + wrap(0x12, value)
    body = wrap(0x0A, TRACE) + wrap(0x12, SPAN) + wrap(0x4A, entry)
    return wrap(0x0A, wrap(0x12, wrap(0x12, body)))


def test_the_hand_made_nesting_is_the_official_one() -> None:
    message = ExportTraceServiceRequest.FromString(_nested_bytes(5))
    message.resource_spans[0].resource.CopyFrom(
        ExportTraceServiceRequest.FromString(nested(5)).resource_spans[0].resource
    )
    assert message == ExportTraceServiceRequest.FromString(nested(5))


CAPTURES = ('span.attributes["user.id"]', 'Double(span.attributes["other"])')
CONDITIONS = (
    'span.attributes["http.response.status_code"] >= 500',
    'IsMatch(span.name, "^a")',
    'resource.attributes["service.name"] != span.attributes["http.route"]',
    "span.kind == SPAN_KIND_SERVER and span.status.code == STATUS_CODE_ERROR",
)
EVERYTHING = decoder(
    SPAN_NAME,
    Field("span.attributes"),
    Field("resource.attributes"),
    Field("instrumentation_scope.attributes"),
    Field("span.trace_state"),
    Field("span.events"),
    Field("span.links"),
    conditions=CONDITIONS,
    captures=CAPTURES,
)


def comparable(value: Value) -> object:
    """A value with its type beside it, and NaN equal to itself."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return (type(value), value)


def everything(decoded: Decoded) -> list[object]:
    batch = decoded.batch
    arrays = (batch.trace_hi, batch.trace_lo, batch.span_id, batch.parent_id, batch.kind)
    more = (batch.start_ns, batch.end_ns, batch.vector, batch.capture_row, batch.capture_expression)
    return [
        [array.tolist() for array in (*arrays, *more)],
        [comparable(value) for value in batch.capture_value],
        [[comparable(value) for value in batch.projected(row)] for row in range(len(batch))],
        decoded.rejected,
        decoded.message,
    ]


@DAILY
@given(requests)
def test_json_and_protobuf_of_one_request_decode_to_the_same(
    message: ExportTraceServiceRequest,
) -> None:
    direct = EVERYTHING.decode(message.SerializeToString())
    by_json = EVERYTHING.decode(json_to_protobuf(as_otlp_json(message)))
    assert everything(direct) == everything(by_json)


@DAILY
@given(requests)
def test_every_span_is_decoded_or_rejected(message: ExportTraceServiceRequest) -> None:
    payload = message.SerializeToString()
    decoded = EVERYTHING.decode(memoryview(payload))
    assert len(decoded.batch) + decoded.rejected == count_spans(payload)
    assert bool(decoded.message) == bool(decoded.rejected)


def decode_or_refuse(payload: bytes) -> None:
    """Decode bytes that may be damaged: every span of them, or none and an error."""
    try:
        decoded = EVERYTHING.decode(payload)
    except PermanentError:
        return
    assert len(decoded.batch) + decoded.rejected == count_spans(payload)


@DAILY
@given(requests, st.data())
def test_cut_and_changed_bytes_are_decoded_or_an_error_to_the_sender(
    message: ExportTraceServiceRequest, draw: st.DataObject
) -> None:
    payload = bytearray(message.SerializeToString())
    start = draw.draw(st.integers(0, len(payload)))
    end = draw.draw(st.integers(start, len(payload)))
    payload[start:end] = draw.draw(st.binary(max_size=4))
    decode_or_refuse(bytes(payload))


@pytest.mark.slow
@DAILY
@given(requests)
def test_a_request_cut_anywhere_or_changed_at_any_byte_is_decoded_or_an_error(
    message: ExportTraceServiceRequest,
) -> None:
    payload = message.SerializeToString()
    for place in range(len(payload)):
        decode_or_refuse(payload[:place])
        for change in (0x01, 0x80, 0xFF):
            changed = bytes([payload[place] ^ change])
            decode_or_refuse(payload[:place] + changed + payload[place + 1 :])


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_an_error_to_the_sender(payload: bytes) -> None:
    try:
        EVERYTHING.decode(payload)
    except PermanentError:
        return


FIXTURES = {
    "duckdbotlp_empty.jsonl": [],
    "duckdbotlp_whitespace.jsonl": [],
    "duckdbotlp_malformed.jsonl": [0, None, None, None],
    "duckdbotlp_multifile_malformed_traces.jsonl": [None],
    "duckdbotlp_multifile_valid_traces.jsonl": [1],
    "duckdbotlp_single_trace.jsonl": [1],
}
"""Spans in each line that is not blank; None where the line is an error to its sender."""


@pytest.mark.traces
@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_public_files_of_lines_behave_as_their_names_say(name: str, traces_folder: Path) -> None:
    found: list[int | None] = []
    for line in (traces_folder / "otlp-fixtures" / name).read_bytes().splitlines():
        if not line.strip():
            continue
        try:
            found.append(len(EVERYTHING.decode(json_to_protobuf(line)).batch))
        except PermanentError:
            found.append(None)
    assert found == FIXTURES[name]


@pytest.mark.traces
def test_public_files_of_one_request_decode_without_loss(traces_folder: Path) -> None:
    folder = traces_folder / "otlp-fixtures"
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.json"))]
    for name in ("nulls", "simple", "deep_nesting", "large_attrs"):
        bodies += (folder / f"duckdbotlp_traces_{name}.jsonl").read_bytes().splitlines()
    payloads = [json_to_protobuf(body) for body in bodies]
    payloads += [path.read_bytes() for path in (*folder.glob("*.pb"), *folder.glob("*.otlp"))]
    for payload in payloads:
        decoded = EVERYTHING.decode(payload)
        assert decoded.rejected == 0
        assert len(decoded.batch) == count_spans(payload) > 0


@pytest.mark.traces
def test_ids_in_upper_case_are_read_as_hex(traces_folder: Path) -> None:
    line = (
        traces_folder / "otlp-fixtures" / "duckdbotlp_multifile_valid_traces.jsonl"
    ).read_bytes()
    batch = EVERYTHING.decode(json_to_protobuf(line)).batch
    assert b"5B8EFFF798038103D269B633813FC60C" in line
    assert distinct_trace_ids(batch) == [0x5B8EFFF798038103D269B633813FC60C]
