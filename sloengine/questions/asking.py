"""Where a running engine is asked, and the client of its local socket.

DuckDB lets no second process open a live file, so other commands ask the engine that has it open.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from sloengine.errors import ExitCode, RetryError, SloengineError

STORE_FOLDER = Path("sloengine-data")
"""The store's folder, where neither an option nor a configuration names another."""

EXIT_CODE_HEADER = "x-sloengine-exit-code"
"""Header of a refusal: the `ExitCode` with which the command ends."""

_SOCKET = "engine.sock"
_LONGEST_SOCKET_PATH = 107
"""What `sockaddr_un` holds, without its closing zero."""


def socket_of(store: Path) -> Path:
    """Return where the engine of a store listens for questions; absolute."""
    return (store / _SOCKET).absolute()


class LocalAnswerError(SloengineError):
    """The running engine refused the question; its own words and exit code."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def ask(
    store: Path, name: str, parameters: Mapping[str, str], *, timeout_s: float = 60
) -> str | None:
    """Ask the engine that runs on a store; `None` where none does.

    Raises:
        LocalAnswerError: the engine refused.
        RetryError: it did not answer within `timeout_s`, or ended while answering.
    """
    path = socket_of(store)
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
        code = int(response.headers.get(EXIT_CODE_HEADER, ExitCode.FAILED))
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
