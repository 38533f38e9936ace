"""OTLP/gRPC, by a real client: what is taken, what is refused, and how the sender hears of it."""

from __future__ import annotations

import gzip
import random
import shutil
import stat
import subprocess
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from receiver_kit import (
    EXPORT,
    GrpcAnswer,
    RecordingIngest,
    Served,
    grpc_export,
    grpc_served,
    request,
)

from sloengine.errors import (
    OperatorError,
    PermanentError,
    RetryError,
    StoreError,
    TooLargeError,
)
from sloengine.receiver import Accepted, Admission, GrpcSettings, Refusals, Request, serve_grpc
from sloengine.server import Endpoint, TlsSettings
from sloengine.spool import Encoding


def export(served: Served, payload: bytes, **options: object) -> GrpcAnswer:
    return grpc_export(f"127.0.0.1:{served.port}", payload, **options)  # type: ignore[arg-type]


def retry_delay_s(answer: GrpcAnswer) -> float | None:
    """The wait that both kinds of clients see; they must see the same."""
    found = []
    for detail in answer.status.details:
        info = error_details_pb2.RetryInfo()
        assert detail.Unpack(info)
        found.append(info)
    plain = answer.trailers.get("google.rpc.retryinfo-bin")
    if isinstance(plain, bytes):
        assert [error_details_pb2.RetryInfo.FromString(plain)] == found
        return float(found[0].retry_delay.ToMilliseconds() / 1000)
    assert found == []
    return None


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_engine_gets_the_bytes_that_the_sender_serialized(
    compression: grpc.Compression,
) -> None:
    payload = request(100)
    with grpc_served() as served:
        answer = export(served, payload, compression=compression)
    assert answer.code is grpc.StatusCode.OK
    assert answer.body == b""
    assert served.ingest.payloads == [payload]
    assert served.refused() == {}


def test_an_empty_request_succeeds() -> None:
    with grpc_served() as served:
        assert export(served, b"").code is grpc.StatusCode.OK


def test_refused_spans_are_told_by_partial_success() -> None:
    with grpc_served() as served:
        served.ingest.answer = Accepted(3, "3 of 5 spans rejected")
        answer = export(served, request(5))
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (3, "3 of 5 spans rejected")


@pytest.mark.parametrize(
    ("error", "code", "delay_s", "reason"),
    [
        (RetryError("full", retry_after_s=2.5), grpc.StatusCode.UNAVAILABLE, 2.5, "unavailable"),
        (PermanentError("bad"), grpc.StatusCode.INVALID_ARGUMENT, None, "malformed"),
        (TooLargeError("big"), grpc.StatusCode.RESOURCE_EXHAUSTED, None, "too_large"),
        (StoreError("disk"), grpc.StatusCode.UNAVAILABLE, 5.0, "internal"),
        (ZeroDivisionError("a bug"), grpc.StatusCode.UNAVAILABLE, 5.0, "internal"),
    ],
)
def test_only_what_could_be_taken_later_is_answered_with_a_wait(
    error: Exception, code: grpc.StatusCode, delay_s: float | None, reason: str
) -> None:
    with grpc_served() as served:
        served.ingest.error = error
        answer = export(served, request())
    assert answer.code is code
    assert retry_delay_s(answer) == delay_s
    assert answer.status.code == code.value[0]
    assert answer.status.message == answer.details
    assert served.refused() == {("grpc", reason): 1}


def test_an_unexpected_error_is_logged_and_its_text_stays_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with grpc_served() as served:
        served.ingest.error = KeyError("secret")
        answer = export(served, request())
    assert "secret" not in answer.details
    assert "secret" in caplog.text


def test_a_long_message_with_any_characters_reaches_the_sender_cut() -> None:
    with grpc_served() as served:
        served.ingest.error = PermanentError("\N{PILE OF POO}" * 100_000)
        answer = export(served, request())
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.status.message == "\N{PILE OF POO}" * 1024


def test_malformed_bytes_are_refused_for_good() -> None:
    with grpc_served() as served:
        answer = export(served, b"\x0a\xff\xff\xff\xff")
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "not a valid OTLP ExportTraceServiceRequest" in answer.details
    assert retry_delay_s(answer) is None


