"""Where the time of a span goes: the engine's stages one by one, in this process, on the kernels.

What is missing against the end-to-end figure is reception (grpcio), the hand-over between threads
and the counting of the engine's own health: `benchmarks.ratios` gives it as one row.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest.mock import patch

from zlib_ng import zlib_ng

from benchmarks.bench import Bench
from benchmarks.end_to_end import LARGE, SMALL, Variant
from benchmarks.engine_server import WrongCountError
from benchmarks.payload import Payload
from benchmarks.pending import facts_of
from benchmarks.rows import Row
from benchmarks.workload import write_definitions
from sloengine.clock import SystemClock
from sloengine.definitions import Plan, load_definitions, load_text
from sloengine.memory import keep_freed_memory
from sloengine.otlp import Decoder, trace_ids_of
from sloengine.ottl import ConditionTable
from sloengine.processor import ProcessorSettings, RereadBudget, SpoolHistory, TraceProcessor
from sloengine.processor.kernel.facts import FactWriter
from sloengine.receiver import Accepted, Repeats, Request
from sloengine.spool import Encoding, Spool, TraceIds
from sloengine.store import FactBatch, Store, commit
from sloengine.wiring import load_kernels

ALL = "all of them"
_INFLATE = "inflate, of gzip only (not in the sum)"
_REPEATS = "hash of the request"
_DECODE = "decode and conditions"
_PREPARE = "spool: checksum, trace hashes"
_WRITE = "spool: write and fsync"
_ADD = "pending traces: add"
_CLOSE = "pending traces: close and judge"
_COLUMNS = "columns of facts"
_COMMIT = "commit to DuckDB"
_STEPS = (_REPEATS, _DECODE, _PREPARE, _WRITE, _ADD, _CLOSE, _COLUMNS, _COMMIT)

_ROUND_NS = 500_000_000
"""Between two commits, as in the engine; of arrival, not of the clock on the wall."""
_SPANS_A_ROUND = 98_304
_IDLE_WAIT_NS = 1_000_000_000
"""Two rounds: sizes of request take turns, so each closes traces that came in its own size."""
_SETTINGS = ProcessorSettings(idle_wait_ns=_IDLE_WAIT_NS)
_WARM_UP = 8
"""Rounds of each size until as many judged traces are remembered as may be."""
_ROUNDS = 9
_WARM_UP_QUICK, _ROUNDS_QUICK = 2, 3
_INFLATED = 5
_DURABLE_S = 30.0
_T = TypeVar("_T")


def step_name(step: str, variant: Variant) -> str:
    """Return the name of a step's row."""
    return f"step: {step}, {variant.shape.spans_per_request:,} a request"


class Timer:
    """CPU time of this thread by step; a step inside another counts for itself alone."""

    def __init__(self) -> None:
        self.spent_ns: Counter[str] = Counter()
        self._inner_ns = 0

    def run(self, step: str, work: Callable[[], _T]) -> _T:
        """Do the work and add what it takes to the step's."""
        before_ns, self._inner_ns = self._inner_ns, 0
        begun_ns = time.thread_time_ns()
        result = work()
        spent_ns = time.thread_time_ns() - begun_ns
        self.spent_ns[step] += spent_ns - self._inner_ns
        self._inner_ns = before_ns + spent_ns
        return result

    def round(self) -> Mapping[str, int]:
        """Return what was spent since the last call."""
        spent_ns, self.spent_ns = self.spent_ns, Counter()
        return spent_ns


class _OtherThreads:
    """CPU time of the threads beside this one: the spool's by their clocks, the rest is DuckDB's.

    Made once the spool is open.
    """

    def __init__(self) -> None:
        self._clocks = [
            time.pthread_getcpuclockid(thread.ident)
            for thread in threading.enumerate()
            if thread.ident is not None and thread.name.startswith("spool-")
        ]

    def read(self) -> Counter[str]:
        spool_ns = sum(map(time.clock_gettime_ns, self._clocks))
        others_ns = time.process_time_ns() - time.thread_time_ns()
        return Counter({_WRITE: spool_ns, _COMMIT: others_ns - spool_ns})


