"""`Sender`: the load generator's process, as a measurement sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from benchmarks.processes import ROOT, MeasurementError


@dataclass(frozen=True, slots=True)
class LoadShape:
    """What is sent."""

    spans_per_request: int
    """About: whole traces only."""
    compressed: bool = False
    """Compressed by grpcio while sending: the sender's CPU, not the receiver's."""
    two_entries: bool = False
    """Whether every trace holds two business transactions."""


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """Where to send to, for how long, and how eagerly."""

    endpoint: str
    seconds: float
    connections: int = 2
    calls: int = 2
    """In flight on each connection."""
    spans_per_s: float = 0
    """0: as fast as the other side answers."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was sent and acknowledged."""

    spans: int
    requests: int
    wall_s: float
    cpu_s: float
    """Of the sender."""
    retries: int
    """How often a request was refused for the moment, and sent again."""
    p50_ms: float
    p99_ms: float
    longest_ms: float
    """From the first attempt to the acknowledgement."""
    facts: dict[str, dict[str, int]] = field(default_factory=dict)
    """The business transactions in it, by name and outcome: the generator's own count."""


class Sender:
    """A sender with its requests ready; ends with its `with`."""

    def __init__(self, shape: LoadShape) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sender"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._spans_per_request = 0
        self._write(asdict(shape))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.kill()
        self._running.communicate()

    def wait_ready(self) -> int:
        """Return how many spans a request has, once they stand ready."""
        if not self._spans_per_request:
            self._spans_per_request = int(self._read()["spans_per_request"])
        return self._spans_per_request

    def send(self, order: LoadOrder) -> Load:
        """Carry out an order; returns when everything is acknowledged."""
        self.begin(order)
        return self.finish()

    def begin(self, order: LoadOrder) -> None:
        """Carry out an order beside the caller, who must call `finish` later."""
        self.wait_ready()
        self._write(asdict(order))

    def finish(self) -> Load:
        """Wait for the end of the order that was begun."""
        return Load(**self._read())

    def _write(self, document: object) -> None:
        print(json.dumps(document), file=self._running.stdin, flush=True)

    def _read(self) -> dict[str, Any]:
        line = self._running.stdout.readline() if self._running.stdout else ""
        if not line:
            raise MeasurementError("the sender ended before its answer; its error is above")
        answer: dict[str, Any] = json.loads(line)
        return answer
