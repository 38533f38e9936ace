"""The HTTP server in its thread, and the health page on it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sloengine.clock import FrozenClock
from sloengine.errors import ConfigError, OperatorError
from sloengine.server import Endpoint, HttpServer, Readiness, TlsSettings, health_app

LOCAL = Endpoint("127.0.0.1", 0)


@contextmanager
def served(
    app: Starlette, endpoint: Endpoint = LOCAL, tls: TlsSettings | None = None
) -> Iterator[Endpoint]:
    server = HttpServer(app, endpoint, what="health page", setting="health_check.endpoint", tls=tls)
    server.start()
    try:
        yield server.endpoint
    finally:
        server.stop(1)


def get(connection: http.client.HTTPConnection, method: str = "GET") -> tuple[int, bytes]:
    connection.request(method, "/")
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def test_health_is_unavailable_until_the_engine_is_ready_and_again_when_it_is_not() -> None:
    clock = FrozenClock(1_700_000_000_250_000_000)
    readiness = Readiness(clock)
    with served(health_app(readiness)) as endpoint:

        def health() -> tuple[int, dict[str, str]]:
            status, body = get(http.client.HTTPConnection(endpoint.host, endpoint.port))
            return status, json.loads(body)

        assert health() == (
            503,
            {"status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": ""},
        )
        readiness.set_ready()
        clock.advance(3_723_500_000_000)
        readiness.set_ready()
        assert health() == (
            200,
            {
                "status": "Server available",
                "upSince": "2023-11-14T22:13:20.250000000Z",
                "uptime": "1h2m3.5s",
            },
        )
        readiness.set_not_ready()
        assert health()[0] == 503


def test_health_answers_head_and_refuses_post() -> None:
    readiness = Readiness(FrozenClock(0))
    readiness.set_ready()
    with served(health_app(readiness)) as endpoint:
        host, port = endpoint.host, endpoint.port
        assert get(http.client.HTTPConnection(host, port), "HEAD") == (200, b"")
        assert get(http.client.HTTPConnection(host, port), "POST")[0] == 405


def test_a_port_in_use_names_the_setting_and_leaves_no_thread() -> None:
    app = health_app(Readiness(FrozenClock(0)))
    with served(app) as endpoint:
        before = threading.active_count()
        second = HttpServer(app, endpoint, what="health page", setting="health_check.endpoint")
        with pytest.raises(OperatorError, match=r"in use .* --set health_check\.endpoint="):
            second.start()
        second.stop(1)
        assert threading.active_count() == before


def test_it_can_be_stopped_twice_and_started_again() -> None:
    server = HttpServer(
        health_app(Readiness(FrozenClock(0))), LOCAL, what="health page", setting="x"
    )
    for _ in range(2):
        server.start()
        assert server.endpoint.port > 0
        server.stop(1)
        server.stop(1)


def test_over_a_unix_socket_only_the_owner_is_served(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with served(health_app(Readiness(FrozenClock(0))), Endpoint(path=path)) as endpoint:
        assert endpoint.path == path
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(path))
        assert get(connection)[0] == 503
    assert not path.exists()


def test_a_request_in_work_is_answered_before_the_server_stops() -> None:
    arrived, release = threading.Event(), threading.Event()

    def slow(_request: Request) -> Response:
        arrived.set()
        release.wait(10)
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/", slow)])
    server = HttpServer(app, LOCAL, what="slow page", setting="x")
    server.start()
    connection = http.client.HTTPConnection(server.endpoint.host, server.endpoint.port)
    connection.request("GET", "/")
    assert arrived.wait(10)
    stopping = threading.Thread(target=server.stop, args=(10,))
    stopping.start()
    release.set()
    assert connection.getresponse().read() == b"done"
    stopping.join(10)
    assert not stopping.is_alive()


def test_a_stop_without_grace_does_not_wait_for_a_stuck_request() -> None:
    arrived = threading.Event()

    async def stuck(request: Request) -> Response:
        arrived.set()
        await request.body()  # never complete
        return PlainTextResponse("never")

    server = HttpServer(
        Starlette(routes=[Route("/", stuck, methods=["POST"])]), LOCAL, what="page", setting="x"
    )
    server.start()
    with socket.create_connection((server.endpoint.host, server.endpoint.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert arrived.wait(10)
        server.stop(0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TlsSettings]:
    folder = tmp_path_factory.mktemp("tls")

    def make(name: str) -> TlsSettings:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            f"-subj /CN={name} -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
            f"-keyout {key} -out {certificate}"
        )
        try:
            subprocess.run(command.split(), check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("openssl is not installed; install it to run this test")
        return TlsSettings(certificate, key)

    return make


def test_with_tls_and_a_client_ca_only_clients_with_a_certificate_get_an_answer(
    certificates: Callable[[str], TlsSettings],
) -> None:
    server_files, client_files = certificates("server"), certificates("client")
    tls = TlsSettings(
        server_files.cert_file, server_files.key_file, client_ca_file=client_files.cert_file
    )
    with served(health_app(Readiness(FrozenClock(0))), tls=tls) as endpoint:
        context = ssl.create_default_context(cafile=str(server_files.cert_file))
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            get(http.client.HTTPSConnection(endpoint.host, endpoint.port, context=context))
        context.load_cert_chain(client_files.cert_file, client_files.key_file)
        status, _ = get(http.client.HTTPSConnection(endpoint.host, endpoint.port, context=context))
        assert status == 503


def test_tls_files_that_cannot_be_used_are_named(
    certificates: Callable[[str], TlsSettings], tmp_path: Path
) -> None:
    good, other = certificates("good"), certificates("other")
    absent = tmp_path / "absent.pem"
    for wrong in (
        TlsSettings(absent, good.key_file),
        TlsSettings(good.cert_file, other.key_file),
        TlsSettings(good.cert_file, good.key_file, client_ca_file=absent),
    ):
        with pytest.raises(ConfigError, match=r"tls: .*cannot be used"):
            wrong.read()
    assert good.read().certificate_chain.startswith(b"-----BEGIN CERTIFICATE-----")