class _Load:
    """Requests of one size, and what they cost in each round that counts."""

    def __init__(self, variant: Variant, seed: int) -> None:
        self.variant = variant
        self.in_flight = variant.connections * variant.calls
        self._payload = Payload.of_spans(variant.shape.spans_per_request)
        self._seed = seed
        self._sent = 0
        self.requests = round(_SPANS_A_ROUND / self._payload.spans)
        self.facts = {key: n * self.requests for key, n in self._payload.truth.items()}
        """Of one round."""
        self.costs: list[Mapping[str, float]] = []
        """By step: nanoseconds a span."""

    def next_round(self, at_ns: int) -> list[Request]:
        first, self._sent = self._sent, self._sent + self.requests
        return [
            Request.plain(self._payload.request(number, at_ns=at_ns, seed=self._seed))
            for number in range(first, self._sent)
        ]

    def add(self, spent_ns: Mapping[str, int]) -> None:
        spans = self.requests * self._payload.spans
        costs = {step: spent_ns[step] / spans for step in _STEPS}
        self.costs.append({**costs, ALL: sum(costs.values())})

    def rows(self) -> Iterator[Row]:
        yield Row.of_runs(step_name(_INFLATE, self.variant), self._inflate(), "ns/span")
        for step in (*_STEPS, ALL):
            costs = [of_round[step] for of_round in self.costs]
            # The mean: what comes now and then (a checkpoint, a new segment) is not noise.
            yield Row(
                step_name(step, self.variant),
                statistics.fmean(costs),
                "ns/span",
                lowest=min(costs),
                highest=max(costs),
            )

    def _inflate(self) -> list[float]:
        plain = self.next_round(0)[: 2 * self.in_flight]
        packed = [Request(zlib_ng.compress(r.stored, 1, 31), Encoding.GZIP) for r in plain]
        costs = []
        for _ in range(_INFLATED):
            timer = Timer()
            for request in packed:
                timer.run(_INFLATE, request.payload)
            costs.append(timer.spent_ns[_INFLATE] / len(packed) / self._payload.spans)
        return costs


@dataclass(frozen=True, slots=True)
class _Stages:
    """The engine, taken apart."""

    store: Store
    spool: Spool
    repeats: Repeats
    decoder: Decoder
    processor: TraceProcessor
    timer: Timer

    def take(self, request: Request, arrival_ns: int) -> int:
        """Take in a request; return its position."""
        run, spool = self.timer.run, self.spool
        run(_REPEATS, lambda: self.repeats.once(request, arrival_ns, Accepted))
        batch = run(_DECODE, lambda: self.decoder.decode(request.payload()).batch)
        ids = TraceIds(*batch.traces)
        prepared = run(
            _PREPARE,
            lambda: spool.prepare(request.stored, trace_ids=ids, encoding=request.encoding),
        )
        position = run(_WRITE, lambda: spool.append_prepared(prepared, arrival_ns=arrival_ns))
        run(_ADD, lambda: self.processor.add(batch, position=position, arrival_ns=arrival_ns))
        return position

    def wait_durable(self, position: int) -> None:
        """Return once all requests up to that position are on the disk."""
        self.timer.run(_WRITE, lambda: self.spool.wait_durable(position, _DURABLE_S))

    def settle(self, now_ns: int) -> Mapping[tuple[str, str], int]:
        """Close and commit what is due; return how many facts of which transaction and outcome."""
        run = self.timer.run
        closed = run(_CLOSE, lambda: self.processor.close(now_ns))
        batch = FactBatch(
            facts=closed.facts,
            recheck=closed.recheck,
            position=self.processor.safe_position(self.spool.end),
            arrival_ns=now_ns,
            counters=closed.counters,
            origins=closed.origins,
            columns=closed.columns,
        )
        stored = run(_COMMIT, lambda: self.store.commit(batch))
        self.spool.commit_position(batch.position)
        facts = facts_of(closed)
        if stored.new != sum(facts.values()):
            raise WrongCountError(f"{stored.new} facts are stored of {sum(facts.values())}")
        return facts


