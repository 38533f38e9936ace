"""The demo shop: traffic whose truth is known, sent through a real OpenTelemetry SDK.

In: an OTLP/gRPC endpoint, or a way to make an engine. Out: spans, and the `Truth` that the shop
counted while it made them. Guaranteed: the same seed gives the same visits, ids and outcomes; every
span has ended before now; nothing reads the spans to learn the truth.
"""

from sloengine.demo.generate import DEFAULT_SEED, DEFAULT_TRACES, DemoResult, run_demo
from sloengine.demo.run import DEFINITIONS, DemoEngine, EngineFactory, check, demo
from sloengine.demo.truth import Truth, differences

__all__ = [
    "DEFAULT_SEED",
    "DEFAULT_TRACES",
    "DEFINITIONS",
    "DemoEngine",
    "DemoResult",
    "EngineFactory",
    "Truth",
    "check",
    "demo",
    "differences",
    "run_demo",
]
