"""OTLP/HTTP, by plain HTTP: what is taken, what is refused, and how the sender hears of it."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from google.protobuf import json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from receiver_kit import (
    JSON,
    JSON_REQUEST,
    PROTOBUF,
    HttpAnswer,
    RecordingIngest,
    Served,
    compressed,
    http_served,
    post,
    request,
)

from sloengine.errors import OperatorError, PermanentError, RetryError, StoreError, TooLargeError
from sloengine.receiver import (
    Accepted,
    Admission,
    CorsSettings,
    HttpSettings,
    Refusals,
    serve_http,
)
from sloengine.server import Endpoint


def status_of(answer: HttpAnswer) -> status_pb2.Status:
    """The google.rpc.Status that every refusal must carry, in the answer's own encoding."""
    if answer.headers["Content-Type"] == PROTOBUF:
        return status_pb2.Status.FromString(answer.body)
    assert answer.headers["Content-Type"] == JSON
    return json_format.Parse(answer.body, status_pb2.Status())


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    with http_served() as served:
        yield served


@pytest.fixture
def served(shared: Served) -> Served:
    """A receiver with the defaults, as if it had just started."""
    shared.reset()
    return shared


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "GZIP", "zstd"])
@pytest.mark.parametrize(
    ("content_type", "body", "answer"),
    [
        (PROTOBUF, request(), b""),
        ("Application/X-Protobuf", request(), b""),
        (JSON, JSON_REQUEST, b"{}"),
        ("application/json; charset=utf-8", JSON_REQUEST, b"{}"),
    ],
)
def test_each_form_in_each_encoding_reaches_the_engine_as_the_same_protobuf(
    served: Served, encoding: str, content_type: str, body: bytes, answer: bytes
) -> None:
    headers = {"Content_Encoding": encoding} if encoding else {}
    found = post(
        served.port,
        compressed(body, encoding.lower()),
        Content_Type=content_type,
        **headers,
    )
    assert (found.status, found.body) == (200, answer)
    assert found.headers["Content-Type"] == content_type.partition(";")[0].lower()
    assert served.ingest.payloads == [request()]
    assert served.refused() == {}
    assert served.admission.bytes_in_work == 0


@pytest.mark.parametrize(
    ("content_type", "body"), [(PROTOBUF, b""), (JSON, b"{}"), (JSON, b' {"resourceSpans": []} ')]
)
def test_an_empty_request_succeeds(served: Served, content_type: str, body: bytes) -> None:
    assert post(served.port, body, Content_Type=content_type).status == 200
    assert served.ingest.payloads == [b""]


def test_refused_spans_are_told_by_partial_success_in_the_form_of_the_request(
    served: Served,
) -> None:
    served.ingest.answer = Accepted(3, "3 of 5 spans rejected")
    protobuf = post(served.port, request(5), Content_Type=PROTOBUF)
    text = post(served.port, JSON_REQUEST, Content_Type=JSON)
    partial = ExportTraceServiceResponse.FromString(protobuf.body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (3, "3 of 5 spans rejected")
    assert json.loads(text.body) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "3 of 5 spans rejected"}
    }
    assert (protobuf.status, text.status) == (200, 200)


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("error", "http_status", "code", "retry_after", "reason"),
    [
        (RetryError("full", retry_after_s=2.5), 503, code_pb2.UNAVAILABLE, "3", "unavailable"),
        (RetryError("full", retry_after_s=0.01), 503, code_pb2.UNAVAILABLE, "1", "unavailable"),
        (PermanentError("bad"), 400, code_pb2.INVALID_ARGUMENT, None, "malformed"),
        (TooLargeError("big"), 413, code_pb2.RESOURCE_EXHAUSTED, None, "too_large"),
        (StoreError("disk"), 503, code_pb2.UNAVAILABLE, "5", "internal"),
        (ZeroDivisionError("a bug"), 503, code_pb2.UNAVAILABLE, "5", "internal"),
    ],
)
def test_only_what_could_be_taken_later_is_answered_with_a_wait(
    served: Served,
    content_type: str,
    error: Exception,
    http_status: int,
    code: int,
    retry_after: str | None,
    reason: str,
) -> None:
    body = request() if content_type == PROTOBUF else JSON_REQUEST
    served.ingest.error = error
    answer = post(served.port, body, Content_Type=content_type)
    assert answer.status == http_status
    assert answer.headers["Retry-After"] == retry_after
    assert answer.headers["Content-Type"] == content_type
    status = status_of(answer)
    assert status.code == code
    info = error_details_pb2.RetryInfo()
    assert [detail.Unpack(info) for detail in status.details] == [True] * bool(retry_after)
    assert served.refused() == {("http", reason): 1}


