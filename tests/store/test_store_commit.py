"""What one commit writes, row by row, with numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_cases import (
    FAST,
    GOLD,
    MINUTE_NS,
    SECOND_NS,
    SLOT_NS,
    T0,
    identity,
    make_batch,
    make_fact,
    make_plan,
    make_slo,
)

from sloengine.clock import FrozenClock
from sloengine.errors import StoreError
from sloengine.store import (
    OTHER,
    Correction,
    Counts,
    CountWindow,
    CourseStep,
    Exemplar,
    Fact,
    OtherName,
    ReasonCount,
    Store,
    StoredTrace,
    StoreReader,
    TrafficCount,
)
from sloengine.store.columns import bucket_of
from sloengine.store.database import run, transaction

CHECKOUT = make_slo("checkout")
GOLD_FAST = make_slo("gold-fast", good=FAST, total=GOLD)
STRICT = make_slo("strict", unknown_is_bad=True)
WINDOW = CountWindow(CHECKOUT.indicator, T0, T0 + MINUTE_NS)


@pytest.fixture
def counting(store: Store) -> Store:
    store.register_plan(make_plan(CHECKOUT, GOLD_FAST, STRICT), at_ns=T0)
    return store


@pytest.fixture
def reader(counting: Store) -> Iterator[StoreReader]:
    with counting.reader() as reader:
        yield reader


def test_each_outcome_counts_where_it_belongs(counting: Store, reader: StoreReader) -> None:
    result = counting.commit(
        make_batch(
            make_fact(1),
            make_fact(2, outcome="slow", reason="slow"),
            make_fact(3, outcome="failed", reason="payment"),
            make_fact(4, outcome="failed", reason="payment", tier="tin"),
            make_fact(5, outcome="abandoned", reason="left"),
            make_fact(6, outcome="excluded", reason="probe"),
            make_fact(7, outcome="unknown", reason="incomplete"),
            make_fact(8, duration_ns=2 * SECOND_NS),
            make_fact(9, transaction="browse"),
        )
    )
    assert (result.new, result.corrected, result.unchanged) == (9, 0, 0)
    gold = replace(WINDOW, indicator=GOLD_FAST.indicator)
    strict = replace(WINDOW, indicator=STRICT.indicator)
    assert reader.window_counts([WINDOW, gold, strict]) == {
        WINDOW: Counts(good=2, total=6, excluded=1, unknown=1),
        gold: Counts(good=1, total=5, excluded=1, unknown=1),
        strict: Counts(good=2, total=7, excluded=1, unknown=0),
    }
    assert reader.bad_reasons([WINDOW, gold]) == {
        WINDOW: (
            ReasonCount("failed", "payment", 2),
            ReasonCount("abandoned", "left", 1),
            ReasonCount("slow", "slow", 1),
        ),
        gold: (
            ReasonCount("abandoned", "left", 1),
            ReasonCount("failed", "payment", 1),
            ReasonCount("good", "", 1),
            ReasonCount("slow", "slow", 1),
        ),
    }
    assert reader.traffic(T0, T0 + 1) == (
        TrafficCount("browse", "good", 1),
        TrafficCount("checkout", "abandoned", 1),
        TrafficCount("checkout", "excluded", 1),
        TrafficCount("checkout", "failed", 2),
        TrafficCount("checkout", "good", 2),
        TrafficCount("checkout", "slow", 1),
        TrafficCount("checkout", "unknown", 1),
    )


def test_an_event_belongs_to_the_slot_in_which_it_ended(
    counting: Store, reader: StoreReader
) -> None:
    counting.commit(
        make_batch(
            make_fact(1, end_ns=T0 - 1),
            make_fact(2, end_ns=T0),
            make_fact(3, end_ns=T0 + SLOT_NS - 1, outcome="failed"),
            make_fact(4, end_ns=T0 + SLOT_NS),
        )
    )
    slots = [
        CountWindow(CHECKOUT.indicator, start, start + SLOT_NS)
        for start in (T0 - SLOT_NS, T0, T0 + SLOT_NS, T0 + 2 * SLOT_NS)
    ]
    counts = reader.window_counts(slots)
    assert [(counts[slot].good, counts[slot].total) for slot in slots] == [
        (1, 1),
        (1, 2),
        (1, 1),
        (0, 0),
    ]
    whole = CountWindow(CHECKOUT.indicator, T0 - SLOT_NS, T0 + MINUTE_NS)
    assert reader.course({whole: 2 * SLOT_NS}) == {
        whole: (
            CourseStep(T0 - SLOT_NS, 2, 3),
            CourseStep(T0 + SLOT_NS, 1, 1),
        )
    }
    assert reader.first_events([CHECKOUT.indicator, "unheard-of"]) == {
        CHECKOUT.indicator: T0 - MINUTE_NS
    }
    assert reader.last_event_ns() == T0 + SLOT_NS


def test_a_changed_verdict_is_corrected_everywhere(counting: Store, reader: StoreReader) -> None:
    before = make_fact(1)
    after = replace(before, outcome="failed", reason="late", revision="rev-2")
    counting.commit(make_batch(before, make_fact(2)))
    result = counting.commit(make_batch(after, recheck=[1], position=7, at_ns=T0 + 5))
    assert (result.new, result.corrected, result.unchanged) == (0, 1, 0)
    assert reader.facts() == (after, make_fact(2))
    assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=1, total=2, corrected=1)
    assert reader.bad_reasons([WINDOW])[WINDOW] == (ReasonCount("failed", "late", 1),)
    assert reader.corrections(T0, T0 + 6) == (
        Correction(
            trace_id=1,
            entry_span_id=1,
            entry_kind=2,
            before_transaction="checkout",
            before_revision="rev-1",
            before_end_ns=T0,
            before_outcome="good",
            before_reason="",
            after_transaction="checkout",
            after_revision="rev-2",
            after_end_ns=T0,
            after_outcome="failed",
            after_reason="late",
            at_ns=T0 + 5,
        ),
    )
    state = reader.export_state()
    assert state.verdicts == {
        ("checkout", "good"): 2,
        ("gold-fast", "good"): 2,
        ("strict", "good"): 2,
    }
    assert state.corrections == {
        ("checkout", "good", "bad"): 1,
        ("gold-fast", "good", "bad"): 1,
        ("strict", "good", "bad"): 1,
    }


def test_a_trace_rechecked_without_a_fact_loses_its_facts(
    counting: Store, reader: StoreReader
) -> None:
    counting.commit(make_batch(make_fact(1), make_fact(1, span=2), make_fact(2)))
    result = counting.commit(make_batch(recheck=[1]))
    assert (result.new, result.corrected, result.unchanged) == (0, 2, 0)
    assert reader.facts() == (make_fact(2),)
    assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=1, total=1, corrected=2)
    assert reader.export_state().corrections["checkout", "good", "none"] == 2
    assert [row.after_outcome for row in reader.corrections(0, T0 + 1)] == [None, None]


def test_a_trace_that_gains_a_transaction_has_a_first_verdict_more(
    counting: Store, reader: StoreReader
) -> None:
    counting.commit(make_batch(make_fact(1)))
    result = counting.commit(make_batch(make_fact(1), make_fact(1, span=2), recheck=[1]))
    assert (result.new, result.corrected, result.unchanged) == (1, 0, 1)
    assert reader.export_state().verdicts["checkout", "good"] == 2
    assert reader.corrections(0, T0 + 1) == ()


def test_a_late_span_may_move_a_fact_to_another_transaction_and_slot(
    counting: Store, reader: StoreReader
) -> None:
    before = make_fact(1, transaction="browse")
    after = make_fact(1, end_ns=T0 + SLOT_NS)
    counting.commit(make_batch(before))
    counting.commit(make_batch(after, recheck=[1]))
    assert reader.traffic(0, T0 + MINUTE_NS) == (TrafficCount("checkout", "good", 1),)
    assert reader.export_state().corrections["checkout", "none", "good"] == 1
    counts = reader.window_counts([WINDOW])[WINDOW]
    assert counts == Counts(good=1, total=1, corrected=1)


def test_another_revision_with_the_same_verdict_replaces_and_corrects_no_verdict(
    counting: Store, reader: StoreReader
) -> None:
    counting.commit(make_batch(make_fact(1)))
    again = make_fact(1, revision="rev-2")
    assert counting.commit(make_batch(again, recheck=[1])).corrected == 1
    assert reader.facts() == (again,)
    assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=1, total=1)
    assert reader.export_state().corrections == {}


@pytest.mark.parametrize(
    "change",
    [
        {"customer": None},
        {"session": b"s" * 16},
        {"intent": b"i" * 16},
        {"amount_micros": None},
        {"currency": None},
        {"dimensions": {}},
        {"incomplete": True},
        {"definition": "e" * 12},
        {"start_ns": T0 - 5},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_field_that_changes_replaces_the_fact(
    counting: Store, reader: StoreReader, change: dict[str, Any]
) -> None:
    """From a value to none and back, too: NULL is not equal to anything, and yet no change."""
    before, after = make_fact(1), replace(make_fact(1), **change)
    counting.commit(make_batch(before))
    for stored in (after, before):
        assert counting.commit(make_batch(stored, recheck=[1])).corrected == 1
        assert counting.commit(make_batch(stored, recheck=[1])).unchanged == 1
        assert reader.facts() == (stored,)


def test_the_order_of_dimensions_is_no_difference(counting: Store) -> None:
    dimensions = {"tier": "gold", "region": "eu"}
    fact = replace(make_fact(1), dimensions=dimensions)
    turned = replace(fact, dimensions=dict(reversed(dimensions.items())))
    counting.commit(make_batch(fact))
    assert counting.commit(make_batch(turned, recheck=[1])).unchanged == 1


def test_slos_that_share_an_indicator_share_counts_and_export_their_own(store: Store) -> None:
    twin = make_slo("twin", indicator=CHECKOUT.indicator)
    store.register_plan(make_plan(CHECKOUT, twin), at_ns=T0)
    store.commit(make_batch(make_fact(1)))
    with store.reader() as reader:
        assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=1, total=1)
        assert reader.export_state().verdicts == {("checkout", "good"): 1, ("twin", "good"): 1}


def test_durations_are_an_exponential_histogram_with_the_last_exemplar(
    counting: Store, reader: StoreReader
) -> None:
    counting.commit(
        make_batch(
            make_fact(1, duration_ns=SECOND_NS),
            make_fact(2, duration_ns=SECOND_NS + 1, end_ns=T0 + 5),
            make_fact(3, duration_ns=0),
            make_fact(4, duration_ns=-7),
        )
    )
    counting.commit(make_batch(make_fact(2**127 + 5, span=2**63, duration_ns=4, end_ns=T0 + 9)))
    (histogram,) = reader.export_state().durations
    assert (histogram.transaction, histogram.outcome, histogram.reason) == ("checkout", "good", "")
    assert (histogram.events, histogram.zero_events) == (5, 2)
    assert histogram.sum_ns == 2 * SECOND_NS + 5
    assert (histogram.min_ns, histogram.max_ns) == (0, SECOND_NS + 1)
    assert histogram.buckets == {-1: 1, 0: 1, bucket_of(4): 1}
    assert histogram.exemplar == Exemplar(2**127 + 5, 2**63, 4, T0 + 9)


@given(st.integers(1, 2**63 - 1))
def test_a_duration_lies_within_the_bounds_of_its_bucket(duration_ns: int) -> None:
    """2^(i/8) < seconds ≤ 2^((i+1)/8), compared as integers."""
    index = bucket_of(duration_ns)
    eighth_power = duration_ns**8
    one_second = 10**72
    lower_over, upper_over = max(-index, 0), max(-index - 1, 0)
    assert eighth_power << lower_over > one_second << max(index, 0)
    assert eighth_power << upper_over <= one_second << max(index + 1, 0)


def test_counters_add_up_and_the_position_is_read_back(
    counting: Store, reader: StoreReader
) -> None:
    counting.commit(make_batch(counters={"late": 2, "cut": 1}, position=5))
    counting.commit(make_batch(counters={"late": 40}, position=9))
    assert reader.counters() == {"cut": 1, "late": 42}
    assert counting.position == 9


def test_unmapped_traffic_is_listed_by_name(counting: Store, reader: StoreReader) -> None:
    def other(trace_id: int, name: str) -> Fact:
        fact = make_fact(trace_id, transaction=OTHER, outcome="unknown")
        return replace(fact, dimensions={"service.name": "ads", "span.name": name})

    counting.commit(make_batch(other(1, "GET /b"), other(2, "GET /a"), other(3, "GET /b")))
    assert reader.other_names(T0, T0 + 1, most=1) == (OtherName("ads", "GET /b", 2),)
    assert reader.other_names(T0 + 1, T0 + 2, most=9) == ()


def test_covered_minutes_are_counted_once(store: Store) -> None:
    store.record_coverage(T0 + 30 * SECOND_NS, T0 + 90 * SECOND_NS)
    store.record_coverage(T0 + 60 * SECOND_NS, T0 + 3 * MINUTE_NS)
    store.record_coverage(T0, T0)
    with store.reader() as reader:
        assert reader.covered_minutes(T0, T0 + 10 * MINUTE_NS) == 3
        assert reader.covered_minutes(T0 + 90 * SECOND_NS, T0 + 2 * MINUTE_NS) == 1


def test_which_traces_have_facts(counting: Store) -> None:
    batch = make_batch(make_fact(2**128 - 1), make_fact(2, revision="old"), position=40)
    counting.commit(replace(batch, origins={2: 30}))
    assert counting.stored([2**128 - 1, 2, 3]) == {
        2**128 - 1: StoredTrace("rev-1", 40),
        2: StoredTrace("old", 30),
    }
    assert counting.stored([]) == {}


def test_nonsense_of_a_sender_does_not_stop_the_store(counting: Store, reader: StoreReader) -> None:
    """Times past 2262 become the last instant, amounts beyond 64 bits become none."""
    odd = replace(
        make_fact(2**128 - 1, span=2**64 - 1),
        end_ns=2**64 - 1,
        amount_micros=10**40,
        transaction="tab\there, 'quote', \0 and 漢字",
        dimensions={"z": "1", "a": ""},
    )
    counting.commit(make_batch(odd))
    (stored,) = reader.facts()
    assert stored == replace(odd, end_ns=2**63 - 1, amount_micros=None)
    assert counting.commit(make_batch(odd, recheck=[odd.trace_id])).unchanged == 1


def test_a_batch_with_an_identity_twice_is_a_mistake(counting: Store) -> None:
    with pytest.raises(ValueError, match="identity"):
        counting.commit(make_batch(make_fact(1), make_fact(1, outcome="failed")))


def test_committing_before_a_plan_is_a_mistake(store: Store) -> None:
    with pytest.raises(RuntimeError, match="register_plan"):
        store.commit(make_batch(make_fact(1)))


@pytest.mark.parametrize(
    "table",
    [
        "fact_kinds",
        "facts",
        "facts_with_captures",
        "corrections",
        "count_deltas",
        "export_corrections",
        "export_durations",
        "spool_position",
    ],
)
def test_a_commit_that_fails_anywhere_leaves_nothing(
    tmp_path: Path, clock: FrozenClock, table: str
) -> None:
    """Each table a commit writes is broken in turn; then the store is as it was, and usable."""
    with Store.open(tmp_path, clock=clock) as store:
        store.register_plan(make_plan(CHECKOUT), at_ns=T0)
        store.commit(make_batch(make_fact(1), counters={"late": 1}))
        run(store._writer, f"ALTER TABLE {table} RENAME TO broken")
        change = make_batch(
            make_fact(1, outcome="failed", reason="x"),
            make_fact(2),
            recheck=[1],
            position=2,
            counters={"late": 1},
        )
        with pytest.raises(StoreError, match="kept nothing"):
            store.commit(change)
        run(store._writer, f"ALTER TABLE broken RENAME TO {table}")
        assert store.position == 1
        with store.reader() as reader:
            assert reader.facts() == (make_fact(1),)
            assert reader.counters() == {"late": 1}
            assert reader.window_counts([WINDOW])[WINDOW] == Counts(good=1, total=1)
            assert reader.export_state().corrections == {}
        result = store.commit(change)
        assert (result.new, result.corrected) == (1, 1)


def _write_and_fail(store: Store, error: Exception | None) -> None:
    with transaction(store._writer):
        run(store._writer, "INSERT INTO engine_counters VALUES ('kept?', 1)")
        if error is not None:
            raise error
        run(store._writer, "SELECT 'x'::INTEGER")


@pytest.mark.parametrize(("error", "seen"), [(None, StoreError), (KeyError("x"), KeyError)])
def test_whatever_fails_inside_a_transaction_rolls_it_back(
    store: Store, error: Exception | None, seen: type[Exception]
) -> None:
    with pytest.raises(seen):
        _write_and_fail(store, error)
    with store.reader() as reader:
        assert reader.counters() == {}


def test_a_swallowed_error_does_not_commit_in_silence(store: Store) -> None:
    """Even code that catches a statement's error cannot make half a transaction durable unseen."""
    try:
        with transaction(store._writer):
            run(store._writer, "INSERT INTO engine_counters VALUES ('first', 1)")
            with pytest.raises(duckdb.Error):
                run(store._writer, "SELECT 'x'::INTEGER")
            run(store._writer, "INSERT INTO engine_counters VALUES ('second', 1)")
    except StoreError:
        pass
    else:
        pytest.fail("a transaction after a failed statement must raise")
    with store.reader() as reader:
        assert reader.counters() == {}


