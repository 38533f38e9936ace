"""`sloengine report` over 28 days of minute counts for 100 SLOs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from benchmarks.bench import Bench
from benchmarks.engine_server import EngineServer
from benchmarks.processes import ROOT
from benchmarks.rows import Row, at_most
from sloengine.answers import report_of_store
from sloengine.clock import SystemClock
from sloengine.definitions import load_definitions
from sloengine.report import ReportRequest
from sloengine.store import Store
from sloengine.store.database import FILE_NAME
from sloengine.store.slots import DAY_NS, MINUTE_NS, floor_to

_SLOS = 100
_DAYS = 28
_ANSWERS = 7
_COMMANDS = 2

_DEFINITION = """\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {{name: transaction-{number:03}}}
spec:
  entry: ['span.name == "entry {number}"']
  outcome: [slow: {{longerThan: 4s}}]
  promise: {{target: 99.5%, window: 28d}}
---
"""

# A row for each indicator and minute: about a thousand transactions, one in 500 of them bad.
_COUNTS = """
INSERT INTO sli_counts
SELECT indicator, slot_ns, 1000 - (hash(indicator, slot_ns) % 5), 1000, 0, 0, 0
FROM (SELECT unnest($indicators::VARCHAR[]) AS indicator),
    (SELECT unnest(range($first, $last, $minute)) AS slot_ns)
"""
_REASONS = """
INSERT INTO sli_reasons
SELECT indicator, slot_ns, 'slow', 'slow', total - good FROM sli_counts WHERE good < total
"""
_TRAFFIC = """
INSERT INTO traffic_counts
SELECT unnest($transactions::VARCHAR[]), 'definition', slot_ns, 'good', 1000
FROM (SELECT unnest(range($first, $last, $minute)) AS slot_ns)
"""


def measure(bench: Bench) -> Iterator[Row]:
    """Time the question to a running engine, and the whole command."""
    bench.say(f"report: a store of {_DAYS} days of minutes for {_SLOS} SLOs")
    folder = bench.folder("report")
    definitions = folder / "definitions"
    _write_definitions(definitions)
    with EngineServer(folder, definitions) as engine:
        pass
    _fill(engine.store, definitions)
    with engine:
        bench.say("report: asking")
        answers = [_ask(engine.store) for _ in range(_ANSWERS)]
        commands = [_command(engine.store) for _ in range(_COMMANDS)]
        versions = [_run(["--version"]) for _ in range(_COMMANDS)]
    name = f"report of {_SLOS} SLOs over {_DAYS} days of minutes"
    yield Row.of_runs(f"{name}: answer", answers, "s", at_most(1, demanded=True))
    yield Row.of_runs(f"{name}: the whole command", commands, "s", at_most(1))
    yield Row.of_runs("the same command without a question (--version)", versions, "s")


def _write_definitions(folder: Path) -> None:
    folder.mkdir()
    text = "".join(_DEFINITION.format(number=number) for number in range(_SLOS))
    (folder / "transactions.yaml").write_text(text, encoding="utf-8")


def _fill(store: Path, definitions: Path) -> None:
    """Put counts into a closed store; a real engine made its tables."""
    plan = load_definitions(definitions).plan
    now_ns = SystemClock().now_ns()
    slots = {
        "first": floor_to(now_ns - _DAYS * DAY_NS, MINUTE_NS),
        "last": now_ns,
        "minute": MINUTE_NS,
    }
    indicators = [slo.indicator for slo in plan.slos]
    transactions = [rule.name for rule in plan.transactions]
    with duckdb.connect(str(store / FILE_NAME)) as connection:
        connection.execute(_COUNTS, {"indicators": indicators, **slots})
        connection.execute(_REASONS)
        connection.execute(_TRAFFIC, {"transactions": transactions, **slots})
    # As a running engine keeps it: fine slots folded, deltas merged.
    with Store.open(store, clock=SystemClock()) as opened:
        opened.compact(now_ns)


def _ask(store: Path) -> float:
    begun = time.monotonic()
    report_of_store(store, ReportRequest())
    return time.monotonic() - begun


def _command(store: Path) -> float:
    return _run(["report", "--store", str(store)])


def _run(arguments: list[str]) -> float:
    program = Path(sys.executable).with_name("sloengine")
    begun = time.monotonic()
    subprocess.run([str(program), *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun
