"""A store in memory is a store: the same answers, nothing on disk, and it can be emptied."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_cases import T0, make_batch, make_fact, make_plan, make_slo

from sloengine.clock import FrozenClock
from sloengine.store import Counts, CountWindow, Store
from sloengine.store.database import query
from sloengine.store.schema import COUNTED_TABLES

PLAN = make_plan(make_slo("checkout"))
WINDOW = CountWindow("i-checkout", T0 - 10**12, T0 + 10**12)


def counted(store: Store) -> Counts:
    with store.reader() as reader:
        return reader.window_counts([WINDOW])[WINDOW]


def test_it_counts_as_a_store_on_disk_does(
    tmp_path: Path, clock: FrozenClock, store: Store
) -> None:
    facts = [make_fact(1), make_fact(2, outcome="failed", reason="error")]
    with Store.open_memory(clock=clock) as memory:
        for one in (store, memory):
            one.register_plan(PLAN, at_ns=T0)
            one.commit(make_batch(*facts, position=7))
        assert counted(memory) == counted(store) == Counts(good=1, total=2)
        assert memory.position == 7
        assert memory.size_bytes == 0
        assert len(memory.hash_key) == 32


def test_it_can_be_emptied_and_used_again(clock: FrozenClock) -> None:
    with Store.open_memory(clock=clock) as memory:
        memory.register_plan(PLAN, at_ns=T0)
        memory.commit(make_batch(make_fact(1), position=7))
        memory.clear()
        assert counted(memory) == Counts()
        assert memory.position == 7
        with memory.reader() as reader:
            assert reader.facts() == ()
            assert reader.counters() == {}
        memory.commit(make_batch(make_fact(1), make_fact(2), position=9))
        assert counted(memory) == Counts(good=2, total=2)


def test_every_table_that_grows_is_among_those_that_are_emptied(clock: FrozenClock) -> None:
    kept = {"schema_version", "store", "spool_position", "definitions", "indicators"}
    kept.add("fact_kinds")  # by definitions, not by traffic
    with Store.open_memory(clock=clock) as memory:
        rows = query(memory._writer, "SELECT table_name FROM duckdb_tables() WHERE NOT temporary")
    assert {name for (name,) in rows} == kept | set(COUNTED_TABLES)


def test_a_store_on_disk_cannot_be_emptied(store: Store) -> None:
    with pytest.raises(ValueError, match="only a store in memory"):
        store.clear()
