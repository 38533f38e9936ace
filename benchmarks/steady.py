"""A steady 100,000 spans a second: how long acknowledgements and facts take, and in what memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.bench import Bench, Truth
from benchmarks.load import LoadOrder, LoadShape, Sender
from benchmarks.rows import Row, at_least, at_most

_RATE = 100_000
_IDLE_WAIT_S = 10.0
_WARM_UP_S = 2.0
_SMALLEST_SHARE = 0.99


def measure(bench: Bench) -> Iterator[Row]:
    """Send at a steady rate with the engine's default waits."""
    seconds = bench.steady_s
    bench.say(f"steady: {_RATE:,} spans/s for {seconds:g} s")
    truth = Truth()
    with (
        Sender(LoadShape(2048)) as sender,
        bench.engine("steady", f"processor.idle_wait={_IDLE_WAIT_S:g}s") as engine,
    ):
        truth.add(sender.send(LoadOrder(engine.endpoint, _WARM_UP_S, spans_per_s=_RATE)))
        before = engine.cpu_s()
        load = sender.send(LoadOrder(engine.endpoint, seconds, spans_per_s=_RATE))
        busy = (engine.cpu_s() - before) / load.wall_s
        ended = time.monotonic()
        truth.add(load)
        bench.say("steady: waiting for the last facts")
        time.sleep(_IDLE_WAIT_S - 0.5)
        engine.wait_facts(truth.facts)
        facts_s = time.monotonic() - ended
        peak_mib = engine.peak_mib()
    name = f"steady {_RATE:,} spans/s"
    yield Row(
        f"{name}: reached",
        load.spans / load.wall_s,
        "spans/s",
        bound=at_least(_RATE * _SMALLEST_SHARE),
    )
    yield Row(f"{name}: CPU in use", busy, "cores")
    yield Row(f"{name}: acknowledgement, median", load.p50_ms, "ms")
    yield Row(f"{name}: acknowledgement, p99", load.p99_ms, "ms", bound=at_most(50))
    yield Row(f"{name}: acknowledgement, longest", load.longest_ms, "ms", bound=at_most(100))
    yield Row(f"{name}: last span to last fact", facts_s, "s", bound=at_most(_IDLE_WAIT_S + 1.5))
    yield Row(f"{name}: peak memory", peak_mib, "MiB", bound=at_most(350))
