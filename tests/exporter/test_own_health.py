"""The engine's own instruments are the declared ones, by the SDK's ordinary means."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from sloengine import names
from sloengine.instrumentation import Instrumentation
from sloengine.names import Attribute, Kind, Protocol, RequestOutcome


class Collected:
    """An `Instrumentation` on a real SDK meter, and what it has counted so far."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.instrumentation = Instrumentation(provider.get_meter(names.SCOPE_HEALTH))

    def metrics(self) -> dict[str, Any]:
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def test_counts_arrive_under_the_declared_name_unit_and_attributes() -> None:
    collected = Collected()
    collected.instrumentation.accepted_spans.add(3, {Attribute.PROTOCOL: Protocol.GRPC})
    collected.instrumentation.accepted_spans.add(4, {Attribute.PROTOCOL: Protocol.GRPC})
    metric = collected.metrics()["sloengine.receiver.accepted_spans"]
    (point,) = metric.data.data_points
    assert (metric.unit, point.value) == ("{span}", 7)
    assert dict(point.attributes) == {"sloengine.receiver.protocol": "grpc"}


def test_every_declared_health_metric_has_an_instrument() -> None:
    """Each is either counted by a stage or read from something that knows it."""
    collected = Collected()
    for instrument in vars(collected.instrumentation).values():
        for method in ("add", "record"):
            if hasattr(instrument, method):
                getattr(instrument, method)(1)
    observed = (
        names.PROCESSOR_PENDING_TRACES,
        names.PROCESSOR_PENDING_SPANS,
        names.PROCESSOR_PUT_OFF_TRACES,
        names.SPOOL_USAGE,
        names.SPOOL_LIMIT,
        names.SPOOL_SEGMENTS,
        names.STORE_USAGE,
    )
    for metric in observed:
        collected.instrumentation.observe(metric, lambda: 1)
    collected.instrumentation.observe_process(lambda: 12.5)
    metrics = collected.metrics()
    assert sorted(metrics) == sorted(metric.name for metric in names.HEALTH)
    kinds: dict[str, Kind] = {}
    for name, metric in metrics.items():
        if type(metric.data).__name__ == "Sum":
            kinds[name] = "counter" if metric.data.is_monotonic else "up_down_counter"
        else:
            kinds[name] = "gauge" if type(metric.data).__name__ == "Gauge" else "histogram"
    assert kinds == {metric.name: metric.kind for metric in names.HEALTH}
    assert {m.name: m.unit for m in names.HEALTH} == {n: m.unit for n, m in metrics.items()}


def test_an_observed_value_is_read_anew_at_each_collection() -> None:
    collected = Collected()
    values = iter((5, 8))
    collected.instrumentation.observe(names.PROCESSOR_PENDING_TRACES, lambda: next(values))
    seen = [
        collected.metrics()["sloengine.processor.pending_traces"].data.data_points[0].value
        for _ in range(2)
    ]
    assert seen == [5, 8]


def test_the_process_reports_its_memory_and_processor_time() -> None:
    collected = Collected()
    collected.instrumentation.observe_process(lambda: 12.5)
    metrics = collected.metrics()
    assert metrics["process.uptime"].data.data_points[0].value == 12.5
    assert metrics["process.memory.usage"].data.data_points[0].value > 1 << 20
    modes = {p.attributes["cpu.mode"] for p in metrics["process.cpu.time"].data.data_points}
    assert modes == {"user", "system"}


def test_disabled_instruments_take_everything_and_count_nothing() -> None:
    instrumentation = Instrumentation.disabled()
    instrumentation.requests.add(1, {Attribute.REQUEST_OUTCOME: RequestOutcome.SUCCESS})
    instrumentation.commit_duration.record(0.5)
    instrumentation.observe(names.SPOOL_USAGE, lambda: pytest.fail("nobody reads this"))
