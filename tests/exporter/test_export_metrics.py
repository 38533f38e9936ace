"""What is in the metrics that leave the engine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from export_samples import AT_NS, CHECKOUT, NO_DATA, START_NS, evaluation, histogram, state
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource

from sloengine import names
from sloengine.evaluate.evaluation import Coverage, Evaluation
from sloengine.exporter import build_metrics
from sloengine.store import ExportState

RESOURCE = Resource({"service.name": "sloengine", "service.instance.id": "store-1"})


def encoded(evaluated: Evaluation, exported: ExportState, at_ns: int = AT_NS) -> Any:
    """The request as the official encoder makes it."""
    return encode_metrics(
        build_metrics(evaluated, exported, at_ns=at_ns, resource=RESOURCE, version="1.2.3")
    )


def metrics_of(request: Any) -> dict[str, Any]:
    """Its metrics by name; it must have one resource and one scope."""
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    by_name = {metric.name: metric for metric in scope.metrics}
    assert len(by_name) == len(scope.metrics)
    return by_name


def points_of(metric: Any) -> dict[tuple[tuple[str, str], ...], Any]:
    """Its points by attributes; no two may have the same."""
    points = getattr(metric, metric.WhichOneof("data")).data_points
    found = {
        tuple(sorted((a.key, a.value.string_value) for a in point.attributes)): point
        for point in points
    }
    assert len(found) == len(points)
    return found


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    keys = {
        "slo": "sloengine.slo.name",
        "objective": "sloengine.slo.objective.name",
        "result": "sloengine.slo.result",
        "was": "sloengine.slo.corrected.from",
        "now": "sloengine.slo.corrected.to",
        "window": "sloengine.slo.window",
        "transaction": "sloengine.transaction.name",
        "outcome": "sloengine.transaction.outcome",
        "error": "error.type",
    }
    return tuple(sorted((keys[key], value) for key, value in values.items()))


def test_every_declared_result_metric_is_sent_with_its_unit_and_kind() -> None:
    metrics = metrics_of(encoded(evaluation(CHECKOUT), state(histogram([10**9]))))
    assert sorted(metrics) == sorted(metric.name for metric in names.RESULTS)
    kinds = {"counter": "sum", "gauge": "gauge", "exponential_histogram": "exponential_histogram"}
    for metric in names.RESULTS:
        sent = metrics[metric.name]
        assert sent.unit == metric.unit
        assert sent.description == metric.description
        assert sent.WhichOneof("data") == kinds[metric.kind]


def test_every_attribute_that_is_sent_is_declared_for_its_metric() -> None:
    named = replace(CHECKOUT, objective="promise")
    failed = histogram([10**9], outcome="failed", reason="error")
    metrics = metrics_of(encoded(evaluation(named), state(failed)))
    for metric in names.RESULTS:
        sent = {key for point in points_of(metrics[metric.name]) for key, _ in point}
        assert sent == {attribute.value for attribute in metric.attributes}


def test_counters_are_cumulative_from_the_stores_start() -> None:
    events = metrics_of(encoded(evaluation(CHECKOUT), state()))["sloengine.slo.events"]
    assert events.sum.is_monotonic
    assert events.sum.aggregation_temporality == 2
    points = points_of(events)
    counts = {
        result: points[labels(slo="checkout", result=result)].as_int
        for result in ("good", "bad", "excluded", "unknown")
    }
    assert counts == {"good": 990, "bad": 10, "excluded": 3, "unknown": 2}
    assert {p.start_time_unix_nano for p in points.values()} == {START_NS}
    assert {p.time_unix_nano for p in points.values()} == {AT_NS}


def test_an_slo_without_events_has_counters_of_zero_and_no_gauge_that_needs_data() -> None:
    metrics = metrics_of(encoded(evaluation(NO_DATA), ExportState(START_NS)))
    events = points_of(metrics["sloengine.slo.events"])
    assert {p.as_int for p in events.values()} == {0}
    assert len(events) == 4
    assert "sloengine.slo.objective" in metrics
    for absent in ("sli", "error_budget.remaining", "burn_rate"):
        assert f"sloengine.slo.{absent}" not in metrics


def test_gauges_say_what_the_evaluation_says() -> None:
    metrics = metrics_of(encoded(evaluation(CHECKOUT, NO_DATA), state()))
    slo = labels(slo="checkout")
    assert points_of(metrics["sloengine.slo.objective"])[slo].as_double == 0.995
    assert points_of(metrics["sloengine.slo.sli"])[slo].as_double == 0.99
    assert points_of(metrics["sloengine.slo.error_budget.remaining"])[slo].as_double == -1
    assert {
        key: p.as_double for key, p in points_of(metrics["sloengine.slo.burn_rate"]).items()
    } == {labels(slo="checkout", window="1h"): 2.0}
    assert points_of(metrics["sloengine.slo.coverage"])[()].as_double == 0.5


def test_coverage_of_an_empty_window_is_absent() -> None:
    metrics = metrics_of(encoded(evaluation(coverage=Coverage(0, 0)), state()))
    assert "sloengine.slo.coverage" not in metrics


def test_two_objectives_of_one_slo_are_two_gauges_and_one_counter() -> None:
    strict = replace(CHECKOUT, objective="strict")
    loose = replace(CHECKOUT, objective="loose")
    metrics = metrics_of(encoded(evaluation(strict, loose), state()))
    assert set(points_of(metrics["sloengine.slo.sli"])) == {
        labels(slo="checkout", objective="strict"),
        labels(slo="checkout", objective="loose"),
    }
    assert len(points_of(metrics["sloengine.slo.events"])) == 4


def test_corrections_name_both_results() -> None:
    metrics = metrics_of(encoded(evaluation(CHECKOUT), state()))
    (corrected,) = points_of(metrics["sloengine.slo.events.corrected"]).items()
    assert corrected[0] == labels(slo="checkout", was="bad", now="good")
    assert corrected[1].as_int == 1


def test_the_same_state_is_the_same_bytes() -> None:
    """So a resend, and the first export after a restart, change nothing."""
    first = encoded(evaluation(CHECKOUT), state(histogram([1, 10**9])))
    again = encoded(evaluation(CHECKOUT), state(histogram([1, 10**9])))
    assert first.SerializeToString() == again.SerializeToString()


def test_a_clock_set_back_behind_the_stores_start_sends_no_negative_interval() -> None:
    request = encoded(evaluation(CHECKOUT), state(histogram([1])), at_ns=START_NS - 10**9)
    for metric in metrics_of(request).values():
        for point in points_of(metric).values():
            assert point.time_unix_nano > START_NS


def test_only_bad_outcomes_carry_an_error_type() -> None:
    sent = points_of(
        metrics_of(
            encoded(
                evaluation(CHECKOUT),
                state(
                    histogram([5]),
                    histogram([5], outcome="slow", reason="slow"),
                    histogram([5], outcome="failed", reason="payment"),
                    histogram([5], outcome="abandoned", reason="left"),
                    histogram([5], outcome="excluded", reason="probe"),
                    histogram([5], outcome="unknown", reason="incomplete"),
                ),
            )
        )["sloengine.transaction.duration"]
    )
    assert set(sent) == {
        labels(transaction="checkout", outcome="good"),
        labels(transaction="checkout", outcome="slow", error="slow"),
        labels(transaction="checkout", outcome="failed", error="payment"),
        labels(transaction="checkout", outcome="abandoned", error="left"),
        labels(transaction="checkout", outcome="excluded"),
        labels(transaction="checkout", outcome="unknown"),
    }


def test_reasons_of_excluded_transactions_share_one_histogram() -> None:
    probes = histogram([10**9, 2 * 10**9], outcome="excluded", reason="probe")
    robots = histogram([0, 3 * 10**6], outcome="excluded", reason="robot")
    duration = metrics_of(encoded(evaluation(), state(probes, robots)))
    (point,) = points_of(duration["sloengine.transaction.duration"]).values()
    assert (point.count, point.zero_count) == (4, 1)
    assert math.isclose(point.sum, 3.003)
    assert (point.min, point.max) == (0.0, 2.0)
    together = histogram([10**9, 2 * 10**9, 0, 3 * 10**6]).buckets
    sent = enumerate(point.positive.bucket_counts, point.positive.offset)
    assert {index: count for index, count in sent if count} == together
    assert len(point.exemplars) == 2


def test_an_exemplar_names_the_transactions_trace_and_entry_span() -> None:
    duration = metrics_of(encoded(evaluation(), state(histogram([1_500_000_000]))))
    (point,) = points_of(duration["sloengine.transaction.duration"]).values()
    (sent,) = point.exemplars
    assert sent.trace_id == (0xABC << 64).to_bytes(16, "big")
    assert sent.span_id == (0xDEF).to_bytes(8, "big")
    assert sent.as_double == 1.5
    assert sent.time_unix_nano == START_NS + 5


@given(st.lists(st.integers(-10, 2**40) | st.integers(1, 2**62), min_size=1, max_size=30))
def test_bucket_bounds_hold_each_duration_in_seconds(durations: list[int]) -> None:
    """Read back by OpenTelemetry's own formula: (base^index, base^(index + 1)]."""
    duration = metrics_of(encoded(evaluation(), state(histogram(durations))))
    (point,) = points_of(duration["sloengine.transaction.duration"]).values()
    base = 2 ** (2**-point.scale)
    assert point.zero_count == sum(1 for d in durations if d <= 0)
    assert point.count == point.zero_count + sum(point.positive.bucket_counts)
    for index, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        low, high = base**index, base ** (index + 1)
        slack = 1e-9
        inside = [d for d in durations if low * (1 + slack) < d / 1e9 <= high * (1 - slack)]
        near = [d for d in durations if low * (1 - slack) < d / 1e9 <= high * (1 + slack)]
        assert len(inside) <= count <= len(near)
