"""OTLP/gRPC in, facts in the store: spans per CPU-second, spans per second, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.bench import IDLE_WAIT_S, Bench, Truth
from benchmarks.definitions import write_further, write_unique
from benchmarks.engine_server import EngineServer, WrongCountError
from benchmarks.load import Load, LoadOrder, LoadShape, Sender
from benchmarks.processes import Server
from benchmarks.rows import Bound, Row, at_least, at_most
from benchmarks.workload import write_definitions

_TICK_S = 0.01
_COUNTED_S = 15.0
"""How long a server that is at rest may take to have counted everything."""
_SETTLE_S = 0.7
"""Beside `IDLE_WAIT_S`: until the last traces are closed and committed."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of sending, and what should come of it."""

    name: str
    shape: LoadShape
    connections: int = 2
    calls: int = 2
    rounds: int = 1
    per_cpu: Bound | None = None
    definitions: int = 0
    """How many there are at least; 0: those of the load alone."""
    unique: bool = False
    """Whether one of them asks for what is different in every trace."""


LARGE = Variant("8,192 a request", LoadShape(8192), rounds=3, per_cpu=at_least(1.3e6))
SMALL = Variant(
    "512 a request, 8 connections",
    LoadShape(512),
    connections=8,
    calls=1,
    rounds=2,
    per_cpu=at_least(0.7e6),
)
GZIP = Variant(
    "8,192 a request, gzip", LoadShape(8192, compressed=True), rounds=2, per_cpu=at_least(1.0e6)
)
TWO_ENTRIES = Variant(
    "8,192 a request, two entries a trace",
    LoadShape(8192, two_entries=True),
    per_cpu=at_least(1.0e6),
)
MANY = Variant("8,192 a request, 200 definitions", LoadShape(8192), definitions=200)
UNIQUE = Variant("8,192 a request, regex over ids", LoadShape(8192), unique=True)
VARIANTS = (LARGE, SMALL, GZIP, TWO_ENTRIES, MANY, UNIQUE)


@dataclass(frozen=True, slots=True)
class Figures:
    """What rounds of load on one server gave, a value for each round."""

    per_cpu: tuple[float, ...]
    """Spans per second of the server's CPU."""
    per_wall: tuple[float, ...]
    """Spans acknowledged per second."""
    peak_mib: float


def measure(bench: Bench) -> Iterator[Row]:
    """Measure every variant on an engine of its own."""
    by_variant = {}
    for number, variant in enumerate(VARIANTS):
        bench.say(f"end to end: {variant.name}")
        definitions = bench.folder(f"definitions-{number}")
        write_further(definitions, variant.definitions - write_definitions(definitions))
        if variant.unique:
            write_unique(definitions)
        with (
            Sender(variant.shape) as sender,
            bench.engine(f"end-to-end-{number}", definitions=definitions) as engine,
        ):
            figures = by_variant[variant] = load_engine(bench, engine, sender, variant)
        name = f"end to end, {variant.name}"
        yield Row.of_runs(f"{name}: CPU", figures.per_cpu, "spans/CPU-s", variant.per_cpu)
        yield Row.of_runs(f"{name}: wall", figures.per_wall, "spans/s")
        yield Row(f"{name}: peak memory", figures.peak_mib, "MiB")
    yield Row(
        f"cost of a span by {MANY.definitions} definitions, by ten it is 1",
        max(by_variant[LARGE].per_cpu) / max(by_variant[MANY].per_cpu),
        "x",
        bound=at_most(1.5),
    )
    yield Row(
        "share of the rate that is left with a regex over ids",
        max(by_variant[UNIQUE].per_cpu) / max(by_variant[LARGE].per_cpu),
        "x",
        bound=at_least(0.25),
    )


def load_engine(bench: Bench, engine: EngineServer, sender: Sender, variant: Variant) -> Figures:
    """Send round after round to a running engine, and check its facts after each.

    Raises:
        WrongCountError: an engine's facts are not those of what was sent.
    """
    truth = Truth()
    return load_server(
        bench, engine, sender, variant, sent=truth.add, check=lambda: engine.check(truth.facts)
    )


def load_server(
    bench: Bench,
    server: Server,
    sender: Sender,
    variant: Variant,
    *,
    sent: Callable[[Load], None],
    check: Callable[[], None],
) -> Figures:
    """Send round after round to a running server; the next begins when this one is counted.

    `sent` is told of each load; `check` raises `WrongCountError` until the server has counted all
    that was sent.
    """

    def load(seconds: float) -> tuple[Load, float]:
        before = server.cpu_s()
        done = sender.send(
            LoadOrder(
                server.endpoint, seconds, connections=variant.connections, calls=variant.calls
            )
        )
        sent(done)
        time.sleep(IDLE_WAIT_S + _SETTLE_S)
        return done, _cpu_when_counted(server, check) - before

    load(bench.warm_up_s)
    rounds = 1 if bench.quick else variant.rounds
    loads = [load(bench.seconds) for _ in range(rounds)]
    return Figures(
        per_cpu=tuple(done.spans / max(spent, _TICK_S) for done, spent in loads),
        per_wall=tuple(done.spans / done.wall_s for done, _ in loads),
        peak_mib=server.peak_mib(),
    )


def _cpu_when_counted(server: Server, check: Callable[[], None]) -> float:
    """Return the server's CPU time when it had counted everything and was at rest."""
    deadline = time.monotonic() + _COUNTED_S
    while True:
        server.wait_quiet()
        # Asking costs the server time, too: that is not of the load.
        spent = server.cpu_s()
        try:
            check()
        except WrongCountError:
            if time.monotonic() > deadline:
                raise
        else:
            return spent
