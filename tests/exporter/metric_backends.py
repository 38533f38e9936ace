"""Real OTLP metric receivers on free ports, which keep every request that they get."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

Protocol = Literal["grpc", "http/protobuf"]
_SERVICE = "opentelemetry.proto.collector.metrics.v1.MetricsService"
PROTOCOLS: tuple[Protocol, ...] = ("grpc", "http/protobuf")


@dataclass
class Backend:
    """What a receiver got. `hold` makes it wait before it answers; clear it to go on."""

    endpoint: str = ""
    requests: list[ExportMetricsServiceRequest] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.go_on.set()

    def take(self, request: ExportMetricsServiceRequest, headers: Mapping[str, str]) -> None:
        self.requests.append(request)
        self.headers.append({key.lower(): value for key, value in headers.items()})
        self.arrived.release()
        self.go_on.wait(30)


@contextmanager
def grpc_backend(port: int = 0) -> Iterator[Backend]:
    backend = Backend()

    def export(
        request: ExportMetricsServiceRequest, context: grpc.ServicerContext
    ) -> ExportMetricsServiceResponse:
        backend.take(request, {key: str(value) for key, value in context.invocation_metadata()})
        return ExportMetricsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(4))
    method = grpc.unary_unary_rpc_method_handler(
        export,
        request_deserializer=ExportMetricsServiceRequest.FromString,
        response_serializer=ExportMetricsServiceResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(_SERVICE, {"Export": method}),)
    )
    backend.endpoint = f"localhost:{server.add_insecure_port(f'localhost:{port}')}"
    server.start()
    try:
        yield backend
    finally:
        backend.go_on.set()
        server.stop(None).wait(5)


@contextmanager
def http_backend(port: int = 0) -> Iterator[Backend]:
    backend = Backend()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            backend.paths.append(self.path)
            backend.take(ExportMetricsServiceRequest.FromString(body), dict(self.headers))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - same
            """Say nothing."""

    server = ThreadingHTTPServer(("localhost", port), Handler)
    server.daemon_threads = True
    backend.endpoint = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield backend
    finally:
        backend.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def backend_for(protocol: Protocol, port: int = 0) -> Iterator[Backend]:
    opened = grpc_backend(port) if protocol == "grpc" else http_backend(port)
    with opened as backend:
        yield backend
