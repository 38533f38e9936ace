"""Send the shop's traffic to an OTLP endpoint and come back with the truth."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from sloengine.clock import Clock
from sloengine.demo.pages import visit
from sloengine.demo.purchase import checkout
from sloengine.demo.schedule import Fault, Visit, arrivals
from sloengine.demo.story import Story
from sloengine.demo.telemetry import Delivery, ShopTelemetry
from sloengine.demo.truth import Truth

DEFAULT_TRACES = 15_000
DEFAULT_SEED = 4
SPREAD_NS = 5 * 60 * 10**9
"""Event time over which the visits are spread."""
_BEFORE_NOW_NS = 30 * 10**9
"""The last visit begins this long before now, so that every span has ended by then."""
_TRACES_PER_ROUND = 200

Progress = Callable[[int, int, Fault], None]
"""Called after each round and at each change: traces made, traces in all, the fault that is on."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What was sent, what was acknowledged, and what really happened."""

    traces: int
    spans: int
    acknowledged_traces: int
    acknowledged_spans: int
    truth: Truth
    start_ns: int
    """No span begins before it (event time)."""
    end_ns: int
    """No span ends after it."""
    elapsed_ns: int
    """How long making and sending took."""

    @property
    def lost(self) -> int:
        """Return how many traces were not acknowledged whole."""
        return self.traces - self.acknowledged_traces


def run_demo(
    endpoint: str,
    *,
    clock: Clock,
    traces: int = DEFAULT_TRACES,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> DemoResult:
    """Make `traces` visits, send their spans to `endpoint` (gRPC, `host:port`), wait for answers.

    Event time is the five minutes that end half a minute before now. The same seed tells the same
    visits with the same ids and outcomes, whatever the time of day. Spans that the endpoint never
    acknowledges are counted, not raised. Raises `OperatorError` where the SDK is switched off.
    """
    begun = clock.monotonic_ns()
    now = clock.now_ns()
    end = now - _BEFORE_NOW_NS
    start = end - SPREAD_NS
    rng = random.Random(f"shop {seed}")
    truth = Truth()
    with ShopTelemetry(endpoint, seed=seed) as telemetry:
        unsent = 0
        announced = Fault.NONE
        visits = arrivals(traces, start_ns=start, end_ns=end, seed=seed)
        for made, arrival in enumerate(visits, start=1):
            story = Story(telemetry.tracers, arrival.at_ns)
            if arrival.visit is Visit.CHECKOUT:
                checkout(story, arrival, rng, truth)
            else:
                visit(story, arrival, rng, truth)
            unsent += 1
            if unsent == _TRACES_PER_ROUND or made == traces:
                telemetry.send(unsent)
                unsent = 0
            if progress is not None and (unsent == 0 or arrival.fault is not announced):
                announced = arrival.fault
                progress(made, traces, announced)
        delivery: Delivery = telemetry.finish()
    return DemoResult(
        traces=delivery.traces,
        spans=delivery.spans,
        acknowledged_traces=delivery.acknowledged_traces,
        acknowledged_spans=delivery.acknowledged_spans,
        truth=truth,
        start_ns=start,
        end_ns=now,
        elapsed_ns=clock.monotonic_ns() - begun,
    )
