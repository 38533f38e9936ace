"""Listeners: what receiver, health page and local pages share.

In: an endpoint as an operator writes it, TLS files, an ASGI application.
Out: a bound, listening socket and a server that runs in a thread of its own.

Guaranteed: when `start` returns, connections are accepted; an endpoint that cannot be had is one
`OperatorError` that names the setting to change; Unix sockets have mode 0600 before anyone can
connect; a listener that other machines can reach is warned about.
"""

from sloengine.server.endpoint import Endpoint, parse_endpoint
from sloengine.server.health import Readiness, health_app
from sloengine.server.http_server import HttpServer
from sloengine.server.local import Question, local_app
from sloengine.server.sockets import listen, warn_if_public
from sloengine.server.tls import TlsMaterial, TlsSettings

__all__ = [
    "Endpoint",
    "HttpServer",
    "Question",
    "Readiness",
    "TlsMaterial",
    "TlsSettings",
    "health_app",
    "listen",
    "local_app",
    "parse_endpoint",
    "warn_if_public",
]
