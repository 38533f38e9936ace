"""`HealthMetrics`: the engine's own health, by the OpenTelemetry SDK's ordinary means."""

from __future__ import annotations

from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from sloengine import names
from sloengine.clock import Clock
from sloengine.exporter.settings import OtlpSettings
from sloengine.exporter.sink import OtlpSink, OutageReport


def engine_resource(*, instance: str, version: str) -> Resource:
    """The resource of everything that the engine sends.

    `instance` is the store's id: it is the same after a restart, so series go on, and differs
    between engines that share a backend, so series do not collide. `OTEL_RESOURCE_ATTRIBUTES` adds
    to it (`deployment.environment.name` and the like).
    """
    return Resource.create(
        {
            "service.name": names.SERVICE_NAME,
            "service.version": version,
            "service.instance.id": instance,
        }
    )


class HealthMetrics:
    """A meter whose instruments are sent to a backend at every interval, on the SDK's thread."""

    def __init__(
        self,
        settings: OtlpSettings,
        *,
        resource: Resource,
        version: str,
        clock: Clock,
        interval_s: float,
        outage: OutageReport | None = None,
    ) -> None:
        sink = OtlpSink(settings, outage or OutageReport(settings.endpoint, clock))
        self._provider = MeterProvider(
            [
                PeriodicExportingMetricReader(
                    sink,
                    export_interval_millis=interval_s * 1_000,
                    export_timeout_millis=settings.timeout_s * 1_000,
                )
            ],
            resource=resource,
            shutdown_on_exit=False,
        )
        self.meter: Meter = self._provider.get_meter(names.SCOPE_HEALTH, version)

    def flush(self, timeout_s: float) -> None:
        """Collect and send now."""
        self._provider.force_flush(timeout_s * 1_000)

    def close(self, timeout_s: float = 5.0) -> None:
        """Send once more, for at most about `timeout_s`, and stop."""
        self._provider.shutdown(timeout_s * 1_000)
