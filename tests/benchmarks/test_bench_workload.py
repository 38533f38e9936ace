"""The load is what docs/benchmarks.md says it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.load import LoadShape
from benchmarks.workload import DEFINITIONS, Block, make_blocks
from sloengine.definitions import load_definitions

SHAPE = LoadShape(spans_per_request=360, spans=3000)


@pytest.fixture(scope="module")
def blocks() -> Sequence[Block]:
    return make_blocks(SHAPE)


def spans_of(block: Block, round_number: int = 0) -> Iterator[tuple[str, Span]]:
    for request in block.requests:
        parsed = ExportTraceServiceRequest.FromString(request.stamped(round_number))
        for resource in parsed.resource_spans:
            service = resource.resource.attributes[0].value.string_value
            for scope in resource.scope_spans:
                yield from ((service, span) for span in scope.spans)


def test_definitions_are_ten_with_thirty_conditions() -> None:
    plan = load_definitions(DEFINITIONS).plan
    assert len(plan.transactions) == 10
    assert len(plan.conditions) == 30


def test_a_trace_has_twelve_spans_in_five_services(blocks: Sequence[Block]) -> None:
    services: dict[bytes, list[str]] = {}
    for service, span in spans_of(blocks[0]):
        services.setdefault(span.trace_id, []).append(service)
    assert {len(found) for found in services.values()} == {12}
    assert {len(set(found)) for found in services.values()} == {5}


def test_a_span_has_ten_attributes_and_416_bytes(blocks: Sequence[Block]) -> None:
    spans = [span for _, span in spans_of(blocks[0])]
    assert {len(span.attributes) for span in spans} == {10}
    sizes = [len(request.payload) / request.spans for request in blocks[0].requests]
    assert all(414 <= size <= 420 for size in sizes), sizes


def test_parents_are_in_the_trace_and_span_ids_are_distinct(blocks: Sequence[Block]) -> None:
    spans = [span for _, span in spans_of(blocks[0])]
    known = {(span.trace_id, span.span_id) for span in spans}
    assert len({span_id for _, span_id in known}) == len(spans)
    assert all(
        (span.trace_id, span.parent_span_id) in known for span in spans if span.parent_span_id
    )


def test_no_two_rounds_or_blocks_share_a_trace(blocks: Sequence[Block]) -> None:
    found = [
        {span.trace_id for _, span in spans_of(block, round_number)}
        for block in blocks[:2]
        for round_number in (0, 1, 300)
    ]
    assert len(set.union(*found)) == sum(map(len, found))


def test_some_traces_stand_in_two_requests(blocks: Sequence[Block]) -> None:
    first, second = (
        {span.trace_id for _, span in spans_of(Block((request,), {}))}
        for request in blocks[0].requests
    )
    assert first & second
    assert first - second
