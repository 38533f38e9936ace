"""OTLP/gRPC.

Requests reach the handler as the sender compressed them: inflating is done by faster means than
grpcio's, and the spool keeps what came. grpcio does not say which compression a message has, so the
first two bytes tell: those of gzip cannot begin a protobuf message. `identity` and `gzip` are all
that is taken. Anything else is refused by grpcio before this code is asked (deflate with
UNIMPLEMENTED; zstd and snappy, which it does not know at all, with INTERNAL), and so are requests
over the size limit as they come (RESOURCE_EXHAUSTED): those can be neither counted nor logged here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Never

import grpc
from google.rpc import code_pb2

from sloengine.errors import OperatorError
from sloengine.receiver.admission import Admission
from sloengine.receiver.ingest import Ingest, Request
from sloengine.receiver.settings import GrpcSettings
from sloengine.receiver.status import MAX_MESSAGE, Refusal, Refusals, refusal_of, response_of
from sloengine.server import Endpoint, listen, warn_if_public
from sloengine.spool import Encoding

logger = logging.getLogger(__name__)

TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
OTHER_SERVICES = (
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "opentelemetry.proto.collector.profiles.v1development.ProfilesService",
)

_GZIP = b"\x1f\x8b"
_IDENTITY_AND_GZIP = 0b101
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_NOT_TRACES = Refusal(
    "unsupported",
    code_pb2.UNIMPLEMENTED,
    404,
    "sloengine takes traces only; send metrics, logs and profiles elsewhere",
)
_Context = grpc.ServicerContext


class GrpcReceiver:
    """An OTLP/gRPC server; see `serve_grpc`."""

    def __init__(self, server: grpc.Server, endpoint: Endpoint) -> None:
        self._server = server
        self.endpoint = endpoint
        """Where it listens, with the port that the system chose for port 0."""

    def stop(self, grace_s: float) -> None:
        """Accept no more; let requests in work finish for `grace_s` seconds, then cut them off."""
        self._server.stop(grace_s).wait()
        if self.endpoint.path is not None:
            self.endpoint.path.unlink(missing_ok=True)


def serve_grpc(
    ingest: Ingest, settings: GrpcSettings, *, admission: Admission, refusals: Refusals
) -> GrpcReceiver:
    """Start an OTLP/gRPC server and return when it accepts requests.

    Raises:
        OperatorError: The endpoint cannot be had.
        ConfigError: The TLS files cannot be used.
    """
    server = grpc.server(
        ThreadPoolExecutor(settings.workers, thread_name_prefix="otlp-grpc"),
        handlers=_handlers(ingest, admission, refusals, settings.max_request_bytes),
        options=_options(settings),
    )
    endpoint = _open_port(server, settings)
    warn_if_public(endpoint, "OTLP/gRPC receiver")
    server.start()
    logger.info("OTLP/gRPC receiver listens on %s", endpoint)
    return GrpcReceiver(server, endpoint)


def _options(settings: GrpcSettings) -> list[tuple[str, int]]:
    # `maximum_concurrent_rpcs` is left alone on purpose: its RESOURCE_EXHAUSTED comes without
    # RetryInfo, which tells senders to drop the data.
    return [
        ("grpc.max_receive_message_length", settings.max_request_bytes),
        ("grpc.per_message_decompression", 0),
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        # Two engines on one port would each get a share of the traces.
        ("grpc.so_reuseport", 0),
        # Senders that ping every 10 s, idle or not, must not be sent away ("too_many_pings").
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_ping_strikes", 0),
    ]


def _open_port(server: grpc.Server, settings: GrpcSettings) -> Endpoint:
    wanted = settings.endpoint
    # grpcio does not say why it cannot bind, and takes "localhost" for bound when only one of its
    # addresses is: so try the endpoint first, and give grpcio the one address that was found.
    with listen(wanted, settings.setting) as probe:
        address = probe.getsockname()
    if wanted.path is not None:
        wanted.path.unlink(missing_ok=True)
        target = f"unix:{wanted.path}"
    else:
        target = str(Endpoint(address[0], wanted.port))
    try:
        if settings.tls is None:
            port = server.add_insecure_port(target)
        else:
            files = settings.tls.read()
            credentials = grpc.ssl_server_credentials(
                [(files.private_key, files.certificate_chain)],
                root_certificates=files.client_roots,
                require_client_auth=files.client_roots is not None,
            )
            port = server.add_secure_port(target, credentials)
    except RuntimeError as error:
        raise OperatorError(
            f"{wanted} cannot be opened ({error}); choose another with --set {settings.setting}=…"
        ) from error
    if wanted.path is not None:
        wanted.path.chmod(0o600)
        return wanted
    return Endpoint(wanted.host, port)


def _handlers(
    ingest: Ingest, admission: Admission, refusals: Refusals, limit: int
) -> list[grpc.GenericRpcHandler]:
    def export(body: bytes, context: _Context) -> bytes:
        answer = _take(ingest, admission, body, limit)
        if isinstance(answer, Refusal):
            refuse(answer, context)
        return answer

    def refuse_other(_payload: bytes, context: _Context) -> bytes:
        refuse(_NOT_TRACES, context)

    def refuse(refusal: Refusal, context: _Context) -> Never:
        refusals.add("grpc", refusal)
        context.set_trailing_metadata(_trailers(refusal))
        # Trailers have a limit of some KiB in clients, and what is not ASCII grows there.
        details = refusal.message[:MAX_MESSAGE].encode("ascii", "replace").decode("ascii")
        context.abort(_CODES[refusal.code], details)

    return [
        _service(TRACE_SERVICE, export),
        *(_service(name, refuse_other) for name in OTHER_SERVICES),
    ]


def _take(ingest: Ingest, admission: Admission, body: bytes, limit: int) -> bytes | Refusal:
    encoding = Encoding.GZIP if body.startswith(_GZIP) else Encoding.IDENTITY
    try:
        with admission.reservation() as reservation:
            reservation.grow(len(body))
            accepted = ingest.accept(Request(body, encoding, limit, reservation.grow))
    except Exception as error:  # noqa: BLE001 (refusal_of logs what it does not know)
        return refusal_of(error)
    if not accepted.rejected and not accepted.message:
        return b""  # the response without a partial success, for less
    return response_of(accepted).SerializeToString()


def _service(name: str, export: Callable[[bytes, _Context], bytes]) -> grpc.GenericRpcHandler:
    # Without serializers grpcio hands over bytes and takes bytes.
    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
    return grpc.method_handlers_generic_handler(name, {"Export": method})


def _trailers(refusal: Refusal) -> tuple[tuple[str, bytes], ...]:
    """The status in full and, where there is one, the wait as Python's exporter looks for it."""
    trailers = [("grpc-status-details-bin", refusal.status().SerializeToString())]
    if refusal.retry_after_s is not None:
        info = Refusal.retry_info(refusal.retry_after_s)
        trailers.append(("google.rpc.retryinfo-bin", info.SerializeToString()))
    return tuple(trailers)
