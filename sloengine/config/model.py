"""`EngineConfig`: every key that an operator may write, with its default and its unit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sloengine.config.durations import parse_duration_ns
from sloengine.questions import STORE_FOLDER

Duration = Annotated[int, BeforeValidator(parse_duration_ns)]
"""Nanoseconds; written as in Go: `10s`, `1h30m`, `200ms`."""

Mebibytes = Annotated[int, Field(gt=0, le=1 << 24)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class TlsServerConfig(_Section):
    """TLS of a listener; `client_ca_file` demands certificates of clients, as a Collector does."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None


class CorsConfig(_Section):
    """Which browser origins may send; none by default."""

    allowed_origins: tuple[str, ...] = ()
    allowed_headers: tuple[str, ...] = ()
    max_age: Annotated[int, Field(ge=0)] = 0
    """Seconds."""


class GrpcConfig(_Section):
    """OTLP/gRPC listener."""

    endpoint: str = "localhost:14317"
    max_recv_msg_size_mib: Mebibytes = 64
    """After decompression."""
    max_workers: Annotated[int, Field(gt=0, le=1024)] = 16
    """Requests in work at once."""
    tls: TlsServerConfig | None = None


class HttpConfig(_Section):
    """OTLP/HTTP listener."""

    endpoint: str = "localhost:14318"
    max_request_body_size_mib: Mebibytes = 64
    """Before and after decompression."""
    tls: TlsServerConfig | None = None
    cors: CorsConfig = CorsConfig()


class ProtocolsConfig(_Section):
    """Which OTLP listeners run; a protocol set to `null` does not."""

    grpc: GrpcConfig | None = GrpcConfig()
    http: HttpConfig | None = HttpConfig()

    @model_validator(mode="after")
    def _one_at_least(self) -> ProtocolsConfig:
        if self.grpc is None and self.http is None:
            raise ValueError("no protocol is left; keep grpc or http")
        return self


class ReceiverConfig(_Section):
    """OTLP in."""

    protocols: ProtocolsConfig = ProtocolsConfig()
    max_in_flight_mib: Mebibytes = 256
    """Bytes of requests that may be in work at once; above it senders are told to come back."""


class DefinitionsConfig(_Section):
    """Where the definitions are."""

    path: Path = Path("slo-definitions")
    """A folder or one file; `examples` folders below it are left out."""
    watch_interval: Duration = parse_duration_ns("10s")
    """How often to look whether its files changed; `0s` never: then SIGHUP says so."""


class StoreConfig(_Section):
    """The folder of the DuckDB file, the spool and the local socket."""

    directory: Path = STORE_FOLDER
    """Made if missing, for its owner only."""
    memory_limit_mib: Annotated[int, Field(ge=64)] = 512
    """For DuckDB while somebody asks; commits take 48 MiB."""


class SpoolConfig(_Section):
    """The log of accepted requests, below the store's folder."""

    segment_mib: Mebibytes = 64
    """Size of one file of the log."""
    disk_budget_mib: Mebibytes = 20 * 1024
    """Oldest committed segments go first; acceptance stops only when uncommitted ones fill it."""
    sync_interval: Duration = parse_duration_ns("3ms")
    """How long an acknowledgement may wait for others to share its fsync."""


class ProcessorConfig(_Section):
    """When a trace is judged."""

    idle_wait: Duration = parse_duration_ns("10s")
    """A trace whose named parents are all there is judged after so long without a new span."""
    max_wait: Duration = parse_duration_ns("120s")
    """Any trace is judged so long after its first span."""
    late_horizon: Duration = parse_duration_ns("1h")
    """How long a later span still corrects what was counted."""
    memory_mib: Mebibytes = 256
    """For pending and recently judged traces; at the limit the longest idle are judged early."""
    recent_traces: Annotated[int, Field(ge=0)] = 20_000
    """Judged traces kept in memory for late spans; older ones are read again from the spool."""
    reread_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """How much of a core that reading may use; what does not fit is corrected later."""

    @model_validator(mode="after")
    def _ordered(self) -> ProcessorConfig:
        if not 0 < self.idle_wait <= self.max_wait:
            raise ValueError("idle_wait must be greater than 0 and at most max_wait")
        if self.late_horizon < self.max_wait:
            raise ValueError("late_horizon must be at least max_wait")
        return self


class EvaluateConfig(_Section):
    """How often objectives are evaluated and exported."""

    interval: Duration = parse_duration_ns("15s")

    @model_validator(mode="after")
    def _positive(self) -> EvaluateConfig:
        if self.interval <= 0:
            raise ValueError("interval must be greater than 0")
        return self


class OtlpExporterConfig(_Section):
    """Where derived metrics go."""

    endpoint: str
    """gRPC: `host:port`. HTTP: a URL, to which `/v1/metrics` is added."""
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers: dict[str, str] = {}
    insecure: bool = True
    """Plain text; set false for TLS. For HTTP the scheme of the endpoint decides."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    compression: Literal["gzip", "none"] = "gzip"
    timeout: Duration = parse_duration_ns("10s")


class ExporterConfig(_Section):
    """Metrics out; nothing is exported unless `otlp` is given."""

    otlp: OtlpExporterConfig | None = None


class HealthCheckConfig(_Section):
    """The health port, as the Collector's `health_check` extension."""

    endpoint: str = "localhost:13233"


class ExtensionsConfig(_Section):
    """What runs beside the pipeline; an extension set to `null` does not."""

    health_check: HealthCheckConfig | None = HealthCheckConfig()


class LogsConfig(_Section):
    """The engine's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class TelemetryConfig(_Section):
    """The engine's own telemetry."""

    logs: LogsConfig = LogsConfig()


class ServiceConfig(_Section):
    """The process itself."""

    hot_path: Literal["auto", "reference"] = "auto"
    """`reference` runs the plain twins of the kernels: the same results, for many times the CPU."""
    telemetry: TelemetryConfig = TelemetryConfig()


class EngineConfig(_Section):
    """The whole configuration; an empty file is a valid one."""

    receiver: ReceiverConfig = ReceiverConfig()
    definitions: DefinitionsConfig = DefinitionsConfig()
    store: StoreConfig = StoreConfig()
    spool: SpoolConfig = SpoolConfig()
    processor: ProcessorConfig = ProcessorConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    exporter: ExporterConfig = ExporterConfig()
    extensions: ExtensionsConfig = ExtensionsConfig()
    service: ServiceConfig = ServiceConfig()