def measure(bench: Bench) -> Iterator[Row]:
    """Take requests of both sizes through all stages, in turn, and time each."""
    bench.say("steps")
    keep_freed_memory()
    loads = [_Load(variant, seed) for seed, variant in enumerate((LARGE, SMALL), 1)]
    warm_up, rounds = (_WARM_UP_QUICK, _ROUNDS_QUICK) if bench.quick else (_WARM_UP, _ROUNDS)
    with ExitStack() as closing:
        stages = _open(bench, closing)
        others = _OtherThreads()
        now_ns = SystemClock().now_ns()
        for number in range(warm_up + rounds):
            for load in loads:
                spent_ns = _round(stages, others, load, now_ns, is_first=number == 0)
                now_ns += _ROUND_NS
                if number >= warm_up:
                    load.add(spent_ns)
    for load in loads:
        yield from load.rows()


def _round(
    stages: _Stages, others: _OtherThreads, load: _Load, now_ns: int, *, is_first: bool
) -> Mapping[str, int]:
    """Take in what arrives until the next commit, and commit; return the CPU time by step."""
    requests = load.next_round(now_ns - 10**9)
    before = others.read()
    stages.timer.round()
    for number, request in enumerate(requests, 1):
        # Between two commits, not at one: so what is due is exactly the traces of one round.
        arrival_ns = now_ns + (2 * number - 1) * _ROUND_NS // (2 * len(requests))
        position = stages.take(request, arrival_ns)
        if number % load.in_flight == 0 or number == len(requests):
            stages.wait_durable(position)
    found = stages.settle(now_ns + _ROUND_NS)
    spent_ns = Counter(stages.timer.round())
    spent_ns.update(others.read())
    spent_ns.subtract(before)
    expected = {} if is_first else load.facts
    if found != expected:
        raise WrongCountError(f"facts are wrong: expected {expected}, found {dict(found)}")
    return spent_ns


def _open(bench: Bench, closing: ExitStack) -> _Stages:
    folder = bench.folder("steps")
    write_definitions(folder / "definitions")
    plan = load_definitions(folder / "definitions").plan
    clock = SystemClock()
    kernels = load_kernels()
    store = closing.enter_context(Store.open(folder / "store", clock=clock))
    store.register_plan(plan, at_ns=clock.now_ns())
    spool = Spool.open(
        folder / "spool", store_id=store.store_id, clock=clock, trace_ids_of=trace_ids_of
    )
    closing.callback(spool.close)
    spool.filter_by(kernels.filters)
    table = ConditionTable(plan.fields, plan.conditions)

    def decoder_of(plan: Plan, table: ConditionTable) -> Decoder:
        return kernels.decoders(plan.fields, table, plan.captures)

    history = SpoolHistory(
        *(spool, store),
        plan=plan,
        table=table,
        decoder_of=decoder_of,
        plan_of=load_text,
        budget=RereadBudget(clock, _SETTINGS.reread_share),
    )
    timer = Timer()
    for place, name in ((FactWriter, "columns"), (commit, "batch_table")):
        closing.enter_context(patch.object(place, name, _timed(timer, getattr(place, name))))
    return _Stages(
        store,
        spool,
        Repeats(horizon_ns=_SETTINGS.late_horizon_ns),
        decoder_of(plan, table),
        kernels.processors(plan, table, settings=_SETTINGS, key=store.hash_key, history=history),
        timer,
    )


def _timed(timer: Timer, function: Callable[..., _T]) -> Callable[..., _T]:
    """Return the function, with its time in `columns of facts`: others call it deep inside."""

    def timed(*args: Any) -> _T:
        return timer.run(_COLUMNS, lambda: function(*args))

    return timed
