"""Applying definitions: what is kept, and what a new indicator knows of the past."""

from __future__ import annotations

import pytest
from store_cases import (
    FAST,
    GOLD,
    MINUTE_NS,
    SECOND_NS,
    T0,
    make_batch,
    make_fact,
    make_plan,
    make_slo,
)

from sloengine.store import Counts, CountWindow, ReasonCount, Store
from sloengine.store.database import run
from sloengine.store.verdicts import indicator_set

CHECKOUT = make_slo("checkout")
GOLD_FAST = make_slo("gold-fast", good=FAST, total=GOLD)
BOTH = make_plan(CHECKOUT, GOLD_FAST, revision="both")
ONE = make_plan(CHECKOUT, revision="one")

HISTORY = (
    make_fact(1),
    make_fact(2, outcome="failed", reason="payment"),
    make_fact(3, duration_ns=3 * SECOND_NS),
    make_fact(4, tier="tin"),
    make_fact(5, outcome="unknown"),
    make_fact(6, end_ns=T0 + MINUTE_NS),
)


def window(indicator: str) -> CountWindow:
    return CountWindow(indicator, 0, T0 + 2 * MINUTE_NS)


def counts(store: Store, indicator: str) -> Counts:
    with store.reader() as reader:
        return reader.window_counts([window(indicator)])[window(indicator)]


def test_a_new_indicator_is_counted_over_stored_facts(store: Store) -> None:
    store.register_plan(ONE, at_ns=T0)
    store.commit(make_batch(*HISTORY))
    assert counts(store, GOLD_FAST.indicator) == Counts()
    store.register_plan(BOTH, at_ns=T0 + 1)
    assert counts(store, GOLD_FAST.indicator) == Counts(good=2, total=4, unknown=1)
    with store.reader() as reader:
        reasons = reader.bad_reasons([window(GOLD_FAST.indicator)])
        assert reasons[window(GOLD_FAST.indicator)] == (
            ReasonCount("failed", "payment", 1),
            ReasonCount("good", "", 1),
        )


def test_counting_the_past_exports_no_verdict(store: Store) -> None:
    """An exported counter that jumps by a month of history would look like a flood of traffic."""
    store.register_plan(ONE, at_ns=T0)
    store.commit(make_batch(*HISTORY))
    store.register_plan(BOTH, at_ns=T0 + 1)
    with store.reader() as reader:
        assert {slo for slo, _ in reader.export_state().verdicts} == {"checkout"}


def test_registering_the_same_plan_again_counts_nothing_twice(store: Store) -> None:
    store.register_plan(BOTH, at_ns=T0)
    store.commit(make_batch(*HISTORY))
    before = counts(store, GOLD_FAST.indicator)
    for later in range(3):
        store.register_plan(BOTH, at_ns=T0 + later)
    assert counts(store, GOLD_FAST.indicator) == before
    assert run(store._writer, "SELECT count(*) FROM definitions") == [(1,)]


def test_a_removed_indicator_keeps_its_counts_and_is_counted_no_more(store: Store) -> None:
    store.register_plan(BOTH, at_ns=T0)
    store.commit(make_batch(*HISTORY))
    before = counts(store, GOLD_FAST.indicator)
    store.register_plan(ONE, at_ns=T0 + 1)
    store.commit(make_batch(make_fact(7)))
    assert counts(store, GOLD_FAST.indicator) == before
    assert counts(store, CHECKOUT.indicator).good == 5


def test_an_indicator_that_comes_back_missed_nothing(store: Store) -> None:
    """Not what was committed meanwhile, and not what was corrected meanwhile."""
    store.register_plan(BOTH, at_ns=T0)
    store.commit(make_batch(*HISTORY))
    store.commit(make_batch(make_fact(1, outcome="failed", reason="late"), recheck=[1]))
    store.register_plan(ONE, at_ns=T0 + 1)
    store.commit(make_batch(make_fact(7), make_fact(2), recheck=[2]))
    store.register_plan(BOTH, at_ns=T0 + 2)
    expected = Counts(good=3, total=5, unknown=1, corrected=1)
    assert counts(store, GOLD_FAST.indicator) == expected


def test_documents_stay_readable_by_revision(store: Store) -> None:
    store.register_plan(make_plan(CHECKOUT, revision="a", documents="first"), at_ns=T0)
    store.register_plan(make_plan(revision="b", documents="second"), at_ns=T0 + 1)
    store.register_plan(make_plan(CHECKOUT, revision="a", documents="first"), at_ns=T0 + 2)
    assert store.plan_documents("a") == "first"
    assert store.plan_documents("b") == "second"
    assert store.plan_documents("c") is None
    assert run(store._writer, "SELECT revision FROM definitions ORDER BY rowid") == [
        ("a",),
        ("b",),
        ("a",),
    ]


def test_the_latest_definitions_are_those_applied_last_whatever_the_clock_said(
    store: Store,
) -> None:
    assert store.latest_definitions() is None
    store.register_plan(make_plan(revision="a", documents="first"), at_ns=T0)
    store.register_plan(make_plan(revision="b", documents="second"), at_ns=T0 - 1)
    assert store.latest_definitions() == ("second", None)
    assert store.size_bytes > 0


def test_the_generated_expression_of_two_objectives() -> None:
    """Generated SQL is seen in review; text of users is a parameter."""
    found = indicator_set([CHECKOUT, make_slo("twin", indicator=CHECKOUT.indicator), GOLD_FAST])
    good, fast, gold = (
        CHECKOUT.good.to_sql(),
        GOLD_FAST.good.to_sql(),
        GOLD_FAST.total.to_sql() if GOLD_FAST.total else pytest.fail("it has a total"),
    )
    assert found.indicators == (CHECKOUT.indicator, GOLD_FAST.indicator)
    assert found.slo_names == ("checkout", "twin", "gold-fast")
    assert found.slo_indicators == (0, 0, 1)
    assert found.codes_sql == (
        "CASE transaction WHEN ? THEN ["
        "CASE WHEN NOT true THEN NULL WHEN outcome = 'excluded' THEN 2"
        f" WHEN outcome = 'unknown' THEN 3 WHEN ({good.sql}) THEN 0 ELSE 1 END, "
        f"CASE WHEN NOT ({gold.sql}) THEN NULL WHEN outcome = 'excluded' THEN 6"
        f" WHEN outcome = 'unknown' THEN 7 WHEN ({fast.sql}) THEN 4 ELSE 5 END"
        "] ELSE CAST([] AS INTEGER[]) END"
    )
    assert found.parameters == ("checkout", *good.params, *gold.params, *fast.params)


def test_a_name_with_quotes_is_only_a_name(store: Store) -> None:
    name = "it's; DROP TABLE transactions; --"
    slo = make_slo(name, transaction=name, indicator=name)
    store.register_plan(make_plan(slo), at_ns=T0)
    store.commit(make_batch(make_fact(1, transaction=name, reason="')")))
    assert counts(store, name) == Counts(good=1, total=1)
