"""Programs under measurement: started, watched through /proc, ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
"""Where programs are started: the checkout."""

_TICKS = os.sysconf("SC_CLK_TCK")
_START_S = 120.0
_STOP_S = 60.0
_QUIET_S = 0.4
_QUIET_CPU_S = 0.03


class MeasurementError(Exception):
    """A measurement that gave no figure, and why."""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now; all are held until all are known."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Ask every 50 ms.

    Raises:
        MeasurementError: it did not come true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise MeasurementError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.05)


class Server:
    """A program with a health port, running from `with` to its end; its output is in `log`."""

    def __init__(
        self, name: str, command: Sequence[str], *, endpoint: str, health_port: int, log: Path
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        """Where it receives OTLP/gRPC."""
        self._command = command
        self._health_port = health_port
        self._log = log
        self._running: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        if self._running is None:
            raise MeasurementError(f"{self.name} does not run")
        return self._running.pid

    def start(self) -> float:
        """Start it, wait until it is healthy, and return how long that took, in seconds."""
        begun = time.monotonic()
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )
        wait_until(self._is_healthy, f"{self.name} is healthy; see {self._log}", _START_S)
        return time.monotonic() - begun

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """End it; does nothing where it does not run."""
        if self._running is None:
            return
        self._running.send_signal(with_signal)
        try:
            self._running.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

    def signal(self, which: signal.Signals) -> None:
        """Send it a signal that it handles."""
        os.kill(self.pid, which)

    def output(self) -> str:
        """Everything it wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def cpu_s(self) -> float:
        """Return the CPU time of all its threads since it started."""
        # The second field is the program's name in brackets, which may hold blanks.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_mib(self) -> float:
        """Return its resident memory now."""
        return self._status("VmRSS")

    def peak_mib(self) -> float:
        """Return the most memory that was ever resident."""
        return self._status("VmHWM")

    def wait_quiet(self, timeout_s: float = 120) -> None:
        """Return when it has used next to no CPU for a moment: its work is done."""
        last = self.cpu_s()

        def is_quiet() -> bool:
            nonlocal last
            time.sleep(_QUIET_S)
            before, last = last, self.cpu_s()
            return last - before <= _QUIET_CPU_S

        wait_until(is_quiet, f"{self.name} comes to rest", timeout_s)

    def _status(self, key: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == key:
                return int(value.split()[0]) / 1024
        raise MeasurementError(f"/proc/{self.pid}/status has no {key}")

    def _is_healthy(self) -> bool:
        if self._running is None or self._running.poll() is not None:
            raise MeasurementError(f"{self.name} ended at once:\n{self.output()}")
        return http_get(self._health_port, "/") is not None


def http_get(port: int, path: str) -> str | None:
    """Return the body of an answer of 200; `None` for any other, and while nobody listens."""
    connection = http.client.HTTPConnection("localhost", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == http.HTTPStatus.OK else None
    except OSError:
        return None
    finally:
        connection.close()