def test_a_reader_of_a_broken_database_gets_an_error_of_the_store(
    counting: Store, reader: StoreReader
) -> None:
    run(counting._writer, "DROP TABLE engine_counters")
    with pytest.raises(StoreError, match="engine_counters"):
        reader.counters()


def test_several_statements_can_see_one_state(counting: Store, reader: StoreReader) -> None:
    counting.commit(make_batch(make_fact(1)))
    with reader.consistent():
        assert len(reader.facts()) == 1
        counting.commit(make_batch(make_fact(2)))
        assert len(reader.facts()) == 1
    assert len(reader.facts()) == 2


texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
hashes = st.none() | st.binary(min_size=16, max_size=16)
any_facts = st.builds(
    Fact,
    trace_id=st.integers(0, 2**128 - 1),
    entry_span_id=st.integers(0, 2**64 - 1),
    entry_kind=st.integers(0, 5),
    transaction=texts,
    definition=texts,
    revision=texts,
    start_ns=st.integers(0, 2**63 - 1),
    end_ns=st.integers(0, 2**63 - 1),
    outcome=st.sampled_from(["good", "failed"]),
    reason=texts,
    incomplete=st.booleans(),
    customer=hashes,
    session=hashes,
    intent=hashes,
    amount_micros=st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
    currency=st.none() | texts,
    dimensions=st.dictionaries(texts, texts, max_size=3),
)


@settings(max_examples=8, deadline=None)
@given(st.lists(any_facts, max_size=20, unique_by=identity))
def test_facts_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, facts: list[Fact]
) -> None:
    with Store.open(tmp_path_factory.mktemp("store"), clock=FrozenClock(T0)) as store:
        store.register_plan(make_plan(CHECKOUT), at_ns=T0)
        store.commit(make_batch(*facts))
        with store.reader() as reader:
            assert reader.facts() == tuple(sorted(facts, key=identity))
        again = store.commit(make_batch(*facts, recheck=[fact.trace_id for fact in facts]))
        assert (again.new, again.corrected, again.unchanged) == (0, 0, len(facts))