@pytest.mark.parametrize(
    ("content_type", "body", "part"),
    [
        (PROTOBUF, b"\x0a\xff\xff", "not a valid OTLP ExportTraceServiceRequest"),
        (JSON, b"{", "body is not JSON"),
        (JSON, b"", "body is not JSON"),
        (JSON, b"\xff", "body is not UTF-8"),
        (JSON, b'{"resourceSpans": 5}', "resourceSpans: expected a JSON array"),
    ],
)
def test_malformed_bodies_are_refused_for_good(
    served: Served, content_type: str, body: bytes, part: str
) -> None:
    answer = post(served.port, body, Content_Type=content_type)
    assert answer.status == 400
    assert part in status_of(answer).message
    assert answer.headers["Content-Type"] == content_type
    assert served.ingest.payloads == []


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_damaged_compression_is_refused_for_good(served: Served, encoding: str) -> None:
    whole = compressed(request(100), encoding)
    for body in (whole[:-1], whole + b"xyz", b"plain", b""):
        answer = post(served.port, body, Content_Type=PROTOBUF, Content_Encoding=encoding)
        assert answer.status == 400
        assert status_of(answer).code == code_pb2.INVALID_ARGUMENT
    assert served.ingest.payloads == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/grpc", "", "application/xml"])
def test_another_content_type_is_415_with_a_status_that_people_can_read(
    served: Served, content_type: str
) -> None:
    headers = {"Content_Type": content_type} if content_type else {}
    answer = post(served.port, request(), **headers)
    assert answer.status == 415
    assert answer.headers["Content-Type"] == JSON
    assert "use application/x-protobuf or application/json" in status_of(answer).message


@pytest.mark.parametrize("encoding", ["br", "deflate", "snappy", "gzip, gzip"])
def test_another_content_encoding_is_415_in_the_form_of_the_request(
    served: Served, encoding: str
) -> None:
    answer = post(served.port, request(), Content_Type=PROTOBUF, Content_Encoding=encoding)
    assert answer.status == 415
    assert answer.headers["Content-Type"] == PROTOBUF
    assert "gzip, identity, zstd" in status_of(answer).message


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_method_is_405(served: Served, method: str) -> None:
    answer = post(served.port, method=method, Content_Type=PROTOBUF)
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert "use POST /v1/traces" in status_of(answer).message


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs", "/", "/v1/traces/x"])
def test_another_path_is_404(served: Served, path: str) -> None:
    answer = post(served.port, request(), path=path, Content_Type=PROTOBUF)
    assert answer.status == 404
    assert "traces go to POST /v1/traces" in status_of(answer).message


def test_a_body_over_the_limit_is_413_before_it_is_held() -> None:
    payload = request(2000)
    with http_served(max_request_bytes=len(payload)) as served:
        assert post(served.port, payload, Content_Type=PROTOBUF).status == 200
        answer = post(served.port, payload + b"\x1a\x00", Content_Type=PROTOBUF)
        assert answer.status == 413
        assert status_of(answer).code == code_pb2.RESOURCE_EXHAUSTED
        assert answer.headers["Retry-After"] is None

        def chunks() -> Iterator[bytes]:
            yield payload
            yield b"\x1a\x00"

        chunked = post(served.port, chunks(), Content_Type=PROTOBUF)
        assert chunked.status == 413
    assert len(served.ingest.payloads) == 1
    assert served.refused() == {("http", "too_large"): 2}


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(50_000_000))),
        ("gzip", gzip.compress(bytes(60_000)) * 3),
        ("zstd", zstandard.ZstdCompressor().compress(bytes(500_000_000))),
        ("zstd", zstandard.ZstdCompressor().compress(bytes(60_000)) * 3),
    ],
    ids=["gzip", "gzip of several members", "zstd", "zstd of several frames"],
)
def test_a_body_over_the_limit_after_decompression_is_413(encoding: str, bomb: bytes) -> None:
    with http_served(max_request_bytes=150_000) as served:
        answer = post(served.port, bomb, Content_Type=PROTOBUF, Content_Encoding=encoding)
        assert served.admission.bytes_in_work == 0
    assert answer.status == 413
    assert served.ingest.payloads == []


