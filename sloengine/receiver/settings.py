"""What the receiver is told by its caller; plain values, already checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from sloengine.server import Endpoint, TlsSettings

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """Which browser pages may send. With no origin (the default) none may.

    An origin may hold `*` for any characters, as in `https://*.example.com`.
    """

    allowed_origins: tuple[str, ...] = ()
    allowed_headers: tuple[str, ...] = ()
    """Beside `Content-Type` and those that browsers allow by themselves."""
    max_age_s: int = 600


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """OTLP/gRPC."""

    endpoint: Endpoint = field(default_factory=lambda: Endpoint("localhost", 14317))
    max_request_bytes: int = 64 * _MIB
    """After decompression; above it a request is refused for good."""
    workers: int = 16
    """Requests in work at once; further ones wait in the connection."""
    max_concurrent_streams: int = 128
    """Requests that one connection may have open; the sender waits with further ones."""
    tls: TlsSettings | None = None
    setting: str = "receiver.protocols.grpc.endpoint"
    """The configuration key of the endpoint, for messages."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """OTLP/HTTP, protobuf and JSON."""

    endpoint: Endpoint = field(default_factory=lambda: Endpoint("localhost", 14318))
    max_request_bytes: int = 64 * _MIB
    """Before and after decompression; above it a request is refused for good."""
    workers: int = 16
    """Requests in work at once; further ones wait with their bodies read."""
    read_timeout_s: float = 30.0
    """The longest that a sender may take to send a body."""
    traces_path: str = "/v1/traces"
    cors: CorsSettings = CorsSettings()
    tls: TlsSettings | None = None
    setting: str = "receiver.protocols.http.endpoint"
    """The configuration key of the endpoint, for messages."""
