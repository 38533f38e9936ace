"""A trace saved from Jaeger becomes the OTLP that it was."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from inspection_kit import TRACE, plan_of_text
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sloengine.authoring.explain import explain_file, jaeger_to_otlp, trace_of_file
from sloengine.errors import PermanentError

TRACE_HEX = f"{TRACE:032x}"


def tag(key: str, value: object, kind: str = "string") -> dict[str, object]:
    return {"key": key, "type": kind, "value": value}


def jaeger_span(number: int, *tags: dict[str, object], **more: Any) -> dict[str, Any]:
    return {
        "traceID": TRACE_HEX,
        "spanID": f"{number:x}",
        "operationName": f"op-{number}",
        "references": [],
        "startTime": 1_764_072_000_000_000,
        "duration": 5_000_000,
        "tags": list(tags),
        "logs": [],
        "processID": "p1",
        "warnings": None,
        **more,
    }


def document(*spans: dict[str, Any], service: str = "frontend") -> dict[str, Any]:
    process = {"serviceName": service, "tags": [tag("host.name", "h1")]}
    trace = {"traceID": TRACE_HEX, "spans": list(spans), "processes": {"p1": process}}
    return {"data": [trace], "total": 0, "errors": None}


def spans_of(tree: object) -> list[Span]:
    found: list[Span] = []
    for payload in jaeger_to_otlp(tree):
        request = ExportTraceServiceRequest.FromString(payload)
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                found += scope_spans.spans
    return found


def test_ids_times_kind_status_and_parent_come_back() -> None:
    reference = {"refType": "CHILD_OF", "traceID": TRACE_HEX, "spanID": "1"}
    child = jaeger_span(
        2,
        tag("span.kind", "server"),
        tag("otel.status_code", "ERROR"),
        tag("otel.status_description", "declined"),
        tag("w3c.tracestate", "ot=th:c"),
        tag("otel.scope.name", "lib"),
        references=[reference],
    )
    root, span = spans_of(document(jaeger_span(1), child))
    assert span.trace_id.hex() == TRACE_HEX
    assert span.span_id.hex() == "0000000000000002"
    assert span.parent_span_id == root.span_id
    assert root.parent_span_id == b""
    assert span.name == "op-2"
    assert span.kind == Span.SPAN_KIND_SERVER
    assert span.start_time_unix_nano == 1_764_072_000 * 10**9
    assert span.end_time_unix_nano - span.start_time_unix_nano == 5 * 10**9
    assert span.status == Status(code=Status.STATUS_CODE_ERROR, message="declined")
    assert span.trace_state == "ot=th:c"
    assert list(span.attributes) == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([tag("error", True, "bool")], Status.STATUS_CODE_ERROR),
        ([tag("error", "true")], Status.STATUS_CODE_ERROR),
        ([tag("error", False, "bool")], Status.STATUS_CODE_UNSET),
        ([tag("otel.status_code", "OK"), tag("error", True, "bool")], Status.STATUS_CODE_OK),
        ([], Status.STATUS_CODE_UNSET),
    ],
)
def test_an_error_tag_is_an_error_unless_the_status_says_otherwise(
    tags: list[dict[str, object]], code: int
) -> None:
    (span,) = spans_of(document(jaeger_span(1, *tags)))
    assert span.status.code == code


def test_the_types_of_tags_stay() -> None:
    (span,) = spans_of(
        document(
            jaeger_span(
                1,
                tag("text", "503"),
                tag("number", 503, "int64"),
                tag("real", 0.5, "float64"),
                tag("flag", True, "bool"),
                tag("raw", "AAE=", "binary"),
            )
        )
    )
    values = {item.key: item.value for item in span.attributes}
    assert values["text"].string_value == "503"
    assert values["number"].int_value == 503
    assert values["real"].double_value == 0.5
    assert values["flag"].bool_value is True
    assert values["raw"].bytes_value == b"\x00\x01"


def test_the_first_child_of_the_same_trace_is_the_parent_and_others_are_links() -> None:
    references = [
        {"refType": "FOLLOWS_FROM", "traceID": TRACE_HEX, "spanID": "9"},
        {"refType": "CHILD_OF", "traceID": "abc", "spanID": "8"},
        {"refType": "CHILD_OF", "traceID": TRACE_HEX, "spanID": "7"},
    ]
    (span,) = spans_of(document(jaeger_span(1, references=references)))
    assert span.parent_span_id.hex() == "0000000000000007"
    assert {link.span_id[-1] for link in span.links} == {8, 9}


def test_a_jaeger_file_is_explained_like_any_other(tmp_path: Path) -> None:
    plan_of_text(tmp_path / "definitions")
    entry = jaeger_span(
        1,
        tag("http.route", "/api/checkout"),
        tag("user.id", "ann"),
        tag("otel.status_code", "ERROR"),
    )
    file = tmp_path / "saved.json"
    file.write_text(json.dumps(document(entry), indent=2), encoding="utf-8")
    explanation = explain_file(file, tmp_path / "definitions")
    (item,) = explanation.transactions
    assert (item.transaction, item.outcome, item.reason) == ("checkout", "failed", "error")
    zipped = tmp_path / "saved.json.gz"
    zipped.write_bytes(gzip.compress(file.read_bytes()))
    assert trace_of_file(zipped).payloads == trace_of_file(file).payloads


def test_a_broken_span_is_named() -> None:
    with pytest.raises(PermanentError, match=r"spans\[1\] is not a span as Jaeger writes it"):
        jaeger_to_otlp(document(jaeger_span(1), jaeger_span(2, spanID="not hex")))


def test_otlp_json_is_not_taken_for_jaeger(tmp_path: Path) -> None:
    file = tmp_path / "otlp.json"
    file.write_text('{"resourceSpans": [{"traceID": "decoy"}]}', encoding="utf-8")
    with pytest.raises(PermanentError, match="holds no trace"):
        trace_of_file(file)
