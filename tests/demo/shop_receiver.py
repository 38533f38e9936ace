"""A real OTLP/gRPC server that keeps what it gets, and an independent judge of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SECOND_NS = 10**9
LIMITS_NS = {
    "checkout": 4 * SECOND_NS,
    "shipping-quote": 2 * SECOND_NS,
    "browse": SECOND_NS * 3 // 2,
    "add-to-cart": SECOND_NS,
    "view-cart": SECOND_NS,
}
ROUTES = {
    ("POST", "/api/checkout"): "checkout",
    ("POST", "/api/cart"): "add-to-cart",
    ("GET", "/api/cart"): "view-cart",
    ("GET", "/api/shipping"): "shipping-quote",
    ("GET", "/api/products/{id}"): "browse",
}


@dataclass(frozen=True)
class Seen:
    """A span as it came over the wire."""

    service: str
    name: str
    kind: int
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start_ns: int
    end_ns: int
    error: bool
    attributes: dict[str, Any]


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every span; refuses each `refuse_every`-th request for good."""

    def __init__(self, *, refuse_every: int = 0) -> None:
        self.spans: list[Seen] = []
        self.requests = 0
        self._refuse_every = refuse_every
        self._lock = Lock()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  # the service's own name
        with self._lock:
            self.requests += 1
            if self._refuse_every and self.requests % self._refuse_every == 0:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused by the test")
            self.spans += [
                _seen(resource, span)
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        return trace_service_pb2.ExportTraceServiceResponse()


def _seen(resource: Any, span: Any) -> Seen:
    return Seen(
        service=_attributes(resource.resource)["service.name"],
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_span_id,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        error=span.status.code == Status.STATUS_CODE_ERROR,
        attributes=_attributes(span),
    )


def _attributes(holder: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes
    }


@contextmanager
def serving(receiver: Receiver) -> Iterator[int]:
    """Serve on a free port, which is yielded."""
    server = grpc.server(ThreadPoolExecutor(4))
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def by_trace(spans: list[Seen]) -> list[list[Seen]]:
    traces: dict[bytes, list[Seen]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    return list(traces.values())


def entry_of(trace: list[Seen]) -> Seen | None:
    """The frontend's SERVER span that a definition names."""
    for span in trace:
        if span.service == "frontend" and span.kind == Span.SPAN_KIND_SERVER and _route(span):
            return span
    return None


def _route(span: Seen) -> str | None:
    method, route = (span.attributes.get(k) for k in ("http.request.method", "http.route"))
    return ROUTES.get((str(method), str(route)))


def judge(trace: list[Seen]) -> tuple[str, str]:
    """(transaction, outcome) by the words of the definitions, from the spans alone."""
    entry = entry_of(trace)
    if entry is None:
        probe = any("kube-probe" in str(s.attributes.get("user_agent.original")) for s in trace)
        return ("ignored" if probe else "other"), "unknown"
    transaction = _route(entry) or ""
    ordered = any("demo.order.id" in span.attributes for span in trace)
    if entry.error or (transaction == "checkout" and not ordered):
        return transaction, "failed"
    slow = entry.end_ns - entry.start_ns > LIMITS_NS[transaction]
    return transaction, "slow" if slow else "good"


def count(spans: list[Seen]) -> dict[str, Counter[str]]:
    """Outcomes by transaction."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for trace in by_trace(spans):
        transaction, outcome = judge(trace)
        found[transaction][outcome] += 1
    return dict(found)
