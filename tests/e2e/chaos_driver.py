"""An engine that is killed again and again under senders that do not give up, and the true counts.

Nothing here knows how the engine works: it starts the program, sends OTLP over gRPC, kills with
SIGKILL, and reads `sloengine report --format json`. What the counts should be follows from how
the traces were made.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

PROGRAM = Path(sys.executable).with_name("sloengine")
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SECOND = 10**9

DEFINITIONS = """\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry:
    - span.kind == SPAN_KIND_SERVER and span.attributes["http.route"] == "/checkout"
  outcome:
    - excluded: {reason: probe, trace: {anySpan: 'span.attributes["synthetic"] == "bot"'}}
    - failed: {reason: error, entry: span.status.code == STATUS_CODE_ERROR}
    - failed:
        reason: payment
        anySpan: span.name == "charge" and span.status.code == STATUS_CODE_ERROR
    - failed: {reason: no-order, noSpan: 'span.attributes["order.id"] != nil'}
    - slow: {longerThan: 4s}
  promise: {target: 99%, window: 28d}
---
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: browse}
spec:
  entry:
    - span.kind == SPAN_KIND_SERVER and span.attributes["http.route"] == "/browse"
  outcome:
    - slow: {longerThan: 1s}
  promise: {target: 95%, window: 28d}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True)
class Counts:
    """What a report says about one business transaction's promise."""

    good: int
    total: int
    excluded: int


class Engine:
    """`sloengine serve` in a process of its own, with a store that outlives it."""

    def __init__(self, folder: Path) -> None:
        definitions = folder / "slo-definitions"
        definitions.mkdir(parents=True)
        (definitions / "shop.yaml").write_text(DEFINITIONS)
        self.otlp = f"127.0.0.1:{free_port()}"
        self._health = f"127.0.0.1:{free_port()}"
        self._config = folder / "engine.yaml"
        self._log = folder / "engine.log"
        self._config.write_text(
            yaml.safe_dump(
                {
                    "receiver": {
                        "protocols": {
                            "grpc": {"endpoint": self.otlp},
                            "http": {"endpoint": f"127.0.0.1:{free_port()}"},
                        }
                    },
                    "definitions": {"path": str(definitions)},
                    "store": {"directory": str(folder / "store")},
                    "spool": {"segment_mib": 1},
                    # Short, so that parts of a trace often come after it was judged.
                    "processor": {"idle_wait": "300ms", "max_wait": "1s"},
                    "evaluate": {"interval": "1s"},
                    "extensions": {"health_check": {"endpoint": self._health}},
                }
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self.kill()

    @property
    def log(self) -> str:
        """What all its processes wrote."""
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        """Start it; it may not be ready yet."""
        assert self._process is None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "serve", "--config", self._config], stdout=log, stderr=log
            )

    def wait_ready(self, deadline_s: float = 60) -> None:
        """Return once the health port says that it serves."""
        assert self._process is not None
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://{self._health}/", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise AssertionError(f"the engine did not become ready:\n{self.log}")

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._process = None
        return code

    def report(self) -> dict[str, Any]:
        """Return the report, from the running engine or from its store."""
        done = subprocess.run(
            [PROGRAM, "report", "--format", "json", "--config", self._config],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.log}"
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def counts(self) -> dict[str, Counts]:
        """Return what the report says, by business transaction."""
        return {
            slo["transaction"]: Counts(slo["good"], slo["total"], slo["excluded"])
            for slo in self.report()["slos"]
        }


@dataclass(frozen=True)
class Part:
    """One span, ready for the wire, with the service that sends it."""

    service: str
    span: bytes


