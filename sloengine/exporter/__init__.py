"""Derived metrics out, as OTLP to any backend.

In: an `Evaluation`, and the `ExportState` that the store keeps in the facts' transaction; the
engine's own instruments. Out: OTLP metrics over gRPC or HTTP by the official exporter package,
cumulative, named by `sloengine.names`.

Guaranteed: exporting never blocks evaluation; a backend that is down costs one log line in five
minutes and no count, because the next export carries the same totals and more; totals and their
start time are the same after a restart, so that sending again changes nothing; what is not known is
not sent, never sent as zero.
"""

from sloengine.exporter.health import HealthMetrics, engine_resource
from sloengine.exporter.metric_exporter import MetricExporter
from sloengine.exporter.points import build_metrics, count_points
from sloengine.exporter.settings import OtlpSettings
from sloengine.exporter.sink import OtlpSink, OutageReport

__all__ = [
    "HealthMetrics",
    "MetricExporter",
    "OtlpSettings",
    "OtlpSink",
    "OutageReport",
    "build_metrics",
    "count_points",
    "engine_resource",
]
