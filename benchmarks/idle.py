"""Memory of an engine that has nothing to do, and how long it takes to start."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.rows import Row, at_most

_REST_S = 3.0


def measure(bench: Bench) -> Iterator[Row]:
    """Start an engine on an empty store and leave it alone."""
    bench.say("idle memory")
    engine = bench.engine("idle")
    start_s = engine.start()
    try:
        time.sleep(_REST_S)
        engine.wait_quiet()
        before = engine.cpu_s()
        time.sleep(_REST_S)
        busy = (engine.cpu_s() - before) / _REST_S
        resident_mib, peak_mib = engine.resident_mib(), engine.peak_mib()
    finally:
        engine.stop()
    yield Row("idle: memory", resident_mib, "MiB", bound=at_most(220, demanded=True))
    yield Row("idle: peak memory of the start", peak_mib, "MiB")
    yield Row("idle: CPU in use", busy, "cores")
    yield Row("start, empty store", start_s, "s")
