"""What decoding costs, conditions included: nanoseconds of CPU per span, kernel and reference."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.payload import Payload, definitions
from benchmarks.rows import Row
from sloengine.definitions import Plan, load_definitions
from sloengine.otlp import Decoder, ReferenceDecoder
from sloengine.otlp.kernel.decoder import KernelDecoder
from sloengine.ottl import ConditionTable, parse_condition

_START_NS = 1_700_000_000 * 10**9
_REQUESTS = 24


def measure(bench: Bench) -> list[Row]:
    """Measure all decoders on the same requests."""
    bench.say("decode")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench.yaml").write_text(definitions())
        plan = load_definitions(Path(folder)).plan
    measured: list[Row] = []

    def add(name: str, value: float, unit: str = "ns/span") -> None:
        measured.append(Row(name, round(value, 1), unit))

    for spans, repeats in ((8192, 6), (512, 30)):
        payload = Payload.of_spans(spans)
        if spans == 8192:
            add("bytes per span", len(payload.request(0, at_ns=0)) / payload.spans, "bytes")
        kernel = _kernel(plan)
        add(f"decode kernel, {spans}-span requests", _cost(kernel, payload, repeats))
    payload = Payload.of_spans(8192)
    add("decode reference, 8192-span requests", _cost(_reference(plan), payload, 1, requests=2))
    for name, condition in (
        ("equality on unique values", 'span.attributes["url.path"] == "/api/orders/00000042"'),
        ("two unique fields compared", 'span.attributes["url.path"] != span.attributes["x"]'),
        (
            "two unique fields measured",
            'Len(span.attributes["url.path"]) > Len(span.attributes["client.address"])',
        ),
        ("own duration", 'span.end_time - span.start_time > Duration("4s")'),
        ("regex on unique values", r'IsMatch(span.attributes["url.path"], "^/api/orders/0+42$")'),
    ):
        add(f"decode kernel, {name}", _cost(_with_condition(plan, condition), payload, 2))
    return measured


def _kernel(plan: Plan) -> KernelDecoder:
    table = ConditionTable(plan.fields, plan.conditions)
    decoder = KernelDecoder(plan.fields, table, plan.captures)
    decoder.warm_up()
    return decoder


def _reference(plan: Plan) -> ReferenceDecoder:
    table = ConditionTable(plan.fields, plan.conditions)
    return ReferenceDecoder(plan.fields, table, plan.captures)


def _with_condition(plan: Plan, text: str) -> KernelDecoder:
    conditions = [*plan.conditions, parse_condition(text)]
    fields = sorted({*plan.fields, *conditions[-1].fields})
    decoder = KernelDecoder(fields, ConditionTable(fields, conditions), plan.captures)
    decoder.warm_up()
    return decoder


def _cost(decoder: Decoder, payload: Payload, repeats: int, requests: int = _REQUESTS) -> float:
    """Return nanoseconds of CPU per span over requests of distinct traces."""
    fresh = iter(range(10**6))
    decoder.decode(payload.request(next(fresh), at_ns=_START_NS))
    costs = []
    for _ in range(repeats):
        made = [payload.request(next(fresh), at_ns=_START_NS) for _ in range(requests)]
        costs.append(_timed(decoder.decode, made))
    return min(costs) / payload.spans


def _timed(decode: Callable[[bytes], object], requests: list[bytes]) -> float:
    begun = time.process_time_ns()
    for request in requests:
        decode(request)
    return (time.process_time_ns() - begun) / len(requests)
