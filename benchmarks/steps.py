"""Where the time of a span goes: the engine's stages one by one, in this process, on one thread.

What is missing against the end-to-end figure is reception (grpcio) and the hand-over between
threads.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from benchmarks.bench import Bench
from benchmarks.engine_server import WrongCountError
from benchmarks.load import LoadShape
from benchmarks.rows import Row
from benchmarks.workload import Workload, write_definitions
from sloengine.clock import SystemClock
from sloengine.definitions import Plan, load_definitions, load_text
from sloengine.otlp import Decoder, ReferenceDecoder, distinct_trace_ids, trace_ids_of
from sloengine.ottl import ConditionTable
from sloengine.processor import Processor, ProcessorSettings, SpoolHistory
from sloengine.spool import Spool
from sloengine.store import FactBatch, Store

_SPANS_PER_REQUEST = 8192
_ENOUGH_S = 4.0
_MOST_REQUESTS = 60
_DURABLE_S = 30.0
_T = TypeVar("_T")


class Timer:
    """CPU time by step."""

    def __init__(self) -> None:
        self.spent_ns: dict[str, int] = {}
        self._own_ns = time.thread_time_ns()
        self._all_ns = time.process_time_ns()

    def run(self, step: str, work: Callable[[], _T]) -> _T:
        """Do the work and add this thread's time for it to the step's."""
        begun = time.thread_time_ns()
        result = work()
        self._add(step, time.thread_time_ns() - begun)
        return result

    def other_threads(self, step: str) -> None:
        """Add to the step what other threads used since the last call."""
        own_ns, all_ns = time.thread_time_ns(), time.process_time_ns()
        self._add(step, all_ns - self._all_ns - (own_ns - self._own_ns))
        self._own_ns, self._all_ns = own_ns, all_ns

    def _add(self, step: str, spent_ns: int) -> None:
        self.spent_ns[step] = self.spent_ns.get(step, 0) + spent_ns


def measure(bench: Bench) -> Iterator[Row]:
    """Take requests through all stages and time each."""
    bench.say("steps")
    folder = bench.folder("steps")
    write_definitions(folder / "definitions")
    plan = load_definitions(folder / "definitions").plan
    clock = SystemClock()
    with Store.open(folder / "store", clock=clock) as store:
        store.register_plan(plan, at_ns=clock.now_ns())
        spool = Spool.open(
            folder / "spool", store_id=store.store_id, clock=clock, trace_ids_of=trace_ids_of
        )
        try:
            spans, timer = _through(plan, store, spool)
        finally:
            spool.close()
    for step, spent_ns in timer.spent_ns.items():
        yield Row(f"step: {step}", spent_ns / spans, "ns/span")
    yield Row("step: all of them", sum(timer.spent_ns.values()) / spans, "ns/span")


def _through(plan: Plan, store: Store, spool: Spool) -> tuple[int, Timer]:
    clock = SystemClock()
    table = ConditionTable(plan.fields, plan.conditions)
    decoder = _decoder(plan, table)
    history = SpoolHistory(
        spool, store, plan=plan, table=table, decoder_of=_decoder, plan_of=load_text
    )
    processor = Processor(
        plan, table, settings=ProcessorSettings(), key=store.hash_key, history=history
    )
    workload = Workload(LoadShape(_SPANS_PER_REQUEST))
    decoder.decode(workload.request(0))
    timer = Timer()
    requests = _take_in(decoder, spool, processor, workload, timer)
    timer.other_threads("spool: write and fsync")
    now_ns = clock.now_ns()
    closed = timer.run(
        "pending traces: close and judge", lambda: processor.close(now_ns, everything=True)
    )
    expected = workload.facts(requests)
    found: dict[str, dict[str, int]] = {}
    for fact in closed.facts:
        outcomes = found.setdefault(fact.transaction, {})
        outcomes[fact.outcome] = outcomes.get(fact.outcome, 0) + 1
    if found != expected:
        raise WrongCountError(f"facts are wrong: expected {expected}, found {found}")
    batch = FactBatch(
        facts=closed.facts,
        recheck=closed.recheck,
        position=spool.end,
        arrival_ns=now_ns,
        counters=closed.counters,
        origins=closed.origins,
    )
    timer.run("commit to DuckDB", lambda: store.commit(batch))
    timer.other_threads("commit to DuckDB")
    return requests * workload.spans_per_request, timer


def _take_in(
    decoder: Decoder, spool: Spool, processor: Processor, workload: Workload, timer: Timer
) -> int:
    """Take in requests for a while; return how many."""
    begun = time.monotonic()
    for number in itertools.count(1):
        _take(decoder, spool, processor, workload.request(number), timer)
        if time.monotonic() - begun > _ENOUGH_S or number == _MOST_REQUESTS:
            break
    spool.wait_durable(spool.end - 1, _DURABLE_S)
    return number


def _take(
    decoder: Decoder, spool: Spool, processor: Processor, payload: bytes, timer: Timer
) -> None:
    arrival_ns = SystemClock().now_ns()
    batch = timer.run("decode and conditions", lambda: decoder.decode(payload).batch)
    trace_ids = timer.run("distinct trace ids", lambda: distinct_trace_ids(batch))
    position = timer.run(
        "spool: checksum and index",
        lambda: spool.append(payload, arrival_ns=arrival_ns, trace_ids=trace_ids),
    )
    timer.run(
        "pending traces: add",
        lambda: processor.add(batch, position=position, arrival_ns=arrival_ns),
    )


def _decoder(plan: Plan, table: ConditionTable) -> Decoder:
    return ReferenceDecoder(plan.fields, table, plan.captures)
