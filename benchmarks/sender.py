"""The load, as a program of its own: `python -m benchmarks.sender`, driven by JSON lines.

Requests are serialised before the first is sent, and go out as raw bytes, so that the sender is not
what is measured. First line in: a `LoadShape`; answer: how many spans stand ready. Each further
line is a `LoadOrder`; its answer is a `Load`. The end of input ends it.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import grpc

from benchmarks.load import Load, LoadOrder, LoadShape
from benchmarks.workload import Block, Request, make_blocks

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TIMEOUT_S = 60.0
_RETRY_S = 0.05
_RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)

_Export = Callable[..., bytes]


class Blocks:
    """The same blocks again and again, under new trace ids each time. Safe between threads."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._begun = 0

    def next(self) -> tuple[Block, int]:
        """Return the next block, and the round that its trace ids must be of."""
        round_number, index = divmod(self._begun, len(self._blocks))
        self._begun += 1
        return self._blocks[index], round_number


class Run:
    """One order being carried out. Every block that is begun is sent whole, traces and all."""

    def __init__(self, blocks: Blocks, shape: LoadShape, order: LoadOrder) -> None:
        self._blocks = blocks
        self._order = order
        self._compression = (
            grpc.Compression.Gzip if shape.compressed else grpc.Compression.NoCompression
        )
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Request, int]] = deque()
        self._due_spans = self._spans = self._retries = 0
        self._latencies: list[float] = []
        self._facts: dict[str, Counter[str]] = {}
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
            spans=self._spans,
            requests=len(self._latencies),
            wall_s=wall_s,
            cpu_s=time.process_time() - cpu_s,
            retries=self._retries,
            p50_ms=ordered[len(ordered) // 2],
            p99_ms=ordered[len(ordered) * 99 // 100],
            longest_ms=ordered[-1],
            facts={name: dict(outcomes) for name, outcomes in self._facts.items()},
        )

    def _work(self, export: _Export) -> None:
        for request, round_number in self._requests():
            payload = request.stamped(round_number)
            self._wait_for_turn(request.spans)
            begun = time.monotonic()
            retries = 0
            while not self._try(export, payload):
                retries += 1
                time.sleep(_RETRY_S)
            spent_ms = (time.monotonic() - begun) * 1000
            with self._lock:
                self._spans += request.spans
                self._retries += retries
                self._latencies.append(spent_ms)

    def _requests(self) -> Iterator[tuple[Request, int]]:
        """Hand out requests, block after block, to all callers."""
        while True:
            with self._lock:
                if not self._waiting:
                    if time.monotonic() - self._begun >= self._order.seconds:
                        return
                    block, round_number = self._blocks.next()
                    self._waiting.extend((request, round_number) for request in block.requests)
                    for name, outcomes in block.facts.items():
                        self._facts.setdefault(name, Counter()).update(outcomes)
                request = self._waiting.popleft()
            yield request

    def _wait_for_turn(self, spans: int) -> None:
        if self._order.spans_per_s:
            with self._lock:
                due = self._begun + self._due_spans / self._order.spans_per_s
                self._due_spans += spans
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
    """Read the shape, make the blocks, then carry out orders until the input ends."""
    shape = LoadShape(**json.loads(sys.stdin.readline()))
    made = make_blocks(shape)
    _answer({"spans": sum(request.spans for block in made for request in block.requests)})
    blocks = Blocks(made)
    for line in sys.stdin:
        _answer(asdict(Run(blocks, shape, LoadOrder(**json.loads(line))).load()))


def _answer(document: object) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
