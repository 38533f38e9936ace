"""What pending traces cost, plain and in the kernel: nanoseconds of CPU per span, step by step."""

from __future__ import annotations

import tempfile
import time
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.bench import Bench
from benchmarks.payload import Payload, definitions
from benchmarks.processes import MeasurementError
from benchmarks.rows import Row
from sloengine.definitions import Plan, load_definitions
from sloengine.otlp import SpanBatch
from sloengine.otlp.kernel.decoder import KernelDecoder
from sloengine.ottl import ConditionTable
from sloengine.processor import Closed, NoHistory, Processor, ProcessorFactory, ProcessorSettings
from sloengine.processor.kernel import KernelProcessor, warm_up
from sloengine.store import FactColumns

_SECOND_NS = 10**9
_START_NS = 1_700_000_000 * _SECOND_NS
_SETTINGS = ProcessorSettings(idle_wait_ns=2 * _SECOND_NS, memory_bytes=1 << 30)
_REQUESTS_A_SECOND = 24
_LOOKS_A_SECOND = 5
_WARM_UP_S = 10
"""Until as many judged traces are remembered as may be: from then on no memory is new."""


def measure(bench: Bench) -> list[Row]:
    """Measure both, as `python -m benchmarks` does."""
    bench.say("pending traces")
    return rows(seconds=3) if bench.quick else rows()


def rows(seconds: int = 12) -> list[Row]:
    """Add requests of 8,192 spans at about 200,000 spans a second of arrival; close on the way.

    Closing includes the columns of facts, and what was judged stays in memory as long as it may;
    the kernel is measured when that much is there.
    """
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench.yaml").write_text(definitions())
        plan = load_definitions(Path(folder)).plan
    measured = []
    for shape, nested_only in (("one entry in most", False), ("two entries in each", True)):
        payload = Payload.of_spans(8192, nested_only=nested_only)
        table = ConditionTable(plan.fields, plan.conditions)
        decoder = KernelDecoder(plan.fields, table, plan.captures)
        batch = decoder.decode(payload.request(0, at_ns=_START_NS)).batch
        for name, make, length in (
            ("kernel", KernelProcessor, seconds),
            ("reference", Processor, 0),
        ):
            add_ns, close_ns = _run(make, plan, batch, payload, length)
            measured.append(Row(f"pending {name}, {shape}: add", add_ns, "ns/span"))
            measured.append(Row(f"pending {name}, {shape}: close", close_ns, "ns/span"))
    return measured


def _run(
    make: ProcessorFactory, plan: Plan, batch: SpanBatch, payload: Payload, seconds: int
) -> tuple[float, float]:
    """Return what adding and closing cost for each span; with 0 seconds, of two requests only."""
    processor = make(plan, batch.table, settings=_SETTINGS, key=b"k" * 32, history=NoHistory())
    add_ns = close_ns = 0
    found: Tally[tuple[str, str]] = Tally()
    warm_up = _WARM_UP_S * _REQUESTS_A_SECOND if seconds else 0
    requests = warm_up + (seconds * _REQUESTS_A_SECOND or 2)
    for number in range(requests):
        if number == warm_up:
            add_ns = close_ns = 0
        now_ns = _START_NS + number * _SECOND_NS // _REQUESTS_A_SECOND
        fresh = replace(batch, trace_hi=batch.trace_hi ^ np.uint64(number << 20))
        begun = time.process_time_ns()
        processor.add(fresh, position=number, arrival_ns=now_ns)
        add_ns += time.process_time_ns() - begun
        if number % (_REQUESTS_A_SECOND // _LOOKS_A_SECOND) == 0:
            begun = time.process_time_ns()
            closed = processor.close(now_ns)
            close_ns += time.process_time_ns() - begun
            found.update(facts_of(closed))
    begun = time.process_time_ns()
    closed = processor.close(now_ns, everything=True)
    if not warm_up:  # else as many spans were closed on the way as were added
        close_ns += time.process_time_ns() - begun
    found.update(facts_of(closed))
    wanted = {key: count * requests for key, count in payload.truth.items()}
    if found != wanted:
        raise MeasurementError(f"facts are wrong: expected {wanted}, found {dict(found)}")
    spans = (requests - warm_up) * payload.spans
    return add_ns / spans, close_ns / spans


def facts_of(closed: Closed) -> Mapping[tuple[str, str], int]:
    """Return how many facts were judged, by transaction and outcome."""
    counts = Tally((fact.transaction, str(fact.outcome)) for fact in closed.facts)
    columns = closed.columns
    return counts if columns is None else counts + _in_columns(columns)


def _in_columns(columns: FactColumns) -> Tally[tuple[str, str]]:
    transactions, outcomes = columns.transaction.texts, columns.outcome.texts
    pairs = columns.transaction.codes.astype(np.int64) * len(outcomes) + columns.outcome.codes
    numbers, counts = np.unique(pairs, return_counts=True)
    return Tally(
        {
            (transactions[number // len(outcomes)], outcomes[number % len(outcomes)]): count
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        }
    )
