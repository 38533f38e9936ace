"""A small set of definitions, requests for it, and an engine on free ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sloengine.clock import Clock, FrozenClock
from sloengine.config import EngineConfig
from sloengine.definitions import load_definitions
from sloengine.engine import Engine
from sloengine.instrumentation import Instrumentation
from sloengine.otlp import trace_ids_of
from sloengine.otlp.kernel import DecoderMaker
from sloengine.pipeline import Pipeline
from sloengine.processor import ProcessorSettings
from sloengine.receiver import Accepted, Request
from sloengine.spool import Spool
from sloengine.store import Store
from sloengine.wiring import HotPath, hot_path

SECOND_NS = 10**9
NOON_NS = 1_764_072_000 * SECOND_NS

CHECKOUT = """
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry:
    - resource.attributes["service.name"] == "shop" and span.name == "checkout"
  outcome:
    - failed: {entry: span.status.code == STATUS_CODE_ERROR}
    - slow: {longerThan: 4s}
  promise: {target: 99%, window: 28d}
"""

REJECTING = CHECKOUT.replace(
    "    - slow:", "    - failed: {reason: no-payment, noSpan: 'span.name == \"pay\"'}\n    - slow:"
)


def span(
    trace: int,
    number: int,
    name: str = "checkout",
    *,
    parent: int = 0,
    start_s: float = 0.0,
    duration_s: float = 1.0,
    error: bool = False,
) -> Span:
    start_ns = NOON_NS + int(start_s * SECOND_NS)
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + int(duration_s * SECOND_NS),
        status=Status(code=Status.STATUS_CODE_ERROR if error else Status.STATUS_CODE_UNSET),
    )


def request(*spans: Span, service: str = "shop") -> bytes:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    attribute = resource_spans.resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    resource_spans.scope_spans.add().spans.extend(spans)
    return message.SerializeToString()


def write_definitions(folder: Path, text: str = CHECKOUT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkout.yaml").write_text(text, encoding="utf-8")
    return folder


def config_of(folder: Path, **more: Any) -> EngineConfig:
    keys: dict[str, Any] = {
        "receiver": {
            "protocols": {
                "grpc": {"endpoint": "127.0.0.1:0"},
                "http": {"endpoint": "127.0.0.1:0"},
            }
        },
        "definitions": {"path": write_definitions(folder / "definitions")},
        "store": {"directory": folder / "data"},
        "processor": {"idle_wait": "50ms", "max_wait": "10s"},
        "extensions": {"health_check": None},
        "service": {"hot_path": "reference"},
    }
    return EngineConfig.model_validate({**keys, **more})


@contextmanager
def running(config: EngineConfig, clock: Clock | None = None) -> Iterator[Engine]:
    engine = Engine(config, clock=clock)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


_on: ContextVar[str] = ContextVar("hot path of `pipeline`", default="reference")


@cache
def hot_path_of(name: str) -> HotPath:
    """Compiled once for all tests of a process."""
    return hot_path(name)


@contextmanager
def on(name: str) -> Iterator[None]:
    """Let every `pipeline` inside run on a hot path: `auto` or `reference`."""
    token = _on.set(name)
    try:
        yield
    finally:
        _on.reset(token)


@contextmanager
def pipeline(
    folder: Path,
    clock: FrozenClock,
    *,
    definitions: str = CHECKOUT,
    recent_traces: int = 1000,
    horizon_ns: int = 3600 * SECOND_NS,
    disk_budget: int = 1 << 30,
    segment_bytes: int = 1 << 20,
    memory_bytes: int = 256 << 20,
    reread_share: float = 0.1,
    decoders: Callable[[DecoderMaker], DecoderMaker] = lambda made: made,
) -> Iterator[tuple[Pipeline, Store, Spool]]:
    """The stages without listeners, on a clock that the test moves."""
    hot = hot_path_of(_on.get())
    plan = load_definitions(write_definitions(folder / "definitions", definitions)).plan
    store = Store.open(folder / "data", clock=clock)
    spool = Spool.open(
        folder / "data" / "spool",
        store_id=store.store_id,
        clock=clock,
        trace_ids_of=trace_ids_of,
        committed=store.position or 0,
        disk_budget=disk_budget,
        segment_bytes=segment_bytes,
    )
    try:
        stages = Pipeline(
            plan,
            store=store,
            spool=spool,
            clock=clock,
            settings=ProcessorSettings(
                idle_wait_ns=10 * SECOND_NS,
                max_wait_ns=120 * SECOND_NS,
                recent_traces=recent_traces,
                late_horizon_ns=horizon_ns,
                memory_bytes=memory_bytes,
                reread_share=reread_share,
            ),
            instrumentation=Instrumentation.disabled(),
            hot_path=replace(hot, decoders=decoders(hot.decoders)),
        )
        stages.recover()
        yield stages, store, spool
    finally:
        spool.close()
        store.close()


def outcomes(store: Store) -> list[tuple[int, str, str, str]]:
    """Return (trace, transaction, outcome, reason) of every stored fact."""
    with store.reader() as reader:
        return sorted(
            (fact.trace_id, fact.transaction, str(fact.outcome), fact.reason)
            for fact in reader.facts()
        )


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Ask again until it holds: what runs in other threads has no other way to tell."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


def take(stages: Pipeline, payload: bytes) -> Accepted:
    """Let a request come in that is not compressed."""
    return stages.accept(Request.plain(payload))


def all_of(stages: Pipeline, payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        take(stages, payload)
