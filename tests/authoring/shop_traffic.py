"""The demo shop's traffic as a file, for tests that read traces."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from sloengine.clock import SystemClock
from sloengine.demo import DemoResult, run_demo


class _Recorder(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the bytes of every request."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._lock = Lock()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802  # the service's own
        with self._lock:
            self.requests.append(request.SerializeToString())
        return trace_service_pb2.ExportTraceServiceResponse()


def record_shop(file: Path, *, traces: int) -> DemoResult:
    """Write so many of the shop's traces, as binary requests behind their lengths."""
    recorder = _Recorder()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(recorder, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        result = run_demo(f"127.0.0.1:{port}", clock=SystemClock(), traces=traces)
    finally:
        server.stop(None).wait()
    with file.open("wb") as out:
        for request in recorder.requests:
            out.write(struct.pack(">I", len(request)) + request)
    return result