def test_what_the_sender_compressed_is_handed_on_as_it_came() -> None:
    payload = request(100)
    with grpc_served() as served:
        export(served, payload, compression=grpc.Compression.Gzip)
        export(served, payload)
    compressed, plain = served.ingest.requests
    assert (plain.encoding, plain.stored) == (Encoding.IDENTITY, payload)
    assert compressed.encoding is Encoding.GZIP
    assert gzip.decompress(compressed.stored) == payload


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_request_over_the_limit_after_decompression_is_refused_for_good(
    compression: grpc.Compression,
) -> None:
    with grpc_served(max_request_bytes=100_000) as served:
        answer = export(served, bytes(30_000_000), compression=compression)
        assert served.ingest.payloads == []
        assert export(served, request()).code is grpc.StatusCode.OK
    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in answer.trailers
    counted = {("grpc", "too_large"): 1}
    assert served.refused() == (counted if compression is grpc.Compression.Gzip else {})


def test_a_request_over_the_limit_as_it_comes_is_refused_whatever_it_unfolds_to() -> None:
    noise = random.Random(1).randbytes(200_000)
    with grpc_served(max_request_bytes=100_000) as served:
        answer = export(served, noise, compression=grpc.Compression.Gzip)
    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert served.refused() == {}


def test_a_bomb_is_stopped_before_it_has_unfolded() -> None:
    bomb = gzip.compress(bytes(200 << 20), 1)
    with grpc_served(max_request_bytes=1 << 20) as served:
        tracemalloc.start()
        try:
            answer = export(served, bomb)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert peak < 10 << 20


def test_damaged_gzip_is_refused_for_good() -> None:
    with grpc_served() as served:
        answer = export(served, gzip.compress(request(10))[:-5])
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "gzip body ends in the middle" in answer.details
    assert served.refused() == {("grpc", "malformed"): 1}


def test_deflate_is_refused_and_the_sender_is_told_what_would_be_taken() -> None:
    with grpc_served() as served:
        answer = export(served, request(100), compression=grpc.Compression.Deflate)
        assert served.ingest.payloads == []
    assert answer.code is grpc.StatusCode.UNIMPLEMENTED
    assert "deflate" in answer.details


def test_what_a_request_unfolds_to_is_in_work_before_it_is_made() -> None:
    admission = Admission(1 << 20)
    body = gzip.compress(bytes(1 << 20))
    with admission.reservation() as other, admission.reservation() as own:
        inflating = Request(body, Encoding.GZIP, None, own.grow)
        other.grow(1)
        with pytest.raises(RetryError, match="in work"):
            inflating.payload()
        assert admission.bytes_in_work == 1


def test_a_request_of_exactly_the_limit_is_taken() -> None:
    payload = request(2000)
    with grpc_served(max_request_bytes=len(payload)) as served:
        assert export(served, payload).code is grpc.StatusCode.OK
        assert export(served, payload + b"\x1a\x00").code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    "method",
    [
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
        "/TraceService/Export",
    ],
)
def test_other_signals_and_methods_are_unimplemented(method: str) -> None:
    with grpc_served() as served:
        answer = export(served, b"", method=method)
    assert answer.code is grpc.StatusCode.UNIMPLEMENTED
    assert ("traces only" in answer.details) == (".v1" in method and "trace.v1" not in method)


def test_many_exports_are_in_work_at_once_and_each_is_answered() -> None:
    with grpc_served(workers=8) as served, ThreadPoolExecutor(8) as senders:
        served.ingest.gate.clear()
        calls = [senders.submit(export, served, request(1, f"span {n}")) for n in range(8)]
        for _ in range(8):
            assert served.ingest.arrivals.acquire(timeout=20)
        served.ingest.gate.set()
        assert {call.result().code for call in calls} == {grpc.StatusCode.OK}
    names = {
        ExportTraceServiceRequest.FromString(payload).resource_spans[0].scope_spans[0].spans[0].name
        for payload in served.ingest.payloads
    }
    assert names == {f"span {n}" for n in range(8)}
    assert served.admission.bytes_in_work == 0


def test_above_the_bytes_in_work_senders_are_told_to_come_back_and_later_are_taken() -> None:
    payload = request(50)
    with (
        grpc_served(in_work=len(payload) + 10) as served,
        ThreadPoolExecutor(1) as senders,
    ):
        served.ingest.gate.clear()
        first = senders.submit(export, served, payload)
        assert served.ingest.arrivals.acquire(timeout=20)
        refused = export(served, payload)
        served.ingest.gate.set()
        assert first.result().code is grpc.StatusCode.OK
        assert export(served, payload).code is grpc.StatusCode.OK
    assert refused.code is grpc.StatusCode.UNAVAILABLE
    assert retry_delay_s(refused) == 1.0
    assert served.refused() == {("grpc", "overloaded"): 1}


