"""The kernel tells every trace of a request, most of them once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from kernel_twins import plan, trace_ids
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.usefixtures("compiled_kernels")

Pair = tuple[int, int]


def _request(traces: Iterable[Pair]) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number, (high, low) in enumerate(traces, 1):
        spans.add(
            trace_id=high.to_bytes(8, "big") + low.to_bytes(8, "big"),
            span_id=number.to_bytes(8, "big"),
        )
    return request.SerializeToString()


def test_neighbours_that_have_half_an_id_in_common_are_two_traces() -> None:
    kernel, _ = plan((), ())
    traces = [(1, 1), (1, 2), (2, 2), (2, 1), (1, 1)]
    assert trace_ids(kernel.decode(_request(traces)).batch) == set(traces)


def test_traces_whose_spans_are_far_apart_are_told_about_once() -> None:
    kernel, _ = plan((), ())
    traces = [(number * 7919, number) for number in range(1, 1001)]
    batch = kernel.decode(_request(traces * 6)).batch
    assert trace_ids(batch) == set(traces)
    assert len(batch.traces[0]) < 2 * len(traces)


def test_more_traces_than_places_are_all_told() -> None:
    kernel, _ = plan((), ())
    traces = [(number, number % 3) for number in range(1, 40_001)]
    assert trace_ids(kernel.decode(_request(traces)).batch) == set(traces)


def test_traces_of_an_earlier_request_are_told_again() -> None:
    kernel, _ = plan((), ())
    traces = [(number, number) for number in range(1, 101)]
    for begin in (0, 50, 0, 25):
        expected = traces[begin : begin + 50]
        assert trace_ids(kernel.decode(_request(expected * 2)).batch) == set(expected)


def test_a_request_without_spans_has_no_trace() -> None:
    kernel, _ = plan((), ())
    kernel.decode(_request([(1, 1)]))
    assert trace_ids(kernel.decode(_request([])).batch) == set()
