"""What stands around the engine here: a real Collector, a tracing backend, applications."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import yaml
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

CONFIGS = Path(__file__).resolve().parents[2] / "otel-config"
WAIT_S = 60.0
_TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"

# The Collector's own metrics would want one more fixed port.
_QUIET = "yaml:service::telemetry::metrics::level: none"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all are held until all are known."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
    """Ask again and again; processes outside this one have no other way to tell."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        pause.wait(0.1)


def http_get(port: int, path: str) -> str | None:
    """The body of an answer of 200; `None` for any other answer, and while nobody listens."""
    connection = http.client.HTTPConnection("localhost", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


@dataclass
class Process:
    """A program under test, its output in a file."""

    command: Sequence[str]
    log: Path
    health_port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._running = subprocess.Popen(
                self.command,
                env=os.environ | dict(self.environment),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._is_up, f"{self.command[0]} answers on its health port")

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns its exit code. Does nothing where it is not running."""
        if self._running is None:
            return 0
        self._running.send_signal(with_signal)
        code = self._running.wait(WAIT_S)
        self._running = None
        return code

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _is_up(self) -> bool:
        assert self._running is not None
        if self._running.poll() is not None:
            raise AssertionError(f"{self.command[0]} ended at once:\n{self.output()}")
        return http_get(self.health_port, "/") is not None


class Gateway(Process):
    """The real Collector, running `otel-config/gateway.yaml` as it is shipped."""

    def __init__(self, program: Path, folder: Path, *, backend: str, sloengine: str) -> None:
        grpc_port, http_port, health_port, self.prometheus_port = free_ports(4)
        self.otlp = f"localhost:{grpc_port}"
        super().__init__(
            [str(program), "--config", str(CONFIGS / "gateway.yaml"), "--config", _QUIET],
            folder / "otelcol.log",
            health_port,
            {
                "OTELCOL_GRPC_ENDPOINT": self.otlp,
                "OTELCOL_HTTP_ENDPOINT": f"localhost:{http_port}",
                "OTELCOL_HEALTH_ENDPOINT": f"localhost:{health_port}",
                "OTELCOL_PROMETHEUS_ENDPOINT": f"localhost:{self.prometheus_port}",
                "OTELCOL_QUEUE_DIRECTORY": str(folder / "queue"),
                "BACKEND_ENDPOINT": backend,
                "SLOENGINE_ENDPOINT": sloengine,
            },
        )

    def prometheus(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample of the Prometheus exporter, by name and labels."""
        return parse_prometheus(http_get(self.prometheus_port, "/metrics") or "")


class Agent(Process):
    """The real Collector, running `otel-config/agent.yaml` in front of a fixed list of gateways."""

    def __init__(self, program: Path, folder: Path, *, gateways: Sequence[str]) -> None:
        grpc_port, http_port, health_port = free_ports(3)
        self.otlp = f"localhost:{grpc_port}"
        config = yaml.safe_load((CONFIGS / "agent.yaml").read_text(encoding="utf-8"))
        # Two local gateways differ in their ports, and `dns` has one port for all.
        config["exporters"]["load_balancing"]["resolver"] = {
            "static": {"hostnames": list(gateways)}
        }
        written = folder / "agent.json"
        written.write_text(json.dumps(config), encoding="utf-8")
        super().__init__(
            [str(program), "--config", str(written), "--config", _QUIET],
            folder / "agent.log",
            health_port,
            {
                "OTELCOL_GRPC_ENDPOINT": self.otlp,
                "OTELCOL_HTTP_ENDPOINT": f"localhost:{http_port}",
                "OTELCOL_HEALTH_ENDPOINT": f"localhost:{health_port}",
                "OTELCOL_QUEUE_DIRECTORY": str(folder / "agent-queue"),
            },
        )


class Engine(Process):
    """`sloengine serve`, as an operator starts it, with short waits."""

    def __init__(self, folder: Path, *, otlp: str, metrics_to: str, definitions: str) -> None:
        http_port, health_port = free_ports(2)
        written = folder / "slo-definitions"
        written.mkdir()
        (written / "shop.yaml").write_text(definitions, encoding="utf-8")
        config = {
            "receiver": {
                "protocols": {
                    "grpc": {"endpoint": otlp},
                    "http": {"endpoint": f"localhost:{http_port}"},
                }
            },
            "definitions": {"path": str(written)},
            "store": {"directory": str(folder / "store")},
            "processor": {"idle_wait": "300ms"},
            "evaluate": {"interval": "500ms"},
            "exporter": {"otlp": {"endpoint": metrics_to, "protocol": "grpc"}},
            "extensions": {"health_check": {"endpoint": f"localhost:{health_port}"}},
        }
        config_file = folder / "sloengine.yaml"
        config_file.write_text(yaml.safe_dump(config), encoding="utf-8")
        program = Path(sys.executable).with_name("sloengine")
        super().__init__(
            [str(program), "serve", "--config", str(config_file)],
            folder / "sloengine.log",
            health_port,
        )


_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def parse_prometheus(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Samples of the text format; escapes in label values are left as they are."""
    samples = {}
    for line in text.splitlines():
        match = None if line.startswith("#") else _SAMPLE.fullmatch(line)
        if match:
            labels = frozenset(_LABEL.findall(match["labels"] or ""))
            samples[match["name"], labels] = float(match["value"])
    return samples


def values_by(
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float], name: str, label: str
) -> dict[str, float]:
    """The samples of one name, by one label; two with one value of it are added up."""
    found: dict[str, float] = {}
    for (sample, labels), value in samples.items():
        if sample == name:
            key = dict(labels).get(label, "")
            found[key] = found.get(key, 0) + value
    return found


@dataclass
class TraceBackend:
    """The (trace id, span id) of all that arrived, each as often as it arrived."""

    endpoint: str = ""
    spans: list[tuple[bytes, bytes]] = field(default_factory=list)


@contextmanager
def trace_backend(port: int = 0) -> Iterator[TraceBackend]:
    """A real OTLP/gRPC trace receiver, as a tracing backend is one."""
    backend = TraceBackend()

    def export(
        request: ExportTraceServiceRequest, _: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        backend.spans.extend(
            (span.trace_id, span.span_id)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        )
        return ExportTraceServiceResponse()

    method = grpc.unary_unary_rpc_method_handler(
        export,
        request_deserializer=ExportTraceServiceRequest.FromString,
        response_serializer=ExportTraceServiceResponse.SerializeToString,
    )
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(_TRACE_SERVICE, {"Export": method}),)
    )
    backend.endpoint = f"localhost:{server.add_insecure_port(f'localhost:{port}')}"
    server.start()
    try:
        yield backend
    finally:
        server.stop(None).wait(5)


class _Acknowledged(SpanExporter):
    """The official exporter; every span must be acknowledged, and its id is remembered."""

    def __init__(self, endpoint: str, sent: list[tuple[bytes, bytes]]) -> None:
        self._inner = OTLPSpanExporter(endpoint=endpoint, insecure=True)
        self._sent = sent

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            for span in spans:
                assert span.context is not None
                trace_id = span.context.trace_id.to_bytes(16, "big")
                self._sent.append((trace_id, span.context.span_id.to_bytes(8, "big")))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class Shop:
    """Two instrumented services, `frontend` and `payment`, on the OpenTelemetry SDK.

    `order` makes one trace of three spans: the frontend's SERVER span with the payment call below
    it, which takes `duration_s` and, if `fails`, ends in ERROR on both sides. `bot` marks it as
    synthetic.
    """

    def __init__(self, endpoint: str) -> None:
        self.sent: list[tuple[bytes, bytes]] = []
        self.orders = 0
        self._providers = {
            name: TracerProvider(resource=Resource({"service.name": name}), shutdown_on_exit=False)
            for name in ("frontend", "payment")
        }
        for provider in self._providers.values():
            exporter = _Acknowledged(endpoint, self.sent)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._frontend = self._providers["frontend"].get_tracer("shop")
        self._payment = self._providers["payment"].get_tracer("shop")

    def order(self, *, duration_s: float = 0.1, fails: bool = False, bot: bool = False) -> None:
        start = time.time_ns() - int(duration_s * 1e9)
        end = start + int(duration_s * 1e9)
        attributes = {"http.route": "/api/checkout"}
        if bot:
            attributes["user_agent.synthetic.type"] = "bot"
        entry = self._frontend.start_span(
            "POST /api/checkout", kind=SpanKind.SERVER, attributes=attributes, start_time=start
        )
        call = self._frontend.start_span(
            "charge", set_span_in_context(entry), kind=SpanKind.CLIENT, start_time=start
        )
        charge = self._payment.start_span(
            "charge", set_span_in_context(call), kind=SpanKind.SERVER, start_time=start
        )
        for span in (charge, call, entry):
            if fails:
                span.set_status(Status(StatusCode.ERROR))
            span.end(end)
        self.orders += 1
        assert len(self.sent) == 3 * self.orders, "the Collector acknowledged every span"

    def close(self) -> None:
        for provider in self._providers.values():
            provider.shutdown()
