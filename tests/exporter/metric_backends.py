"""Real OTLP metric receivers on free ports, which keep every request that they get."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
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


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for `localhost`, which is its own authority."""

    cert_file: Path
    key_file: Path


@contextmanager
def grpc_backend(port: int = 0, tls: Certificate | None = None) -> Iterator[Backend]:
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
    if tls is None:
        port = server.add_insecure_port(f"localhost:{port}")
    else:
        # Clients must show a certificate too.
        pair = (tls.key_file.read_bytes(), tls.cert_file.read_bytes())
        credentials = grpc.ssl_server_credentials([pair], pair[1], require_client_auth=True)
        port = server.add_secure_port(f"localhost:{port}", credentials)
    backend.endpoint = f"localhost:{port}"
    server.start()
    try:
        yield backend
    finally:
        backend.go_on.set()
        server.stop(None).wait(5)


@contextmanager
def http_backend(port: int = 0, tls: Certificate | None = None) -> Iterator[Backend]:
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
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.cert_file, tls.key_file)
        context.load_verify_locations(tls.cert_file)
        context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    backend.endpoint = f"{scheme}://localhost:{server.server_address[1]}"
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
def backend_for(
    protocol: Protocol, port: int = 0, tls: Certificate | None = None
) -> Iterator[Backend]:
    opened = grpc_backend(port, tls) if protocol == "grpc" else http_backend(port, tls)
    with opened as backend:
        yield backend
