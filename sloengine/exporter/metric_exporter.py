"""`MetricExporter`: sends each evaluation to a backend without ever holding up the next."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource

from sloengine.clock import Clock
from sloengine.evaluate.evaluation import Evaluation
from sloengine.exporter.points import build_metrics, count_points
from sloengine.exporter.settings import OtlpSettings
from sloengine.exporter.sink import OtlpSink, OutageReport
from sloengine.instrumentation import Instrumentation
from sloengine.store import ExportState

_log = logging.getLogger(__name__)

_ABORT_S = 1.0
"""How long a send may take to notice that its connection was closed."""


@dataclass(frozen=True, slots=True)
class _Job:
    evaluation: Evaluation
    state: ExportState
    at_ns: int


class MetricExporter:
    """Results out, on a thread of its own.

    There is room for one evaluation that waits. A newer one takes its place, because its totals
    contain the older one's: a backend that is slow or down costs freshness, never a count.
    Evaluations are sent in the order they were given. A failed one is not sent again; the next is
    the retry.
    """

    def __init__(
        self,
        settings: OtlpSettings,
        *,
        resource: Resource,
        version: str,
        clock: Clock,
        outage: OutageReport | None = None,
        instrumentation: Instrumentation | None = None,
    ) -> None:
        self._resource = resource
        self._version = version
        self._sink = OtlpSink(settings, outage or OutageReport(settings.endpoint, clock))
        self._instrumentation = instrumentation or Instrumentation.disabled()
        self._changed = threading.Condition()
        self._waiting: _Job | None = None
        self._sending = False
        self._closed = False
        self._last_sent = True
        self._thread = threading.Thread(target=self._run, name="metric-exporter", daemon=True)
        self._thread.start()

    def export(self, evaluation: Evaluation, state: ExportState, at_ns: int) -> None:
        """Hand over what to send; returns at once. Ignored after `close`."""
        with self._changed:
            if self._closed:
                return
            replaced = self._waiting is not None
            self._waiting = _Job(evaluation, state, at_ns)
            self._changed.notify_all()
        if replaced:
            self._instrumentation.replaced_evaluations.add(1)

    def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits or is being sent; true where the last one got through."""
        with self._changed:
            idle = self._changed.wait_for(
                lambda: self._waiting is None and not self._sending, timeout_s
            )
            return idle and self._last_sent

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what waits, for at most `timeout_s`, then give up and close the connection."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        self._sink.shutdown()
        self._thread.join(_ABORT_S)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            sent = False
            try:
                sent = self._send(job)
            except Exception:  # noqa: BLE001 - one bad evaluation must not end the thread
                _log.exception("metrics could not be built; the next evaluation tries again")
            with self._changed:
                self._sending = False
                self._last_sent = sent
                self._changed.notify_all()

    def _next(self) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._closed)
            job, self._waiting = self._waiting, None
            self._sending = job is not None
            return job

    def _send(self, job: _Job) -> bool:
        data = build_metrics(
            job.evaluation,
            job.state,
            at_ns=job.at_ns,
            resource=self._resource,
            version=self._version,
        )
        sent = self._sink.export(data) is MetricExportResult.SUCCESS
        points = count_points(data)
        if sent:
            self._instrumentation.sent_metric_points.add(points)
        else:
            self._instrumentation.send_failed_metric_points.add(points)
        return sent
