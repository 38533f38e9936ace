"""OTLP/JSON: its own rules, not those of proto3."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_requests import DAILY, as_otlp_json, requests

from sloengine.errors import PermanentError
from sloengine.otlp import json_to_protobuf


def read(tree: object) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(json_to_protobuf(json.dumps(tree).encode()))


def read_span(**span: Any) -> Span:
    request = read({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    return request.resource_spans[0].scope_spans[0].spans[0]


def read_value(**value: Any) -> AnyValue:
    return read_span(attributes=[{"key": "k", "value": value}]).attributes[0].value


@DAILY
@given(request=requests, upper=st.booleans())
def test_a_request_and_its_json_are_one(request: ExportTraceServiceRequest, *, upper: bool) -> None:
    found = ExportTraceServiceRequest.FromString(
        json_to_protobuf(as_otlp_json(request, upper=upper))
    )
    assert found.SerializeToString(deterministic=True) == request.SerializeToString(
        deterministic=True
    )


@DAILY
@given(requests, st.data())
def test_cut_and_changed_json_is_a_request_or_an_error_to_the_sender(
    request: ExportTraceServiceRequest, draw: st.DataObject
) -> None:
    body = bytearray(as_otlp_json(request))
    start = draw.draw(st.integers(0, len(body)))
    end = draw.draw(st.integers(start, len(body)))
    body[start:end] = draw.draw(
        st.one_of(st.binary(max_size=3), st.sampled_from([b"null", b"[]", b"{}", b"-1", b'""']))
    )
    try:
        found = json_to_protobuf(bytes(body))
    except PermanentError:
        return
    ExportTraceServiceRequest.FromString(found)


@pytest.mark.parametrize(
    "digits", ["5b8efff798038103d269b633813fc60c", "5B8EFFF798038103D269B633813FC60C"]
)
def test_ids_are_hex_in_either_case_everywhere(digits: str) -> None:
    span = read_span(
        traceId=digits,
        spanId=digits[:16],
        parentSpanId=digits[16:],
        links=[{"traceId": digits, "spanId": digits[:16]}],
    )
    expected = bytes.fromhex(digits)
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        expected,
        expected[:8],
        expected[8:],
    )
    assert (span.links[0].trace_id, span.links[0].span_id) == (expected, expected[:8])


@pytest.mark.parametrize("written", [1640000000000000001, "1640000000000000001"])
def test_64_bit_integers_are_strings_or_numbers(written: object) -> None:
    assert read_span(startTimeUnixNano=written).start_time_unix_nano == 1640000000000000001
    assert read_value(intValue=written).int_value == 1640000000000000001


def test_whole_numbers_may_have_a_point_or_an_exponent() -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":2.0,"endTimeUnixNano":1.5e9}]}]}]}'
    request = ExportTraceServiceRequest.FromString(json_to_protobuf(body))
    span = request.resource_spans[0].scope_spans[0].spans[0]
    assert (span.kind, span.end_time_unix_nano) == (2, 1_500_000_000)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (0.5, 0.5),
        (3, 3.0),
        ("0.5", 0.5),
        ("-1e3", -1000.0),
        ("NaN", math.nan),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
    ],
)
def test_doubles_are_numbers_strings_or_the_three_words(written: object, expected: float) -> None:
    found = read_value(doubleValue=written)
    assert found.WhichOneof("value") == "double_value"
    assert found.double_value == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize("written", ["3q2+7w==", "3q2-7w==", "3q2+7w", "3q2-7w"])
def test_bytes_are_base64_in_any_of_its_spellings(written: str) -> None:
    assert read_value(bytesValue=written).bytes_value == b"\xde\xad\xbe\xef"


@pytest.mark.parametrize(
    "value", [{"stringValue": ""}, {"boolValue": False}, {"intValue": 0}, {"doubleValue": 0}]
)
def test_a_value_that_equals_the_default_is_still_a_value(value: dict[str, object]) -> None:
    assert read_value(**value).WhichOneof("value") is not None


def test_an_empty_value_stays_empty() -> None:
    assert read_value().WhichOneof("value") is None
    assert read_value(stringValue=None).WhichOneof("value") is None


def test_unknown_keys_and_null_are_passed_over() -> None:
    span = read_span(
        name="charge",
        trace_id="5b8efff798038103d269b633813fc60c",
        start_time_unix_nano=7,
        somethingNew={"deep": [1, {"er": None}]},
        status=None,
        attributes=None,
        kind=None,
        Name="other",
    )
    assert span == Span(name="charge")
    assert read({"invalid": "not otlp json"}) == ExportTraceServiceRequest()


def test_fields_that_only_profiles_have_are_passed_over() -> None:
    assert read_value(stringValueStrindex=4).WhichOneof("value") is None


def test_a_kind_that_nobody_knows_yet_is_kept() -> None:
    assert read_span(kind=99).kind == 99


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ({"kind": "SPAN_KIND_SERVER"}, "kind: OTLP writes enums as integers, found the string"),
        ({"kind": "2"}, "kind: OTLP writes enums as integers, found the string '2'"),
        ({"kind": 2**31}, "kind: "),
        ({"kind": True}, "kind: expected a whole number, found a boolean"),
        ({"traceId": "xyz"}, "traceId: expected hex digits, found 'xyz'"),
        ({"traceId": "ABC"}, "traceId: expected hex digits, found 'ABC'"),
        ({"traceId": "5b 8e"}, "traceId: expected hex digits"),
        ({"traceId": "５b"}, "traceId: expected hex digits"),
        ({"traceId": 5}, "traceId: expected a string, found a number"),
        ({"name": 5}, "name: expected a string, found a number"),
        ({"name": ["a"]}, "name: expected a string, found an array"),
        ({"name": "\ud800"}, "name: "),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano: expected a whole number, found 'soon'"),
        ({"startTimeUnixNano": "1_0"}, "startTimeUnixNano: expected a whole number"),
        ({"startTimeUnixNano": " 1"}, "startTimeUnixNano: expected a whole number"),
        ({"startTimeUnixNano": 0.5}, "startTimeUnixNano: expected a whole number, found 0.5"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano: "),
        ({"startTimeUnixNano": 2**64}, "startTimeUnixNano: "),
        ({"flags": 2**32}, "flags: "),
        ({"status": {"code": "STATUS_CODE_OK"}}, "status.code: OTLP writes enums as integers"),
        ({"status": []}, "status: expected a JSON object, found an array"),
        ({"events": {}}, "events: expected a JSON array, found an object"),
        ({"events": [None]}, "events[0]: expected a JSON object, found null"),
        ({"attributes": ["a"]}, "attributes[0]: expected a JSON object, found a string"),
    ],
)
def test_a_value_of_a_wrong_type_is_named_by_its_place(
    span: dict[str, object], message: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        read_span(**span)
    assert str(caught.value).startswith(
        f"body is not valid OTLP/JSON: resourceSpans[0].scopeSpans[0].spans[0].{message}"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"doubleValue": "nan"}, "doubleValue: expected a number, found 'nan'"),
        ({"doubleValue": "1_0"}, "doubleValue: expected a number"),
        ({"doubleValue": "1e999"}, "doubleValue: not a finite number"),
        ({"doubleValue": 10**400}, "doubleValue: the number is too large"),
        ({"doubleValue": True}, "doubleValue: expected a number, found a boolean"),
        ({"boolValue": "true"}, "boolValue: expected true or false, found a string"),
        ({"boolValue": 1}, "boolValue: expected true or false, found a number"),
        ({"intValue": 2**63}, "intValue: "),
        ({"bytesValue": "a"}, "bytesValue: expected base64, found 'a'"),
        ({"bytesValue": "%%%%"}, "bytesValue: expected base64"),
        ({"intValue": 1, "stringValue": "1"}, "has both 'intValue' and 'stringValue'; give one"),
    ],
)
def test_a_wrong_attribute_value_is_named_by_its_place(
    value: dict[str, object], message: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        read_value(**value)
    assert f"attributes[0].value{'.' if ':' in message else ': '}{message}" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body is not JSON"),
        (b"{incomplete json", "body is not JSON"),
        (b"\xef\xbb\xbf{}", "body is not JSON"),
        ('{"a": "ü"}'.encode("utf-16"), "body is not UTF-8"),
        (b'{"a": NaN}', "body is not JSON: NaN is not a JSON value; write it in quotes"),
        (b"[]", "body: expected a JSON object, found an array"),
        (b"null", "body: expected a JSON object, found null"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": ' * 100_000, "nested too deep"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "body is not JSON"),
    ],
)
def test_a_body_that_is_no_json_request_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(PermanentError, match=message):
        json_to_protobuf(body)


def test_json_may_be_nested_exactly_as_deep_as_protobuf() -> None:
    def nested(levels: int) -> dict[str, object]:
        value: dict[str, object] = {"intValue": 1}
        for _ in range(levels):
            value = {"arrayValue": {"values": [value]}}
        return value

    assert read_value(**nested(47)).HasField("array_value")
    with pytest.raises(PermanentError, match="nested more than 100 messages deep"):
        read_value(**nested(48))


def test_the_place_of_a_deep_fault_is_cut() -> None:
    value: dict[str, object] = {"intValue": "x"}
    for _ in range(40):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(PermanentError) as caught:
        read_value(**value)
    assert len(str(caught.value)) < 300
