"""`Instrumentation`: the instruments that the engine counts its own health with.

Made from a `Meter` and passed to the stages that count; nothing here is global. Every instrument is
declared by a `Metric` of `sloengine.names`, and attribute keys come from `names.Attribute`:

    instrumentation.accepted_spans.add(spans, {Attribute.PROTOCOL: Protocol.GRPC})

Counts are kept here and read when metrics are collected, and what every request records is handed
to the SDK's histograms some dozens at a time: one call among other work, which has driven the SDK's
code and tables out of the caches, takes longer than a request can afford.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, NoOpMeter, Observation

from sloengine import names
from sloengine.names import Attribute, Metric

DURATION_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bucket bounds of own durations."""
SIZE_BOUNDS_BY = tuple(float(4**power) for power in range(5, 14))
"""Bucket bounds of request sizes: 1 KiB to 64 MiB."""


_TOGETHER = 64
_Callback = Callable[[CallbackOptions], Iterable[Observation]]


class Count:
    """The sum of one series. Safe between threads."""

    __slots__ = ("_lock", "value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.value = 0

    def add(self, amount: int) -> None:
        """Add to the sum."""
        with self._lock:
            self.value += amount


class Counts:
    """An instrument of sums, one for each set of attributes. Safe between threads."""

    def __init__(self) -> None:
        self._series: dict[tuple[tuple[str, str], ...], Count] = {}

    def of(self, attributes: Mapping[str, str] | None = None) -> Count:
        """Return the series of these attributes, for those who add to it often."""
        key = tuple(sorted(attributes.items())) if attributes else ()
        # Not `get`, then put: of two threads, both must be given the same one.
        return self._series.get(key) or self._series.setdefault(key, Count())

    def add(self, amount: int, attributes: Mapping[str, str] | None = None) -> None:
        """Add to the series of these attributes."""
        self.of(attributes).add(amount)

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """Return every series' sum, for whoever collects."""
        return [Observation(count.value, dict(key)) for key, count in list(self._series.items())]


class Batched:
    """A histogram for what is recorded often. Safe between threads.

    Nothing is lost and nothing is rounded: whoever collects calls `flush` before.
    """

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._waiting: deque[tuple[float, Mapping[str, str] | None]] = deque()

    def record(self, value: float, attributes: Mapping[str, str] | None = None) -> None:
        """Record one value, soon; the attributes must not change."""
        self._waiting.append((value, attributes))
        if len(self._waiting) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Record what waits."""
        try:
            while True:
                self._histogram.record(*self._waiting.popleft())
        except IndexError:
            return


class Instrumentation:
    """One attribute for each instrument that stages count with.

    Values that something else already holds (how many traces are pending, how large the spool is)
    are not counted here but read when metrics are collected: see `observe`.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        # Callbacks run before the SDK reads its own histograms.
        self.requests = self._counts(names.RECEIVER_REQUESTS, before=self._flush)
        self.active_requests = self._counts(names.RECEIVER_ACTIVE_REQUESTS)
        self.request_duration = Batched(self._histogram(names.RECEIVER_REQUEST_DURATION))
        self.request_size = Batched(self._histogram(names.RECEIVER_REQUEST_SIZE))
        self.accepted_spans = self._counts(names.RECEIVER_ACCEPTED)
        self.refused_spans = self._counts(names.RECEIVER_REFUSED)
        self.rejected_spans = self._counts(names.RECEIVER_REJECTED)
        self.applied_spans = self._counts(names.PROCESSOR_APPLIED)
        self.duplicate_spans = self._counts(names.PROCESSOR_DUPLICATE)
        self.late_spans = self._counts(names.PROCESSOR_LATE)
        self.dropped_spans = self._counts(names.PROCESSOR_DROPPED)
        self.closed_traces = self._counts(names.PROCESSOR_CLOSED_TRACES)
        self.irregularities = self._counts(names.PROCESSOR_IRREGULARITIES)
        self.commit_duration = self._histogram(names.STORE_COMMIT_DURATION)
        self.committed_transactions = self._counts(names.STORE_COMMITTED)
        self.evaluation_duration = self._histogram(names.EVALUATION_DURATION)
        self.sent_metric_points = self._counts(names.EXPORTER_SENT)
        self.send_failed_metric_points = self._counts(names.EXPORTER_SEND_FAILED)
        self.replaced_evaluations = self._counts(names.EXPORTER_REPLACED)

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

    def _flush(self, _: CallbackOptions) -> Iterable[Observation]:
        self.request_duration.flush()
        self.request_size.flush()
        return ()

    def _counts(self, metric: Metric, *, before: _Callback | None = None) -> Counts:
        _expect(metric, "counter", "up_down_counter")
        counts = Counts()
        self._observable(metric, *([before] if before else []), counts.observe)
        return counts

    def _histogram(self, metric: Metric) -> Histogram:
        _expect(metric, "histogram")
        bounds = SIZE_BOUNDS_BY if metric.unit == "By" else DURATION_BOUNDS_S
        return self._meter.create_histogram(
            metric.name,
            metric.unit,
            metric.description,
            explicit_bucket_boundaries_advisory=bounds,
        )

    def _observable(self, metric: Metric, *callbacks: _Callback) -> None:
        create = {
            "counter": self._meter.create_observable_counter,
            "up_down_counter": self._meter.create_observable_up_down_counter,
            "gauge": self._meter.create_observable_gauge,
        }
        create[metric.kind](metric.name, callbacks, metric.unit, metric.description)


_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Physical memory of this process in bytes. Linux only."""
    with _STATM.open(encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _expect(metric: Metric, *kinds: names.Kind) -> None:
    if metric.kind not in kinds:
        raise ValueError(f"{metric.name} is declared as {metric.kind}, not as {kinds[0]}")
