"""`OtlpSettings`: where OTLP metrics go, and the official exporter package set up for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import grpc
import requests
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetricExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetricExporter,
)
from opentelemetry.sdk.metrics.export import MetricExporter as SdkMetricExporter

from sloengine.errors import ConfigError

METRICS_PATH = "/v1/metrics"
MAX_POINTS = 2_000
"""Data points in one request: far below the 4 MiB that a gRPC server takes by default."""


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """An OTLP backend, as a Collector's `otlp_grpc` or `otlp_http` exporter describes it."""

    endpoint: str
    """gRPC: `host:port`, or a URL whose scheme overrides `insecure`. HTTP: a base URL, to which
    `/v1/metrics` is added."""
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers: Mapping[str, str] = field(default_factory=dict)
    insecure: bool = True
    """gRPC without TLS. For HTTP the scheme of the endpoint decides."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    """Client certificate and key, for backends that demand one. Both or neither."""
    compression: Literal["gzip", "none"] = "gzip"
    timeout_s: float = 10.0
    """For one export, its retries included."""


def open_sdk_exporter(settings: OtlpSettings) -> SdkMetricExporter:
    """Set up the official exporter; it connects when it first sends.

    Raises `ConfigError` for an endpoint that cannot be one and for a TLS file that cannot be read.
    """
    if (settings.cert_file is None) != (settings.key_file is None):
        raise ConfigError(
            "exporter.otlp: cert_file and key_file belong together; give both or neither"
        )
    return _open_grpc(settings) if settings.protocol == "grpc" else _open_http(settings)


def _open_grpc(settings: OtlpSettings) -> SdkMetricExporter:
    text = settings.endpoint
    scheme, _, address = text.rpartition("://")
    if scheme not in {"", "http", "https"}:
        raise _bad_endpoint(text, f"the scheme {scheme} is unknown", "localhost:4317")
    _check_address(text, address, "localhost:4317", port_needed=True)
    insecure = settings.insecure if not scheme else scheme == "http"
    credentials = None
    if not insecure:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_read(settings.ca_file),
            private_key=_read(settings.key_file),
            certificate_chain=_read(settings.cert_file),
        )
    return GrpcMetricExporter(
        endpoint=address,
        insecure=insecure,
        credentials=credentials,
        # gRPC refuses metadata keys with capitals.
        headers=tuple((key.lower(), value) for key, value in settings.headers.items()),
        timeout=settings.timeout_s,
        compression=(
            grpc.Compression.Gzip
            if settings.compression == "gzip"
            else grpc.Compression.NoCompression
        ),
        max_export_batch_size=MAX_POINTS,
    )


def _open_http(settings: OtlpSettings) -> SdkMetricExporter:
    text = settings.endpoint
    scheme, found, address = text.partition("://")
    if not found or scheme not in {"http", "https"}:
        raise _bad_endpoint(text, "it must begin with http:// or https://", "http://localhost:4318")
    _check_address(text, address, "http://localhost:4318", port_needed=False)
    for path in (settings.ca_file, settings.cert_file, settings.key_file):
        _read(path)
    base = text.rstrip("/")
    return HttpMetricExporter(
        endpoint=base if base.endswith(METRICS_PATH) else base + METRICS_PATH,
        certificate_file=_name(settings.ca_file),
        client_key_file=_name(settings.key_file),
        client_certificate_file=_name(settings.cert_file),
        headers=dict(settings.headers),
        timeout=settings.timeout_s,
        compression=(
            HttpCompression.Gzip
            if settings.compression == "gzip"
            else HttpCompression.NoCompression
        ),
        max_export_batch_size=MAX_POINTS,
        session=_ConfiguredAuthority(),
    )


class _ConfiguredAuthority(requests.Session):
    """`ca_file` decides; by itself, requests would rather believe REQUESTS_CA_BUNDLE."""

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Everything else (proxies) comes from the environment as usual."""
        settings = super().merge_environment_settings(*args, **kwargs)
        return settings if self.verify is True else settings | {"verify": self.verify}


def _check_address(endpoint: str, address: str, example: str, *, port_needed: bool) -> None:
    """Refuse what has no host, or a port that is none; `urlsplit` knows IPv6 brackets."""
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise _bad_endpoint(endpoint, str(exc), example) from exc
    if not host:
        raise _bad_endpoint(endpoint, "it names no host", example)
    if port_needed and port is None:
        raise _bad_endpoint(endpoint, "it names no port", example)


def _bad_endpoint(endpoint: str, cause: str, example: str) -> ConfigError:
    return ConfigError(f"exporter.otlp.endpoint {endpoint!r}: {cause}; write it as {example}")


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(
            f"exporter.otlp: the TLS file {path} cannot be read: {exc.strerror}; "
            "give the path of a PEM file that this user may read"
        ) from exc


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path)
