"""An HTTP server beside the engine's other threads."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from sloengine.errors import OperatorError
from sloengine.server.endpoint import Endpoint
from sloengine.server.sockets import listen, warn_if_public
from sloengine.server.tls import TlsSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

logger = logging.getLogger(__name__)

_SHUTDOWN_OVERHEAD_S = 0.5  # two ticks of uvicorn's own loop, and some


class HttpServer:
    """Serves one ASGI application over HTTP/1.1 in a thread of its own, with a loop of its own.

    `what` names the listener in messages, `setting` the configuration key of its endpoint.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoint: Endpoint,
        *,
        what: str,
        setting: str,
        tls: TlsSettings | None = None,
        keep_alive_s: int = 75,
    ) -> None:
        self._app = app
        self._wanted = endpoint
        self._what = what
        self._setting = setting
        self._tls = tls
        self._keep_alive_s = keep_alive_s
        self._running: _Running | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens; while it runs, port 0 is replaced by what the system chose."""
        return self._wanted if self._running is None else self._running.endpoint

    def start(self) -> None:
        """Return when connections are accepted.

        Raises:
            OperatorError: The endpoint cannot be had.
            ConfigError: The TLS files cannot be used.
        """
        config = self._config()
        listener = listen(self._wanted, self._setting)
        bound = self._wanted
        if bound.path is None:
            bound = Endpoint(bound.host, listener.getsockname()[1])
        warn_if_public(bound, self._what)
        server = _Server(config)
        thread = threading.Thread(
            target=self._run, args=(server, listener), name=self._what, daemon=True
        )
        self._running = _Running(bound, listener, server, thread)
        thread.start()
        server.settled.wait()
        if not server.started:
            self.stop(0)
            raise OperatorError(f"{self._what} could not start on {bound}; the log says why")
        logger.info("%s listens on %s", self._what, bound)

    def stop(self, grace_s: float) -> None:
        """Accept no more; let requests in work finish for `grace_s` seconds, then cut them off."""
        running, self._running = self._running, None
        if running is None:
            return
        running.server.config.timeout_graceful_shutdown = max(1, round(grace_s))
        running.server.should_exit = True
        running.thread.join(grace_s + _SHUTDOWN_OVERHEAD_S)
        if running.thread.is_alive():
            running.server.force_exit = True
            running.thread.join()
        running.listener.close()
        if running.endpoint.path is not None:
            running.endpoint.path.unlink(missing_ok=True)

    def _config(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self._keep_alive_s,
        )
        config.load()
        if self._tls is not None:
            config.ssl = self._tls.server_context()
        return config

    def _run(self, server: _Server, listener: socket.socket) -> None:
        try:
            asyncio.run(server.serve(sockets=[listener]))
        except Exception:
            logger.exception("%s ended on an error", self._what)
        finally:
            server.settled.set()


@dataclass(frozen=True, slots=True)
class _Running:
    endpoint: Endpoint
    listener: socket.socket
    server: _Server
    thread: threading.Thread


class _Server(uvicorn.Server):
    """A server that says when it is up, or that it will not be."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open for connections, and say so."""
        await super().startup(sockets)
        self.settled.set()
