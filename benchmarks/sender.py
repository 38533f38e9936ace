"""The load, as a program of its own: `python -m benchmarks.sender`, driven by JSON lines.

Requests are serialised before the first is sent; only ids and times are written into the bytes of
each, so that the sender is not what is measured. First line in: a `LoadShape`; answer: how many
spans a request really has. Each further line is a `LoadOrder`; its answer is a `Load`. The end of
input ends it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import grpc

from benchmarks.load import Load, LoadOrder, LoadShape
from benchmarks.workload import Workload

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TIMEOUT_S = 60.0
_RETRY_S = 0.05
_RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)

_Export = Callable[..., bytes]


class Run:
    """One order being carried out, with the requests from number `first` on."""

    def __init__(self, workload: Workload, shape: LoadShape, order: LoadOrder, first: int) -> None:
        self._workload = workload
        self._order = order
        self._compression = (
            grpc.Compression.Gzip if shape.compressed else grpc.Compression.NoCompression
        )
        self._lock = threading.Lock()
        self._first = self._next = first
        self._retries = 0
        self._latencies: list[float] = []
        self._begun = time.monotonic()

    def load(self) -> Load:
        """Send until the time is over and everything is acknowledged."""
        cpu_s = time.process_time()
        self._begun = time.monotonic()
        channels = [_channel(self._order.endpoint) for _ in range(self._order.connections)]
        callers: list[_Export] = []
        for channel in channels:
            callers += [channel.unary_unary(_METHOD)] * self._order.calls
        with ThreadPoolExecutor(len(callers)) as threads:
            list(threads.map(self._work, callers))
        wall_s = time.monotonic() - self._begun
        for channel in channels:
            channel.close()
        ordered = sorted(self._latencies) or [0.0]
        return Load(
            spans=len(self._latencies) * self._workload.spans_per_request,
            requests=len(self._latencies),
            wall_s=wall_s,
            cpu_s=time.process_time() - cpu_s,
            retries=self._retries,
            p50_ms=ordered[len(ordered) // 2],
            p99_ms=ordered[len(ordered) * 99 // 100],
            longest_ms=ordered[-1],
            facts=self._workload.facts(len(self._latencies)),
        )

    def _work(self, export: _Export) -> None:
        for number in self._numbers():
            payload = self._workload.request(number)
            self._wait_for_turn(number)
            begun = time.monotonic()
            retries = 0
            while not self._try(export, payload):
                retries += 1
                time.sleep(_RETRY_S)
            spent_ms = (time.monotonic() - begun) * 1000
            with self._lock:
                self._retries += retries
                self._latencies.append(spent_ms)

    def _numbers(self) -> Iterator[int]:
        """Hand out requests to all callers until the time is over."""
        while time.monotonic() - self._begun < self._order.seconds:
            with self._lock:
                number = self._next
                self._next += 1
            yield number

    def _wait_for_turn(self, number: int) -> None:
        if self._order.spans_per_s:
            spans = (number - self._first) * self._workload.spans_per_request
            due = self._begun + spans / self._order.spans_per_s
            time.sleep(max(0.0, due - time.monotonic()))

    def _try(self, export: _Export, payload: bytes) -> bool:
        try:
            export(payload, timeout=_TIMEOUT_S, compression=self._compression)
        except grpc.RpcError as error:
            if error.code() in _RETRIED:
                return False
            raise
        return True


def _channel(endpoint: str) -> grpc.Channel:
    # Channels of one process share their connections unless each has a pool of its own.
    return grpc.insecure_channel(endpoint, options=[("grpc.use_local_subchannel_pool", 1)])


def main() -> None:
    """Read the shape, make the requests, then carry out orders until the input ends."""
    shape = LoadShape(**json.loads(sys.stdin.readline()))
    workload = Workload(shape)
    _answer({"spans_per_request": workload.spans_per_request})
    first = 0
    for line in sys.stdin:
        load = Run(workload, shape, LoadOrder(**json.loads(line)), first).load()
        first += load.requests
        _answer(asdict(load))


def _answer(document: object) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
