"""`OtlpSink`: the official OTLP exporter, made quiet and safe to call from a thread of ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.metrics.export import MetricExporter as SdkMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from sloengine.clock import Clock
from sloengine.exporter.settings import OtlpSettings, open_sdk_exporter

_log = logging.getLogger(__name__)

_SDK_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
)
_REPEAT_NS = 300 * 10**9


class OutageReport:
    """Says once that a backend is unreachable, then every five minutes, and when it is back.

    Shared by all sinks of one backend, so that an outage is one line and not one for each.
    """

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_line_ns = 0

    def failed(self, cause: str) -> None:
        """Note that an export failed; logs at most one line in five minutes."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            self._failures += 1
            if self._failures > 1 and now_ns < self._next_line_ns:
                return
            self._next_line_ns = now_ns + _REPEAT_NS
            failures = self._failures
        _log.warning(
            "metrics do not reach %s (%d failed in a row): %s; check that an OTLP metrics receiver "
            "listens there and that exporter.otlp is right; nothing is lost, the next export "
            "carries the same totals and more",
            self._endpoint,
            failures,
            cause,
        )

    def succeeded(self) -> None:
        """Note that an export got through; logs a line where it ends an outage."""
        with self._lock:
            failures, self._failures = self._failures, 0
        if failures:
            _log.info("metrics reach %s again (%d exports failed)", self._endpoint, failures)


class OtlpSink(SdkMetricExporter):
    """Sends metrics to one backend; fit for a `PeriodicExportingMetricReader` and for our thread.

    `export` blocks for at most the settings' timeout (the official exporter retries inside it),
    never raises, and its outcome goes to the `OutageReport` instead of the SDK's log lines.
    One sink serves one thread.
    """

    def __init__(self, settings: OtlpSettings, outage: OutageReport) -> None:
        # No preferences: cumulative, whatever OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE
        # says, because a delta cannot be sent twice.
        super().__init__()
        self._sdk = open_sdk_exporter(settings)
        self._outage = outage
        self._timeout_s = settings.timeout_s

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        """Send within the settings' timeout; the official exporter ignores the argument."""
        del timeout_millis, kwargs
        with _captured_sdk_logs() as records:
            try:
                result = self._sdk.export(metrics_data)
            except Exception as exc:  # noqa: BLE001 - grpc and requests raise many kinds, all "failed"
                self._outage.failed(f"{type(exc).__name__}: {exc}")
                return MetricExportResult.FAILURE
        if result is MetricExportResult.SUCCESS:
            self._outage.succeeded()
        else:
            cause = _cause(records)
            self._outage.failed(cause or f"no answer within {self._timeout_s:g} s")
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is buffered here."""
        del timeout_millis
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Close the connection and end a retry that waits."""
        del kwargs
        self._sdk.shutdown(timeout_millis=timeout_millis)


@contextmanager
def _captured_sdk_logs() -> Iterator[list[logging.LogRecord]]:
    """Collect what the official exporters log on this thread, and keep it out of the log.

    The reason of a failure is nowhere else: `export` returns only that it failed.
    """
    records: list[logging.LogRecord] = []
    thread = threading.get_ident()

    def take(record: logging.LogRecord) -> bool:
        if threading.get_ident() != thread:
            return True
        records.append(record)
        return False

    loggers = [logging.getLogger(name) for name in _SDK_LOGGERS]
    for logger in loggers:
        # First, before the SDK's own filter, which drops a message that it has seen.
        logger.filters.insert(0, take)
    try:
        yield records
    finally:
        for logger in loggers:
            logger.removeFilter(take)


def _cause(records: list[logging.LogRecord]) -> str:
    """The last message that tells more than that time or tries ran out; empty where none does."""
    telling = [r for r in records if isinstance(r.args, tuple) and len(r.args) > 1]
    return telling[-1].getMessage() if telling else ""
