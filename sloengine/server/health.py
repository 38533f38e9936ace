"""The health page: the same address, statuses and body as the Collector's `health_check`."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sloengine.clock import Clock

_NEVER = "0001-01-01T00:00:00Z"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Readiness:
    """Whether the engine takes work, and since when. Not ready at first. Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: tuple[int, int] | None = None  # wall and monotonic, nanoseconds

    def set_ready(self) -> None:
        """Say that work is taken from now on; it stays since when it was."""
        with self._lock:
            if self._since is None:
                self._since = (self._clock.now_ns(), self._clock.monotonic_ns())

    def set_not_ready(self) -> None:
        """Say that no work is taken: starting, draining or failed."""
        with self._lock:
            self._since = None

    def report(self) -> tuple[bool, dict[str, str]]:
        """Return whether work is taken, and the body that says so."""
        with self._lock:
            since = self._since
        if since is None:
            return False, {"status": "Server not available", "upSince": _NEVER, "uptime": ""}
        wall_ns, monotonic_ns = since
        return True, {
            "status": "Server available",
            "upSince": _instant_text(wall_ns),
            "uptime": _uptime_text(self._clock.monotonic_ns() - monotonic_ns),
        }


def health_app(readiness: Readiness) -> Starlette:
    """Answer `GET /` with 200 while ready and with 503 while not."""

    async def health(_request: Request) -> Response:
        ready, body = readiness.report()
        return JSONResponse(body, status_code=200 if ready else 503)

    return Starlette(routes=[Route("/", health, methods=["GET"])])


def _instant_text(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _uptime_text(ns: int) -> str:
    """A length of time as Go prints it: `1h2m3.5s`, `2m0.25s`, `0.001s`."""
    seconds, rest = divmod(max(ns, 0), 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    text = f"{seconds}{fraction}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
