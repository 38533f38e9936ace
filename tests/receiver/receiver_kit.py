"""A recording `Ingest`, requests, and clients that say exactly what goes over the wire."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import zstandard
from google.rpc import status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sloengine.otlp import count_spans
from sloengine.receiver import (
    Accepted,
    Admission,
    GrpcReceiver,
    GrpcSettings,
    HttpReceiver,
    HttpSettings,
    Refusals,
    Request,
    serve_grpc,
    serve_http,
)
from sloengine.server import Endpoint

LOCAL = Endpoint("127.0.0.1", 0)
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class RecordingIngest:
    """Keeps what it is given; answers with `error` or `answer`; waits while `gate` is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.arrivals = threading.Semaphore(0)
        self.reset()

    def reset(self) -> None:
        self.requests: list[Request] = []
        self.payloads: list[bytes] = []
        self.error: Exception | None = None
        self.answer = Accepted()
        self.gate.set()

    def accept(self, request: Request) -> Accepted:
        self.arrivals.release()
        assert self.gate.wait(30)
        if self.error is not None:
            raise self.error
        payload = request.payload()
        count_spans(payload)
        self.requests.append(request)
        self.payloads.append(payload)
        return self.answer


@dataclass
class Served:
    """A receiver under test, and all that it was given."""

    receiver: GrpcReceiver | HttpReceiver
    ingest: RecordingIngest
    admission: Admission
    refusals: Refusals
    _before: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def reset(self) -> None:
        """Make it as if it had just started."""
        self.ingest.reset()
        self._before = self.refusals.counts()

    def refused(self) -> dict[tuple[str, str], int]:
        """Return refused requests by (transport, reason) since the last reset."""
        return dict(Counter(self.refusals.counts()) - Counter(self._before))

    @property
    def port(self) -> int:
        return self.receiver.endpoint.port


@contextmanager
def grpc_served(in_work: int = 1 << 30, **settings: Any) -> Iterator[Served]:
    ingest, admission, refusals = RecordingIngest(), Admission(in_work), Refusals()
    wanted = GrpcSettings(**{"endpoint": LOCAL, **settings})
    receiver = serve_grpc(ingest, wanted, admission=admission, refusals=refusals)
    try:
        yield Served(receiver, ingest, admission, refusals)
    finally:
        ingest.gate.set()
        receiver.stop(0)


@contextmanager
def http_served(in_work: int = 1 << 30, **settings: Any) -> Iterator[Served]:
    ingest, admission, refusals = RecordingIngest(), Admission(in_work), Refusals()
    wanted = HttpSettings(**{"endpoint": LOCAL, **settings})
    receiver = serve_http(ingest, wanted, admission=admission, refusals=refusals)
    try:
        yield Served(receiver, ingest, admission, refusals)
    finally:
        ingest.gate.set()
        receiver.stop(0)


def request(spans: int = 1, name: str = "charge") -> bytes:
    """An export request with a few spans, as protobuf bytes."""
    message = ExportTraceServiceRequest()
    scope_spans = message.resource_spans.add().scope_spans.add()
    for number in range(1, spans + 1):
        scope_spans.spans.add(
            trace_id=(77).to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name=name
        )
    return message.SerializeToString()


JSON_REQUEST = json.dumps(
    {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                "traceId": f"{77:032X}",
                                "spanId": f"{1:016x}",
                                "name": "charge",
                            }
                        ]
                    }
                ]
            }
        ]
    }
).encode()
"""The same as `request()`, as OTLP/JSON."""


@dataclass(frozen=True)
class GrpcAnswer:
    code: grpc.StatusCode
    details: str
    body: bytes
    trailers: Mapping[str, str | bytes]

    @property
    def status(self) -> status_pb2.Status:
        encoded = self.trailers["grpc-status-details-bin"]
        assert isinstance(encoded, bytes)
        return status_pb2.Status.FromString(encoded)


def grpc_export(
    target: str,
    payload: bytes,
    *,
    method: str = EXPORT,
    compression: grpc.Compression = grpc.Compression.NoCompression,
) -> GrpcAnswer:
    """Send bytes as they are, and return all of the answer, whatever it is."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(target, options=options, compression=compression) as channel:
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        call = export.future(payload, timeout=30)
        code = call.code()
        body = call.result() if code is grpc.StatusCode.OK else b""
        trailers = {str(key): value for key, value in call.trailing_metadata() or ()}
        return GrpcAnswer(code, call.details() or "", body, trailers)


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def post(
    port: int,
    body: bytes | Iterator[bytes] = b"",
    *,
    method: str = "POST",
    path: str = "/v1/traces",
    **headers: str,
) -> HttpAnswer:
    """Send one request. Keyword arguments are headers, with `_` for `-`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return HttpAnswer(response.status, response.headers, response.read())
    finally:
        connection.close()


def compressed(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.compress(body)
    if encoding == "zstd":
        return zstandard.ZstdCompressor().compress(body)
    return body
