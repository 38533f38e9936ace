"""Reading the spool again after `kill -9`."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from benchmarks.bench import Bench, Truth
from benchmarks.load import LoadOrder, LoadShape, Sender
from benchmarks.rows import Row, at_least


def measure(bench: Bench) -> Iterator[Row]:
    """Kill an engine whose traces all wait, and start it again on the same store."""
    bench.say("replay from the spool")
    truth = Truth()
    with Sender(LoadShape(8192)) as sender:
        engine = bench.engine("replay", "processor.idle_wait=8s")
        empty_s = engine.start()
        try:
            empty_cpu_s = engine.cpu_s()
            load = sender.send(LoadOrder(engine.endpoint, bench.seconds))
            truth.add(load)
            engine.stop(signal.SIGKILL)
            full_s = engine.start()
            full_cpu_s = engine.cpu_s()
            bench.say("replay: waiting for the facts")
            engine.wait_facts(truth.facts)
        finally:
            engine.stop()
    yield Row("replay from the spool: spans", load.spans, "spans")
    yield Row(
        "replay from the spool: CPU",
        load.spans / max(full_cpu_s - empty_cpu_s, 0.01),
        "spans/CPU-s",
    )
    yield Row(
        "replay from the spool: wall",
        load.spans / max(full_s - empty_s, 0.01),
        "spans/s",
        bound=at_least(1.5e6),
    )
