"""The load is what docs/benchmarks.md says it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.load import LoadShape
from benchmarks.workload import Workload, write_definitions
from sloengine.definitions import load_definitions


@pytest.fixture(scope="module", params=[False, True], ids=["mixed", "two entries a trace"])
def workload(request: pytest.FixtureRequest) -> Workload:
    return Workload(LoadShape(spans_per_request=2400, two_entries=request.param))


def spans_of(workload: Workload, number: int) -> Iterator[tuple[str, Span]]:
    for resource in ExportTraceServiceRequest.FromString(workload.request(number)).resource_spans:
        service = resource.resource.attributes[0].value.string_value
        for scope in resource.scope_spans:
            yield from ((service, span) for span in scope.spans)


def test_definitions_are_ten_with_thirty_conditions_and_more(tmp_path: Path) -> None:
    assert write_definitions(tmp_path / "definitions") == 10
    plan = load_definitions(tmp_path / "definitions").plan
    assert len(plan.transactions) == 10
    assert len(plan.conditions) >= 30


def test_a_trace_has_twelve_spans_in_five_services(workload: Workload) -> None:
    services: dict[bytes, list[str]] = {}
    for service, span in spans_of(workload, 0):
        services.setdefault(span.trace_id, []).append(service)
    assert len(services) == 200
    assert {len(found) for found in services.values()} == {12}
    assert {len(set(found)) for found in services.values()} == {5}


def test_a_span_has_ten_attributes_and_about_416_bytes(workload: Workload) -> None:
    spans = [span for _, span in spans_of(workload, 0)]
    assert {len(span.attributes) for span in spans} == {10}
    assert 400 <= len(workload.request(0)) / len(spans) <= 432


def test_parents_are_in_the_trace(workload: Workload) -> None:
    spans = [span for _, span in spans_of(workload, 7)]
    known = {(span.trace_id, span.span_id) for span in spans}
    assert len(known) == len(spans)
    assert all(
        (span.trace_id, span.parent_span_id) in known for span in spans if span.parent_span_id
    )


def test_no_two_requests_share_a_trace(workload: Workload) -> None:
    found = [{span.trace_id for _, span in spans_of(workload, number)} for number in (0, 1, 300)]
    assert len(set.union(*found)) == sum(map(len, found))


def test_truth_grows_with_the_requests(workload: Workload) -> None:
    one, three = workload.facts(1), workload.facts(3)
    assert three == {
        name: {outcome: 3 * count for outcome, count in outcomes.items()}
        for name, outcomes in one.items()
    }
    # Every trace has one transaction, those of the nested kind two.
    assert sum(sum(outcomes.values()) for outcomes in one.values()) >= 200
