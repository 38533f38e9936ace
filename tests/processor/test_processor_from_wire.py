"""From the bytes of a request to facts, with the design's own example of a transaction."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from processor_support import CLIENT, KEY, SERVER

from sloengine.definitions.plan import (
    AnySpan,
    BecauseRule,
    DimensionRule,
    EntrySpan,
    LongerThan,
    NoSpan,
    Outcome,
    OutcomeRule,
    Plan,
    Scope,
    TransactionRule,
)
from sloengine.otlp import ReferenceDecoder
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, ConditionTable, parse_condition, parse_value
from sloengine.processor import NoHistory, Processor, ProcessorSettings

S = 10**9
ENTRY, ERROR, ORDER, PAYMENT = range(4)
CONDITIONS = tuple(
    parse_condition(text)
    for text in (
        'resource.attributes["service.name"] == "frontend" and span.kind == SPAN_KIND_SERVER',
        "span.status.code == STATUS_CODE_ERROR",
        'span.attributes["demo.order.id"] != nil',
        (
            'resource.attributes["service.name"] == "payment" and span.kind == SPAN_KIND_SERVER '
            "and span.status.code == STATUS_CODE_ERROR"
        ),
    )
)
CAPTURES = tuple(
    parse_value(text)
    for text in (
        'span.attributes["user.id"]',
        'Double(span.attributes["demo.order.amount"])',
        'span.attributes["demo.user_context.loyalty_level"]',
    )
)
CHECKOUT = TransactionRule(
    name="checkout",
    display_name="Place an order",
    definition="0123456789ab",
    entry=(ENTRY,),
    outcome=(
        OutcomeRule(Outcome.FAILED, "error", EntrySpan(ERROR)),
        OutcomeRule(Outcome.FAILED, "no-order", NoSpan(ORDER, Scope.SET)),
        OutcomeRule(Outcome.SLOW, "", LongerThan(4 * S)),
    ),
    because=(BecauseRule("payment", AnySpan(PAYMENT, Scope.SET)),),
    customer=(0,),
    amount=(1,),
    dimensions=(DimensionRule("tier", (2,), 20),),
)
FIELDS = {
    *(field for condition in CONDITIONS for field in condition.fields),
    *(field for capture in CAPTURES for field in capture.fields),
}
PLAN = Plan(
    revision="ba9876543210",
    commit=None,
    fields=tuple(sorted({SPAN_NAME, SERVICE_NAME, *FIELDS})),
    conditions=CONDITIONS,
    captures=CAPTURES,
    transactions=(CHECKOUT,),
    ignore=(),
    slos=(),
    documents="",
)


def wire_span(
    trace: int, span: int, parent: int, kind: int, seconds: int, *, error: bool, **attributes: str
) -> Span:
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=span.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name="work",
        kind=Span.SpanKind.ValueType(kind),
        start_time_unix_nano=S,
        end_time_unix_nano=S + seconds * S,
        status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
        attributes=[
            KeyValue(key=key.replace("__", "."), value=AnyValue(string_value=value))
            for key, value in attributes.items()
        ],
    )


def request(spans: dict[str, list[Span]]) -> bytes:
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(
                    attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))]
                ),
                scope_spans=[ScopeSpans(spans=listed)],
            )
            for service, listed in spans.items()
        ]
    ).SerializeToString()


def test_requests_become_the_outcomes_that_customers_saw() -> None:
    """A good order, a slow one, one that payment failed, one without an order, and a stranger."""
    frontend, payment, stranger = [], [], []
    for trace, seconds, fails, order in [
        (1, 2, False, "yes"),
        (2, 5, False, "yes"),
        (3, 1, True, "yes"),
        (4, 1, False, ""),
    ]:
        ordered = {"demo__order__id": order, "demo__order__amount": "12.5"} if order else {}
        frontend += [
            wire_span(trace, 1, 99, SERVER, seconds, error=fails, user__id="ann"),
            wire_span(trace, 2, 1, CLIENT, 1, error=fails, **ordered),
        ]
        payment.append(
            wire_span(trace, 3, 2, SERVER, 1, error=fails, demo__user_context__loyalty_level="gold")
        )
    stranger.append(wire_span(5, 1, 0, SERVER, 1, error=False))
    table = ConditionTable(PLAN.fields, PLAN.conditions)
    decoder = ReferenceDecoder(PLAN.fields, table, PLAN.captures)
    processor = Processor(PLAN, table, settings=ProcessorSettings(), key=KEY, history=NoHistory())
    requests = [{"payment": payment}, {"frontend": frontend}, {"stranger": stranger}]
    for position, spans in enumerate(requests):
        batch = decoder.decode(request(spans)).batch
        processor.add(batch, position=position, arrival_ns=100 * S)
    facts = sorted(processor.close(110 * S).facts, key=lambda fact: fact.trace_id)
    assert [(fact.transaction, fact.outcome, fact.reason) for fact in facts] == [
        ("checkout", "good", ""),
        ("checkout", "slow", "slow"),
        ("checkout", "failed", "payment"),
        ("checkout", "failed", "no-order"),
        ("other", "unknown", "unmapped"),
    ]
    assert [fact.amount_micros for fact in facts] == [12_500_000] * 3 + [None] * 2
    assert {fact.dimensions["tier"] for fact in facts[:4]} == {"gold"}
    assert len({fact.customer for fact in facts[:4]}) == 1
    assert facts[4].dimensions == {"service.name": "stranger", "span.name": "work"}
