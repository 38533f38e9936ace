"""Questions from this machine: an HTTP server on a 0600 Unix socket, and its client.

DuckDB lets no second process open a live file, so other commands ask the running engine.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sloengine.errors import ExitCode, RetryError, SloengineError

Question = Callable[[Mapping[str, str]], str]
"""Parameters in, answer out. Runs in a worker thread; may raise `SloengineError`."""

_EXIT_CODE = "x-sloengine-exit-code"
_LONGEST_SOCKET_PATH = 107
"""What `sockaddr_un` holds, without its closing zero."""


def local_app(questions: Mapping[str, Question]) -> Starlette:
    """Return an app that answers `GET /<name>?parameters` for each of `questions`."""
    return Starlette(
        routes=[
            Route(f"/{name}", _endpoint(question), methods=["GET"])
            for name, question in questions.items()
        ]
    )


def _endpoint(question: Question) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        try:
            text = await run_in_threadpool(question, dict(request.query_params))
        except SloengineError as error:
            code = str(int(error.exit_code))
            return PlainTextResponse(str(error), status_code=400, headers={_EXIT_CODE: code})
        return PlainTextResponse(text)

    return answer


class LocalAnswerError(SloengineError):
    """The running engine refused the question; its own words and exit code."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def ask(
    path: Path, name: str, parameters: Mapping[str, str], *, timeout_s: float = 60
) -> str | None:
    """Ask the engine that listens at `path`; `None` where none does.

    Raises:
        LocalAnswerError: the engine refused.
        RetryError: it did not answer within `timeout_s`, or ended while answering.
    """
    if not _fits_socket(path):
        return None  # no engine could listen there
    connection = _UnixConnection(path, timeout_s)
    try:
        connection.connect()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise RetryError(
            f"{path}: cannot reach the engine ({error}); run as the same user"
        ) from error
    try:
        connection.request("GET", f"/{name}?{urlencode(parameters)}")
        response = connection.getresponse()
        body = response.read().decode("utf-8")
    except (OSError, http.client.HTTPException) as error:
        raise RetryError(f"{path}: the engine did not answer ({error}); try again") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        code = int(response.headers.get(_EXIT_CODE, ExitCode.FAILED))
        raise LocalAnswerError(body, ExitCode(code))
    return body


def _fits_socket(path: Path) -> bool:
    """Whether a Unix socket can have this path: its length is limited by the system."""
    return len(str(path).encode()) <= _LONGEST_SOCKET_PATH


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
