"""Readers beside the writer see whole commits, never half of one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from store_cases import DAY_NS, T0, make_batch, make_fact, make_plan, make_slo

from sloengine.store import CountWindow, Store
from sloengine.store.database import run

CHECKOUT = make_slo("checkout")
WINDOW = CountWindow(CHECKOUT.indicator, T0, T0 + DAY_NS)
PER_COMMIT = 20
COMMITS = 15


def test_many_readers_see_whole_commits_while_one_thread_writes(store: Store) -> None:
    store.register_plan(make_plan(CHECKOUT), at_ns=T0)
    finished = Event()

    def read() -> int:
        looks = 0
        with store.reader() as reader:
            while not finished.is_set() or not looks:
                with reader.consistent():
                    facts = len(reader.facts())
                    counts = reader.window_counts([WINDOW])[WINDOW]
                    verdicts = reader.export_state().verdicts.get(("checkout", "good"), 0)
                assert facts % PER_COMMIT == 0
                assert counts.total == counts.good == verdicts == facts
                looks += 1
        return looks

    def write() -> None:
        try:
            for number in range(COMMITS):
                first = number * PER_COMMIT
                facts = [make_fact(first + i) for i in range(PER_COMMIT)]
                store.commit(make_batch(*facts, position=number))
                store.record_coverage(T0, T0 + number)
                if number % 5 == 4:
                    store.compact(T0 + number)
        finally:
            finished.set()

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        threads.submit(write).result()
        assert all(reader.result() > 0 for reader in readers)
    with store.reader() as reader:
        assert len(reader.facts()) == COMMITS * PER_COMMIT


def test_who_asks_does_not_wait_for_a_write_in_work_nor_a_write_for_who_asks(store: Store) -> None:
    store.register_plan(make_plan(CHECKOUT), at_ns=T0)
    store.commit(make_batch(make_fact(1), position=1))
    with store._writing() as cursor:
        run(cursor, "DELETE FROM count_deltas")
        with store.reader() as reader:
            assert reader.window_counts([WINDOW])[WINDOW].total == len(reader.facts()) == 1
    with store.reader() as reader, reader.consistent():
        before = reader.facts()
        store.commit(make_batch(make_fact(2), position=2))
        assert reader.facts() == before