def test_a_port_in_use_is_refused_even_by_a_second_server_of_the_same_kind() -> None:
    with grpc_served() as served:
        settings = GrpcSettings(endpoint=Endpoint("localhost", served.port))
        with pytest.raises(OperatorError) as caught:
            serve_grpc(RecordingIngest(), settings, admission=Admission(1), refusals=Refusals())
    assert str(caught.value) == (
        f"localhost:{served.port} is in use by another process; stop it, or choose another with "
        "--set receiver.protocols.grpc.endpoint=localhost:PORT"
    )


def test_over_a_unix_socket_only_the_owner_is_served(tmp_path: Path) -> None:
    path = tmp_path / "otlp.sock"
    with grpc_served(endpoint=Endpoint(path=path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert grpc_export(f"unix:{path}", request()).code is grpc.StatusCode.OK
    assert not path.exists()


def test_a_stop_lets_requests_in_work_be_answered() -> None:
    with grpc_served() as served, ThreadPoolExecutor(2) as others:
        served.ingest.gate.clear()
        call = others.submit(export, served, request())
        assert served.ingest.arrivals.acquire(timeout=20)
        stopping = others.submit(served.receiver.stop, 20)
        served.ingest.gate.set()
        assert call.result().code is grpc.StatusCode.OK
        stopping.result(timeout=20)
        assert export(served, request()).code is grpc.StatusCode.UNAVAILABLE


def sdk(exporter: OTLPSpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_real_sdk_delivers_its_spans(compression: grpc.Compression) -> None:
    with grpc_served() as served:
        exporter = OTLPSpanExporter(
            endpoint=f"127.0.0.1:{served.port}", insecure=True, compression=compression
        )
        provider = sdk(exporter)
        with provider.get_tracer("shop").start_as_current_span("checkout") as span:
            span.set_attribute("http.route", "/api/checkout")
        provider.shutdown()
    received = ExportTraceServiceRequest.FromString(served.ingest.payloads[0])
    assert received.resource_spans[0].scope_spans[0].spans[0].name == "checkout"


def test_a_real_sdk_waits_as_told_and_loses_nothing() -> None:
    with grpc_served() as served:
        served.ingest.error = RetryError("busy", retry_after_s=0.05)
        exporter = OTLPSpanExporter(endpoint=f"127.0.0.1:{served.port}", insecure=True)
        provider = sdk(exporter)
        with ThreadPoolExecutor(1) as sender:
            span = provider.get_tracer("shop").start_span("checkout")
            ended = sender.submit(span.end)
            assert served.ingest.arrivals.acquire(timeout=20)
            assert served.ingest.arrivals.acquire(timeout=20)
            served.ingest.error = None
            ended.result(timeout=20)
        provider.shutdown()
    assert len(served.ingest.payloads) == 1


def test_with_tls_and_a_client_ca_only_clients_with_a_certificate_are_served(
    tmp_path: Path,
) -> None:
    def certificate(name: str) -> TlsSettings:
        files = TlsSettings(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            f"-subj /CN={name} -addext subjectAltName=DNS:localhost "
            f"-keyout {files.key_file} -out {files.cert_file}"
        )
        subprocess.run(command.split(), check=True, capture_output=True)
        return files

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; install it to run this test")
    server, client = certificate("server"), certificate("client")
    tls = TlsSettings(server.cert_file, server.key_file, client_ca_file=client.cert_file)
    roots = server.cert_file.read_bytes()
    known = grpc.ssl_channel_credentials(
        roots, client.key_file.read_bytes(), client.cert_file.read_bytes()
    )
    with grpc_served(tls=tls) as served:
        codes = []
        for credentials in (known, grpc.ssl_channel_credentials(roots)):
            with grpc.secure_channel(f"localhost:{served.port}", credentials) as channel:
                export_call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                    EXPORT
                )
                codes.append(export_call.future(request(), timeout=20).code())
    assert codes == [grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE]
    assert served.ingest.payloads == [request()]
