"""A shop in a few lines: definitions, spans on the wire, and files of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from sloengine.authoring.explain import Explanation, FoundTrace, collect_trace, explain
from sloengine.definitions import Plan, load_definitions
from sloengine.ottl import ConditionTable

SECOND_NS = 10**9
NOON_NS = 1_764_072_000 * SECOND_NS
TRACE = 0xE05B7D31C84F4A2E9B6610D7F3A8C254
INTERNAL, SERVER, CLIENT = (
    WireSpan.SPAN_KIND_INTERNAL,
    WireSpan.SPAN_KIND_SERVER,
    WireSpan.SPAN_KIND_CLIENT,
)

SHOP = """
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry:
    - resource.attributes["service.name"] == "frontend"
      and span.attributes["http.route"] == "/api/checkout"
  outcome:
    - excluded:
        reason: probe
        trace: {anySpan: 'span.attributes["user_agent.synthetic.type"] == "bot"'}
    - failed: {reason: error, entry: span.status.code == STATUS_CODE_ERROR}
    - failed: {reason: no-order, noSpan: 'span.attributes["demo.order.id"] != nil'}
    - slow: {longerThan: 4s}
  because:
    - payment:
        anySpan: >-
          resource.attributes["service.name"] == "payment"
          and span.status.code == STATUS_CODE_ERROR
  customer: span.attributes["user.id"]
  value:
    amount: span.attributes["demo.order.amount"]
    currency: span.attributes["demo.currency"]
  dimensions:
    tier: {from: 'span.attributes["tier"]', limit: 20}
"""


@dataclass(frozen=True)
class S:
    """A span: its number, service and name; offsets in seconds."""

    number: int
    service: str
    name: str
    parent: int = 0
    kind: WireSpan.SpanKind.ValueType = INTERNAL
    start_s: float = 0.0
    length_s: float = 1.0
    error: bool = False
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    trace: int = TRACE
    trace_state: str = ""


def wire(*spans: S) -> bytes:
    """One request with these spans, each with a resource of its own."""
    request = ExportTraceServiceRequest()
    for item in spans:
        resource_spans = request.resource_spans.add()
        service = AnyValue(string_value=item.service)
        resource_spans.resource.attributes.add(key="service.name", value=service)
        start_ns = NOON_NS + round(item.start_s * SECOND_NS)
        span = WireSpan(
            trace_id=item.trace.to_bytes(16, "big"),
            span_id=item.number.to_bytes(8, "big"),
            parent_span_id=item.parent.to_bytes(8, "big") if item.parent else b"",
            name=item.name,
            kind=item.kind,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=start_ns + round(item.length_s * SECOND_NS),
            trace_state=item.trace_state,
            status=Status(
                code=Status.STATUS_CODE_ERROR if item.error else Status.STATUS_CODE_UNSET
            ),
        )
        for key, value in item.attributes.items():
            held = (
                AnyValue(string_value=value)
                if isinstance(value, str)
                else AnyValue(double_value=value)
            )
            span.attributes.add(key=key, value=held)
        resource_spans.scope_spans.add().spans.append(span)
    return request.SerializeToString()


def checkout(number: int = 1, *, trace: int = TRACE, error: bool = False, **more: float) -> S:
    """The entry of a purchase."""
    return S(
        number,
        "frontend",
        "POST /api/checkout",
        kind=SERVER,
        error=error,
        attributes={"http.route": "/api/checkout", "user.id": "ann@example.org"},
        trace=trace,
        start_s=more.get("start_s", 0.0),
        length_s=more.get("length_s", 2.0),
    )


def plan_of_text(folder: Path, text: str = SHOP) -> Plan:
    """Write definitions into a folder and load them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop.yaml").write_text(text, encoding="utf-8")
    return load_definitions(folder).plan


def explained(plan: Plan, payloads: Sequence[bytes], *, reveal: bool = False) -> Explanation:
    """Explain `TRACE`."""
    table = ConditionTable(plan.fields, plan.conditions)
    found = FoundTrace(TRACE, tuple(payloads))
    collected = collect_trace(plan, table, found.payloads, TRACE)
    return explain(
        plan,
        table,
        TRACE,
        collected.rows,
        key=b"k" * 32,
        statuses=collected.statuses,
        copies=collected.copies,
        reveal=reveal,
    )


def write_trace_file(path: Path, *payloads: bytes) -> Path:
    """Write requests behind four-byte lengths, as a Collector's file exporter does."""
    path.write_bytes(b"".join(len(p).to_bytes(4, "big") + p for p in payloads))
    return path
