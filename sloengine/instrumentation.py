"""`Instrumentation`: the instruments that the engine counts its own health with.

Made from a `Meter` and passed to the stages that count; nothing here is global. Every instrument is
declared by a `Metric` of `sloengine.names`, and attribute keys come from `names.Attribute`:

    instrumentation.accepted_spans.add(spans, {Attribute.PROTOCOL: Protocol.GRPC})
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from opentelemetry.metrics import (
    CallbackOptions,
    Counter,
    Histogram,
    Meter,
    NoOpMeter,
    Observation,
    UpDownCounter,
)

from sloengine import names
from sloengine.names import Attribute, Metric

DURATION_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bucket bounds of own durations."""
SIZE_BOUNDS_BY = tuple(float(4**power) for power in range(5, 14))
"""Bucket bounds of request sizes: 1 KiB to 64 MiB."""


class Instrumentation:
    """One attribute for each instrument that stages count with.

    Values that something else already holds (how many traces are pending, how large the spool is)
    are not counted here but read when metrics are collected: see `observe`.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.requests = self._counter(names.RECEIVER_REQUESTS)
        self.active_requests = self._up_down_counter(names.RECEIVER_ACTIVE_REQUESTS)
        self.request_duration = self._histogram(names.RECEIVER_REQUEST_DURATION)
        self.request_size = self._histogram(names.RECEIVER_REQUEST_SIZE)
        self.accepted_spans = self._counter(names.RECEIVER_ACCEPTED)
        self.refused_spans = self._counter(names.RECEIVER_REFUSED)
        self.rejected_spans = self._counter(names.RECEIVER_REJECTED)
        self.applied_spans = self._counter(names.PROCESSOR_APPLIED)
        self.duplicate_spans = self._counter(names.PROCESSOR_DUPLICATE)
        self.late_spans = self._counter(names.PROCESSOR_LATE)
        self.dropped_spans = self._counter(names.PROCESSOR_DROPPED)
        self.closed_traces = self._counter(names.PROCESSOR_CLOSED_TRACES)
        self.irregularities = self._counter(names.PROCESSOR_IRREGULARITIES)
        self.commit_duration = self._histogram(names.STORE_COMMIT_DURATION)
        self.committed_transactions = self._counter(names.STORE_COMMITTED)
        self.evaluation_duration = self._histogram(names.EVALUATION_DURATION)
        self.sent_metric_points = self._counter(names.EXPORTER_SENT)
        self.send_failed_metric_points = self._counter(names.EXPORTER_SEND_FAILED)
        self.replaced_evaluations = self._counter(names.EXPORTER_REPLACED)

    @classmethod
    def disabled(cls) -> Instrumentation:
        """Instruments that count nothing: for `replay`, tests and library use."""
        return cls(NoOpMeter(names.SCOPE_HEALTH))

    def observe(self, metric: Metric, read: Callable[[], float]) -> None:
        """Report what `read` returns each time metrics are collected.

        `read` runs on the exporting thread: it must be quick, and it may be called while any other
        thread works. Call once for each metric.
        """

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(read())]

        self._observable(metric, callback)

    def observe_process(self, uptime_s: Callable[[], float]) -> None:
        """Report the process's own uptime, processor time and memory."""

        def cpu(_: CallbackOptions) -> Iterable[Observation]:
            times = os.times()
            return [
                Observation(times.user, {Attribute.CPU_MODE: "user"}),
                Observation(times.system, {Attribute.CPU_MODE: "system"}),
            ]

        self.observe(names.PROCESS_UPTIME, uptime_s)
        self._observable(names.PROCESS_CPU_TIME, cpu)
        if _STATM.exists():
            self.observe(names.PROCESS_MEMORY_USAGE, resident_bytes)

    def _counter(self, metric: Metric) -> Counter:
        _expect(metric, "counter")
        return self._meter.create_counter(metric.name, metric.unit, metric.description)

    def _up_down_counter(self, metric: Metric) -> UpDownCounter:
        _expect(metric, "up_down_counter")
        return self._meter.create_up_down_counter(metric.name, metric.unit, metric.description)

    def _histogram(self, metric: Metric) -> Histogram:
        _expect(metric, "histogram")
        bounds = SIZE_BOUNDS_BY if metric.unit == "By" else DURATION_BOUNDS_S
        return self._meter.create_histogram(
            metric.name,
            metric.unit,
            metric.description,
            explicit_bucket_boundaries_advisory=bounds,
        )

    def _observable(
        self, metric: Metric, callback: Callable[[CallbackOptions], Iterable[Observation]]
    ) -> None:
        create = {
            "counter": self._meter.create_observable_counter,
            "up_down_counter": self._meter.create_observable_up_down_counter,
            "gauge": self._meter.create_observable_gauge,
        }
        create[metric.kind](metric.name, [callback], metric.unit, metric.description)


_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Physical memory of this process in bytes. Linux only."""
    with _STATM.open(encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _expect(metric: Metric, kind: names.Kind) -> None:
    if metric.kind != kind:
        raise ValueError(f"{metric.name} is declared as {metric.kind}, not as {kind}")