def test_above_the_bytes_in_work_senders_are_told_to_come_back_and_later_are_taken() -> None:
    payload = request(50)
    with http_served(in_work=len(payload) + 10) as served, ThreadPoolExecutor(1) as senders:
        served.ingest.gate.clear()
        first = senders.submit(post, served.port, payload, Content_Type=PROTOBUF)
        assert served.ingest.arrivals.acquire(timeout=20)
        refused = post(served.port, payload, Content_Type=PROTOBUF)
        unfolding = post(
            served.port,
            gzip.compress(bytes(10_000_000)),
            Content_Type=PROTOBUF,
            Content_Encoding="gzip",
        )
        served.ingest.gate.set()
        assert first.result().status == 200
        assert post(served.port, payload, Content_Type=PROTOBUF).status == 200
    for answer in (refused, unfolding):
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "1"
        assert status_of(answer).code == code_pb2.UNAVAILABLE
    assert served.admission.bytes_in_work == 0
    assert served.refused() == {("http", "overloaded"): 2}


def test_many_requests_are_in_work_at_once_and_each_is_answered() -> None:
    with http_served(workers=8) as served, ThreadPoolExecutor(8) as senders:
        served.ingest.gate.clear()
        calls = [
            senders.submit(post, served.port, request(1, f"span {n}"), Content_Type=PROTOBUF)
            for n in range(8)
        ]
        for _ in range(8):
            assert served.ingest.arrivals.acquire(timeout=20)
        served.ingest.gate.set()
        assert [call.result().status for call in calls] == [200] * 8
    assert sorted(served.ingest.payloads) == sorted(request(1, f"span {n}") for n in range(8))


def test_a_body_that_never_ends_is_given_up_and_its_sender_may_come_back() -> None:
    with (
        http_served(read_timeout_s=0.2) as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=20) as sender,
    ):
        sender.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        answer = http.client.HTTPResponse(sender)
        answer.begin()
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert b"did not arrive within 0.2 s" in answer.read()
    assert served.ingest.payloads == []


def test_a_sender_that_goes_away_in_the_middle_hurts_nobody() -> None:
    with http_served() as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as sender:
            sender.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
        assert post(served.port, request(), Content_Type=PROTOBUF).status == 200
        assert served.ingest.payloads == [request()]
    assert served.admission.bytes_in_work == 0


def test_without_configured_origins_no_page_may_send(served: Served) -> None:
    answer = post(served.port, JSON_REQUEST, Content_Type=JSON, Origin="https://shop.example.com")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example.com", True),
        ("https://a.b.example.com", True),
        ("http://localhost:8080", True),
        ("https://example.com.evil.net", False),
        ("http://shop.example.com", False),
        ("https://shopXexample.com", False),
    ],
)
def test_only_configured_origins_may_send(origin: str, *, allowed: bool) -> None:
    cors = CorsSettings(
        allowed_origins=("https://*.example.com", "http://localhost:*"),
        allowed_headers=("X-Tenant",),
        max_age_s=77,
    )
    expected = origin if allowed else None
    with http_served(cors=cors) as served:
        asked = post(
            served.port,
            method="OPTIONS",
            Origin=origin,
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="content-type, x-tenant",
        )
        sent = post(served.port, JSON_REQUEST, Content_Type=JSON, Origin=origin)
        refused = post(served.port, b"{", Content_Type=JSON, Origin=origin)
    assert asked.status == (200 if allowed else 400)
    assert asked.headers["Access-Control-Allow-Origin"] == expected
    assert sent.headers["Access-Control-Allow-Origin"] == expected
    assert refused.headers["Access-Control-Allow-Origin"] == expected
    assert asked.headers["Access-Control-Max-Age"] == "77"


def test_a_port_in_use_is_one_clear_line(served: Served) -> None:
    settings = HttpSettings(endpoint=Endpoint("localhost", served.port))
    with pytest.raises(OperatorError) as caught:
        serve_http(RecordingIngest(), settings, admission=Admission(1), refusals=Refusals())
    assert str(caught.value) == (
        f"localhost:{served.port} is in use by another process; stop it, or choose another with "
        "--set receiver.protocols.http.endpoint=localhost:PORT"
    )


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_a_real_sdk_delivers_its_spans(served: Served, compression: Compression) -> None:
    exporter = OTLPSpanExporter(
        endpoint=f"http://127.0.0.1:{served.port}/v1/traces", compression=compression
    )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("shop").start_as_current_span("checkout"):
        pass
    provider.shutdown()
    received = ExportTraceServiceRequest.FromString(served.ingest.payloads[0])
    assert received.resource_spans[0].scope_spans[0].spans[0].name == "checkout"