@dataclass
class Shop:
    """Makes traces whose outcome is known, and counts those outcomes by itself."""

    dice: random.Random
    traces: int = 0
    _good: Counter[str] = field(default_factory=Counter)
    _total: Counter[str] = field(default_factory=Counter)
    _excluded: Counter[str] = field(default_factory=Counter)

    def truth(self) -> dict[str, Counts]:
        """What a report must say once everything made so far has arrived."""
        return {
            name: Counts(self._good[name], self._total[name], self._excluded[name])
            for name in ("checkout", "browse")
        }

    def trace(self) -> list[Part]:
        """Make one trace and count it."""
        self.traces += 1
        case = self.dice.choices(
            ["good", "browse", "error", "payment", "no-order", "slow", "bot", "both"],
            [8, 5, 1, 2, 1, 1, 1, 2],
        )[0]
        trace_id = self.dice.randbytes(15) + b"\x01"
        begin = time.time_ns() - 60 * SECOND
        parts: list[Part] = []
        above = b""
        if case in {"browse", "both"}:
            slow = self.dice.random() < 0.2
            # Exactly the limit is not longer.
            took = SECOND + 1 if slow else SECOND
            above = self._add(
                parts, trace_id, b"", begin, took, "GET /browse", route="/browse", server=True
            )
            self._add(parts, trace_id, above, begin, took // 2, "render")
            self._count("browse", good=not slow)
        if case != "browse":
            took = 4 * SECOND + (1 if case == "slow" else 0)
            entry = self._add(
                parts,
                trace_id,
                above,
                begin,
                took,
                "POST /checkout",
                route="/checkout",
                server=True,
                error=case == "error",
            )
            call = self._add(parts, trace_id, entry, begin, SECOND, "pay", client=True)
            self._add(
                parts,
                trace_id,
                call,
                begin,
                SECOND // 2,
                "charge",
                service="payment",
                server=True,
                error=case == "payment",
                synthetic="bot" if case == "bot" else "",
            )
            order = "" if case == "no-order" else "o-1"
            self._add(parts, trace_id, entry, begin, SECOND // 4, "store", order=order)
            if case == "bot":
                self._excluded["checkout"] += 1
            else:
                self._count("checkout", good=case in {"good", "both"})
        return parts

    def _count(self, name: str, *, good: bool) -> None:
        self._total[name] += 1
        self._good[name] += good

    def _add(
        self,
        parts: list[Part],
        trace_id: bytes,
        parent: bytes,
        begin: int,
        took: int,
        name: str,
        *,
        service: str = "frontend",
        server: bool = False,
        client: bool = False,
        error: bool = False,
        **attributes: str,
    ) -> bytes:
        names = {"route": "http.route", "synthetic": "synthetic", "order": "order.id"}
        span_id = self.dice.randbytes(7) + b"\x01"
        span = Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            kind=(
                Span.SPAN_KIND_SERVER
                if server
                else Span.SPAN_KIND_CLIENT
                if client
                else Span.SPAN_KIND_INTERNAL
            ),
            start_time_unix_nano=begin,
            end_time_unix_nano=begin + took,
            status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
            attributes=[text(names[key], value) for key, value in attributes.items() if value],
        )
        parts.append(Part(service, span.SerializeToString()))
        return span_id


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def request_of(parts: Iterable[Part]) -> bytes:
    """Pack spans into a request, grouped by service as an exporter does."""
    request = ExportTraceServiceRequest()
    by_service: dict[str, list[bytes]] = {}
    for part in parts:
        by_service.setdefault(part.service, []).append(part.span)
    for service, spans in by_service.items():
        group = request.resource_spans.add()
        group.resource.attributes.append(text("service.name", service))
        scope = group.scope_spans.add()
        for span in spans:
            scope.spans.add().ParseFromString(span)
    return request.SerializeToString()


RETRY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
}


