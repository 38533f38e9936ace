"""Compaction changes no sum; expiry forgets what it says and nothing else."""

from __future__ import annotations

from store_cases import (
    DAY_NS,
    MINUTE_NS,
    SLOT_NS,
    T0,
    make_batch,
    make_fact,
    make_plan,
    make_slo,
)

from sloengine.store import Counts, CountWindow, Store, StoreReader, TrafficCount
from sloengine.store.database import run

CHECKOUT = make_slo("checkout")
WINDOW = CountWindow(CHECKOUT.indicator, T0, T0 + DAY_NS)
NOW = T0 + 4 * DAY_NS


def rows(store: Store, table: str) -> int:
    return int(run(store._writer, f"SELECT count(*) FROM {table}")[0][0])


def everything(reader: StoreReader) -> tuple[object, ...]:
    return (
        reader.window_counts([WINDOW]),
        reader.bad_reasons([WINDOW]),
        reader.course({WINDOW: MINUTE_NS}),
        reader.traffic(T0, NOW),
        reader.counters(),
        reader.export_state(),
        reader.first_events([CHECKOUT.indicator]),
        reader.facts(),
    )


def fill(store: Store) -> None:
    """Two facts in each slot of three minutes, one of them bad, over twelve commits."""
    store.register_plan(make_plan(CHECKOUT), at_ns=T0)
    for number in range(18):
        end_ns = T0 + number * SLOT_NS
        store.commit(
            make_batch(
                make_fact(2 * number, end_ns=end_ns),
                make_fact(2 * number + 1, end_ns=end_ns, outcome="failed", reason="x"),
                counters={"late": 1},
            )
        )


def test_merging_and_folding_change_no_number(store: Store) -> None:
    fill(store)
    with store.reader() as reader:
        before = everything(reader)
        store.compact(T0 + MINUTE_NS)
        assert everything(reader) == before
        store.compact(NOW)
        assert everything(reader) == before
        store.compact(NOW)
        assert everything(reader) == before
        assert reader.folded_until_ns() == T0 + DAY_NS
    assert rows(store, "sli_counts") == 3
    assert rows(store, "sli_reasons") == 3
    assert rows(store, "traffic_counts") == 6
    assert rows(store, "engine_counters") == 1
    assert rows(store, "export_durations") == 2
    assert rows(store, "export_buckets") == 2


def test_slots_of_the_last_three_days_stay_fine(store: Store) -> None:
    fill(store)
    store.compact(T0 + 3 * DAY_NS + MINUTE_NS)
    assert rows(store, "sli_counts") == 1 + 12


def test_several_commits_to_a_slot_become_one_row(store: Store) -> None:
    store.register_plan(make_plan(CHECKOUT), at_ns=T0)
    for number in range(5):
        store.commit(make_batch(make_fact(number)))
    assert rows(store, "all_sli_counts") == 5
    store.compact(T0 + MINUTE_NS)
    assert rows(store, "sli_counts") == 1


def test_what_comes_late_to_folded_time_is_counted_and_folded(store: Store) -> None:
    fill(store)
    store.compact(NOW)
    late = make_fact(999, end_ns=T0 + 2 * SLOT_NS)
    store.commit(make_batch(late))
    with store.reader() as reader:
        before = everything(reader)
        assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=19, total=37)
        store.compact(NOW + MINUTE_NS)
        assert everything(reader) == before
    fine = f"SELECT count(*) FROM sli_counts WHERE slot_ns % {MINUTE_NS} <> 0"
    assert run(store._writer, fine) == [(0,)]


def test_a_clock_that_went_back_unfolds_nothing(store: Store) -> None:
    fill(store)
    store.compact(NOW)
    store.compact(T0)
    with store.reader() as reader:
        assert reader.folded_until_ns() == T0 + DAY_NS
        assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=18, total=36)


def test_facts_go_after_35_days_and_counts_stay(store: Store) -> None:
    fill(store)
    cut_ns = T0 + MINUTE_NS
    store.expire(cut_ns + 35 * DAY_NS + 1)
    with store.reader() as reader:
        assert {fact.end_ns >= cut_ns for fact in reader.facts()} == {True}
        assert len(reader.facts()) == 24
        assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=18, total=36)


def test_counts_corrections_and_coverage_go_after_400_days(store: Store) -> None:
    fill(store)
    store.commit(make_batch(recheck=[0], at_ns=T0))
    store.record_coverage(T0, T0 + 2 * MINUTE_NS)
    store.expire(T0 + MINUTE_NS + 400 * DAY_NS)
    with store.reader() as reader:
        assert reader.facts() == ()
        assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=12, total=24)
        assert reader.traffic(0, NOW) == (
            TrafficCount("checkout", "failed", 12),
            TrafficCount("checkout", "good", 12),
        )
        assert reader.corrections(0, NOW) == ()
        assert reader.covered_minutes(0, NOW) == 1
        assert reader.export_state().verdicts["checkout", "good"] == 18


def test_a_returning_indicator_keeps_counts_whose_facts_are_gone(store: Store) -> None:
    fill(store)
    store.register_plan(make_plan(revision="none"), at_ns=T0)
    store.expire(T0 + MINUTE_NS + 35 * DAY_NS)
    store.register_plan(make_plan(CHECKOUT), at_ns=T0)
    with store.reader() as reader:
        assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=18, total=36)
