"""What DuckDB holds in memory does not grow with what was ever committed or read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from store_cases import SECOND_NS, T0, make_plan, make_slo

from sloengine.clock import FrozenClock
from sloengine.store import Coded, Counts, CountWindow, FactBatch, FactColumns, Store
from sloengine.store.database import query
from sloengine.store.room import AT_REST

MIB = 1 << 20
PLAN = make_plan(make_slo("checkout"))
GRANTED = "256MiB"
COMMITS, FACTS = 40, 1 << 16
"""60 MiB of ids, which nothing compresses."""


def held_bytes(store: Store) -> int:
    """DuckDB's own count."""
    sql = "SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()"
    return int(query(store._writer, sql)[0][0])


def limit(store: Store) -> str:
    return str(query(store._writer, "SELECT current_setting('memory_limit')")[0][0])


def of(text: str, rows: int) -> Coded:
    return Coded(np.zeros(rows, np.int32), (text,))


def columns(random: np.random.Generator, end_ns: int, rows: int) -> FactColumns:
    ids = [random.integers(0, 1 << 64, rows, np.uint64) for _ in range(3)]
    return FactColumns(
        trace_hi=ids[0],
        trace_lo=ids[1],
        entry_span_id=ids[2],
        entry_kind=np.full(rows, 2, np.uint8),
        transaction=of("checkout", rows),
        definition=of("d" * 12, rows),
        revision="rev-1",
        start_ns=np.full(rows, end_ns - SECOND_NS, np.uint64),
        end_ns=np.full(rows, end_ns, np.uint64),
        outcome=of("good", rows),
        reason=of("", rows),
        incomplete=np.zeros(rows, np.bool_),
        customer=None,
        session=None,
        intent=None,
        amount_micros=None,
        currency=None,
        dimension_offsets=np.zeros(rows + 1, np.int32),
        dimension_names=Coded(np.empty(0, np.int32), ()),
        dimension_values=(),
        origin=np.zeros(rows, np.int64),
    )


@pytest.mark.slow
def test_commits_and_reports_leave_little_in_memory(tmp_path: Path, clock: FrozenClock) -> None:
    random = np.random.default_rng(7)
    with Store.open(tmp_path, clock=clock, memory_limit=GRANTED) as store:
        store.register_plan(PLAN, at_ns=T0)
        for number in range(COMMITS):
            at_ns = T0 + number * SECOND_NS
            facts = columns(random, at_ns, FACTS)
            store.commit(FactBatch((), frozenset(), number, at_ns, columns=facts))
            assert held_bytes(store) <= 48 * MIB
        window = CountWindow("i-checkout", T0 - SECOND_NS, T0 + 3600 * SECOND_NS)
        with store.reader() as reader:
            counts = reader.window_counts([window])[window]
            # Nobody repeats a trace, so this reads every id of every fact.
            distinct = query(reader._cursor, "SELECT count(DISTINCT trace_lo) FROM facts")
        assert counts == Counts(good=COMMITS * FACTS, total=COMMITS * FACTS)
        assert distinct == [(COMMITS * FACTS,)]
        assert store.size_bytes > 48 * MIB
        assert held_bytes(store) <= 48 * MIB


def test_while_anybody_reads_all_that_was_granted_may_be_used(
    tmp_path: Path, clock: FrozenClock
) -> None:
    with Store.open(tmp_path, clock=clock, memory_limit=GRANTED) as store:
        at_rest = limit(store)
        assert at_rest.replace(".0 ", "") == AT_REST
        with store.reader():
            first = limit(store)
            with store.reader():
                pass
            assert limit(store) == first != at_rest
        assert limit(store) == at_rest
    with Store.open(tmp_path, clock=clock, memory_limit=GRANTED, read_only=True) as store:
        assert limit(store) == first
