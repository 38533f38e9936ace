"""The shop's OpenTelemetry: a tracer provider for each service, and one exporter for each.

Spans are made with explicit times, collected when they end, and sent by the official OTLP/gRPC
exporter in rounds: one request for each service, so that a trace reaches the engine in pieces, as
it does from real services.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, cast

import grpc
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer

from sloengine.errors import OperatorError

SERVICES = (
    "cart",
    "checkout",
    "currency",
    "email",
    "frontend",
    "frontend-proxy",
    "payment",
    "product-catalog",
    "quote",
    "shipping",
)
_VERSION = "3.0.0"
_TIMEOUT_S = 20.0
_SENDERS = 4
# gRPC wants an integer here; the exporter's annotation knows only text.
_NO_PROXY = cast("tuple[tuple[str, str]]", (("grpc.enable_http_proxy", 0),))
_ROUNDS_IN_FLIGHT = 3


class SeededIds(IdGenerator):
    """Trace and span ids from a seed; never zero, so that every one is valid."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"ids {seed}")

    def generate_span_id(self) -> int:
        """Return 64 bits."""
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        """Return 128 bits."""
        return self._random.getrandbits(128) or 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the spans that were sent."""

    spans: int
    acknowledged_spans: int
    traces: int
    acknowledged_traces: int
    """Traces of which every span was acknowledged."""


@dataclass(frozen=True, slots=True)
class _Round:
    traces: int
    spans: tuple[int, ...]
    results: tuple[Future[bool], ...]


class _Collect(SpanProcessor):
    """Keeps the ended spans of one service until they are sent."""

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do: only ended spans are sent."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep the span."""
        self.ended.append(span)

    def take(self) -> list[ReadableSpan]:
        """Return what ended since the last call."""
        taken, self.ended = self.ended, []
        return taken


class ShopTelemetry:
    """Tracers for every service and the way to the engine. Use as a context manager.

    Not safe for several threads; sending happens in threads of its own. At most three rounds are
    under way, so memory is bounded and a slow engine slows the shop.
    """

    def __init__(self, endpoint: str, *, seed: int) -> None:
        ids = SeededIds(seed)
        self.tracers: dict[str, Tracer] = {}
        self._collect: dict[str, _Collect] = {}
        self._exporters: dict[str, OTLPSpanExporter] = {}
        for service in SERVICES:
            provider = TracerProvider(
                sampler=ALWAYS_ON,
                resource=_resource(service),
                shutdown_on_exit=False,
                id_generator=ids,
            )
            collect = _Collect()
            provider.add_span_processor(collect)
            self.tracers[service] = provider.get_tracer(f"shop.{service}", _VERSION)
            self._collect[service] = collect
            self._exporters[service] = OTLPSpanExporter(
                endpoint=endpoint,
                insecure=True,
                timeout=_TIMEOUT_S,
                compression=grpc.Compression.Gzip,
                channel_options=_NO_PROXY,
            )
        self._pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="shop-export")
        self._under_way: list[_Round] = []
        self._spans = self._acknowledged_spans = 0
        self._traces = self._acknowledged_traces = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for exporter in self._exporters.values():
            exporter.shutdown()

    def send(self, traces: int) -> None:
        """Send all spans that ended since the last call; they belong to `traces` whole traces."""
        batches = {service: collect.take() for service, collect in self._collect.items()}
        batches = {service: spans for service, spans in batches.items() if spans}
        if not batches:
            raise OperatorError(
                "The OpenTelemetry SDK makes no spans; unset OTEL_SDK_DISABLED in the environment"
            )
        while len(self._under_way) >= _ROUNDS_IN_FLIGHT:
            self._settle(self._under_way.pop(0))
        self._under_way.append(
            _Round(
                traces,
                tuple(len(spans) for spans in batches.values()),
                tuple(
                    self._pool.submit(_export, self._exporters[service], spans)
                    for service, spans in batches.items()
                ),
            )
        )

    def finish(self) -> Delivery:
        """Wait for all that is under way and return what became of it."""
        while self._under_way:
            self._settle(self._under_way.pop(0))
        return Delivery(
            self._spans, self._acknowledged_spans, self._traces, self._acknowledged_traces
        )

    def _settle(self, sent: _Round) -> None:
        done = [result.result() for result in sent.results]
        self._traces += sent.traces
        self._spans += sum(sent.spans)
        self._acknowledged_spans += sum(
            spans for spans, fine in zip(sent.spans, done, strict=True) if fine
        )
        if all(done):
            self._acknowledged_traces += sent.traces


def _export(exporter: OTLPSpanExporter, spans: Sequence[ReadableSpan]) -> bool:
    return exporter.export(spans) is SpanExportResult.SUCCESS


def _resource(service: str) -> Resource:
    return Resource(
        {
            "service.name": service,
            "service.namespace": "opentelemetry-demo",
            "service.version": _VERSION,
            "service.instance.id": f"{service}-1",
            "cloud.region": "eu-central-1",
            "deployment.environment.name": "demo",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
        }
    )