class Senders:
    """Threads that send until every span is acknowledged, as Collectors do, and more.

    Spans of many traces are mixed; what was not acknowledged is sent again in other batches; some
    of what was acknowledged is sent again too. New traces are made until `finish`.
    """

    def __init__(self, target: str, shop: Shop, threads: int) -> None:
        self._target = target
        self._shop = shop
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[Part] = []
        self._on_the_way = 0
        self._sent: list[Part] = []
        self._finishing = False
        self._stopped = threading.Event()
        self.acknowledged = 0
        """Requests."""
        self.failed = 0
        """Requests that got no answer or were put off."""
        self.repeated = 0
        """Spans sent again although they had been acknowledged."""
        self.refused: list[str] = []
        """Answers that no sender may get for these requests."""
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(n),), daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def wait_acknowledged(self, more: int, deadline_s: float = 60) -> None:
        """Return once that many more requests were acknowledged."""
        with self._lock:
            wanted = self.acknowledged + more
            assert self._changed.wait_for(
                lambda: self.acknowledged >= wanted or self.refused, deadline_s
            )
            assert self.refused == []

    def finish(self, deadline_s: float = 120) -> None:
        """Make no more traces; return once every span was acknowledged."""
        with self._lock:
            self._finishing = True
        until = time.monotonic() + deadline_s
        for thread in self._threads:
            thread.join(max(0, until - time.monotonic()))
            assert not thread.is_alive(), "spans are left that were never acknowledged"
        assert self.refused == []

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, dice: random.Random) -> None:
        while not self._stopped.is_set():
            # A new channel after each failure: no waiting for one that backs off.
            with grpc.insecure_channel(self._target) as channel:
                export: Callable[..., bytes] = channel.unary_unary(EXPORT)
                while not self._stopped.is_set():
                    batch = self._take(dice)
                    if batch is None:
                        return
                    if not self._send(export, *batch):
                        break
            self._stopped.wait(0.05)

    def _take(self, dice: random.Random) -> tuple[list[Part], list[Part]] | None:
        """Return what to send: spans not acknowledged yet, and repeats; `None` at the end."""
        with self._lock:
            while not self._finishing and len(self._waiting) < 400:
                self._waiting += self._shop.trace()
            if not self._waiting:
                # Another thread may still give back what it failed to send.
                self._changed.wait_for(lambda: self._waiting or not self._on_the_way)
            if not self._waiting:
                return None
            count = min(len(self._waiting), dice.randint(1, 120))
            fresh = []
            for _ in range(count):
                chosen = dice.randrange(len(self._waiting))
                self._waiting[chosen], self._waiting[-1] = self._waiting[-1], self._waiting[chosen]
                fresh.append(self._waiting.pop())
            again = []
            if self._sent and dice.random() < 0.3:
                again = dice.choices(self._sent, k=dice.randint(1, 40))
            self._on_the_way += count
            return fresh, again

    def _send(self, export: Callable[..., bytes], fresh: list[Part], again: list[Part]) -> bool:
        problem = None
        try:
            answer = export(request_of([*fresh, *again]), timeout=20)
            response = ExportTraceServiceResponse.FromString(answer)
            if response.partial_success.rejected_spans:
                problem = str(response)
            acknowledged = True
        except grpc.RpcError as error:
            acknowledged = False
            if error.code() not in RETRY:
                problem = str(error)
        with self._lock:
            self._on_the_way -= len(fresh)
            if acknowledged:
                self.acknowledged += 1
                self.repeated += len(again)
                self._sent += fresh
            else:
                self.failed += 1
                self._waiting += fresh
            if problem is not None:
                self.refused.append(problem)
                self._stopped.set()
            self._changed.notify_all()
        return acknowledged


def wait_for_counts(
    engine: Engine, expected: Mapping[str, Counts], deadline_s: float
) -> dict[str, Counts]:
    """Ask for reports until one says what is expected, or time is up; return the last counts."""
    until = time.monotonic() + deadline_s
    while True:
        counts = engine.counts()
        if counts == expected or time.monotonic() > until:
            return counts
        if any(counts[name].total > expected[name].total for name in expected):
            # Too many never get fewer; the moment itself is worth seeing.
            return counts


@dataclass(frozen=True)
class Outcome:
    """What a run of chaos came to."""

    expected: dict[str, Counts]
    served: dict[str, Counts]
    """By the running engine, once it had judged everything."""
    stored: dict[str, Counts]
    """From the store, after the engine was stopped."""
    report: dict[str, Any]
    acknowledged: int
    failed: int
    repeated: int
    log: str


def run_chaos(folder: Path, *, kills: int, seed: int, deadline_s: float = 60) -> Outcome:
    """Kill an engine that often under load, let it come to rest, and compare."""
    dice = random.Random(seed)
    shop = Shop(random.Random(seed + 1))
    with Engine(folder) as engine:
        engine.start()
        engine.wait_ready()
        senders = Senders(engine.otlp, shop, threads=3)
        try:
            for _ in range(kills):
                senders.wait_acknowledged(dice.randint(1, 60))
                # Any moment will do: while frames are written, facts are committed, or neither.
                time.sleep(dice.random() * 0.5)
                engine.kill()
                engine.start()
                if dice.random() < 0.25:
                    # Also while it comes up and replays.
                    time.sleep(dice.random() * 1.5)
                    engine.kill()
                    engine.start()
                engine.wait_ready()
            senders.finish()
        finally:
            senders.stop()
        expected = shop.truth()
        served = wait_for_counts(engine, expected, deadline_s)
        code = engine.stop()
        assert code in {0, os.EX_OK}, engine.log
        return Outcome(
            expected=expected,
            served=served,
            stored=engine.counts(),
            report=engine.report(),
            acknowledged=senders.acknowledged,
            failed=senders.failed,
            repeated=senders.repeated,
            log=engine.log,
        )
