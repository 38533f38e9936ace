"""The engine's own configuration, with the manners of a Collector's.

In: one or more YAML files (later ones win, maps merge, lists are replaced), `${env:NAME:-default}`,
and `--set a.b.c=value`. Out: one frozen `EngineConfig`. Guaranteed: unknown keys and wrong values
are errors with a place and a cure, all of them at once; nothing here opens a port or a file other
than the given ones.
"""

from sloengine.config.load import load_config
from sloengine.config.model import (
    CorsConfig,
    EngineConfig,
    EvaluateConfig,
    GrpcConfig,
    HealthCheckConfig,
    HttpConfig,
    OtlpExporterConfig,
    ProcessorConfig,
    SpoolConfig,
    StoreConfig,
    TlsServerConfig,
)

__all__ = [
    "CorsConfig",
    "EngineConfig",
    "EvaluateConfig",
    "GrpcConfig",
    "HealthCheckConfig",
    "HttpConfig",
    "OtlpExporterConfig",
    "ProcessorConfig",
    "SpoolConfig",
    "StoreConfig",
    "TlsServerConfig",
    "load_config",
]
