"""Whatever happens to the store, it says what a dictionary of facts would say."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_cases import (
    DAY_NS,
    FAST,
    GOLD,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    T0,
    Model,
    identity,
    make_fact,
    make_plan,
    make_slo,
)

from sloengine.clock import FrozenClock
from sloengine.definitions.plan import Plan
from sloengine.store import CountWindow, Fact, FactBatch, Store, StoreReader

END = T0 + 5 * DAY_NS

CHECKOUT = make_slo("checkout")
CHECKOUT_AGAIN = make_slo("checkout-again", indicator=CHECKOUT.indicator)
GOLD_FAST = make_slo("gold-fast", good=FAST, total=GOLD)
STRICT = make_slo("strict", unknown_is_bad=True)
BROWSE = make_slo("browse", transaction="browse", good=FAST)

PLANS = (
    make_plan(CHECKOUT, CHECKOUT_AGAIN, GOLD_FAST, BROWSE, revision="plan-0"),
    make_plan(CHECKOUT, STRICT, revision="plan-1"),
    make_plan(revision="plan-2"),
)

facts = st.builds(
    make_fact,
    st.integers(1, 12).map(lambda n: n * 2**61 + n),
    span=st.integers(1, 3),
    transaction=st.sampled_from(["checkout", "browse", "other"]),
    end_ns=st.integers(T0, END - 1) | st.sampled_from([T0, T0 + 60 * SECOND_NS, END - 1]),
    duration_ns=st.sampled_from([-1, 0, 1, SECOND_NS, 2 * SECOND_NS, 3 * SECOND_NS]),
    outcome=st.sampled_from(["good", "slow", "failed", "abandoned", "excluded", "unknown"]),
    reason=st.sampled_from(["", "payment", 'it\'s "odd"']),
    tier=st.sampled_from(["gold", "tin"]),
    revision=st.sampled_from(["rev-1", "rev-2"]),
)

fact_lists = st.lists(facts, max_size=8, unique_by=identity)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), fact_lists),
        st.tuples(st.just("reopen"), st.none()),
        st.tuples(st.just("compact"), st.integers(T0, END + 5 * DAY_NS)),
        st.tuples(st.just("plan"), st.sampled_from(PLANS)),
    ),
    max_size=8,
)


def check(reader: StoreReader, model: Model) -> None:
    """Compare every number that the reader gives with the model's."""
    assert reader.facts() == tuple(model.facts[key] for key in sorted(model.facts))
    windows = {
        (slo.name, span): CountWindow(slo.indicator, *span)
        for slo in model.plan.slos
        for span in ((0, END), (T0 + DAY_NS, T0 + 2 * DAY_NS), (T0, T0 + MINUTE_NS))
    }
    counts = reader.window_counts(windows.values())
    reasons = reader.bad_reasons(windows.values())
    course = reader.course(dict.fromkeys(windows.values(), HOUR_NS))
    by_name = {slo.name: slo for slo in model.plan.slos}
    for (name, _), window in windows.items():
        slo = by_name[name]
        assert counts[window] == model.counts(slo, window)
        found = {(reason.outcome, reason.reason): reason.events for reason in reasons[window]}
        assert found == model.reasons(slo, window)
        assert sum(found.values()) == counts[window].total - counts[window].good
        for step in course[window]:
            end_ns = min(step.start_ns + HOUR_NS, window.end_ns)
            part = model.counts(slo, CountWindow(slo.indicator, step.start_ns, end_ns))
            assert (step.good, step.total) == (part.good, part.total)
        assert sum(step.total for step in course[window]) == counts[window].total
    traffic = reader.traffic(0, END)
    assert {(row.transaction, row.outcome): row.events for row in traffic} == model.traffic()
    _check_export(reader, model)


def _check_export(reader: StoreReader, model: Model) -> None:
    state = reader.export_state()
    assert state.verdicts == model.verdicts
    assert state.corrections == model.corrections
    found = {(one.transaction, one.outcome, one.reason): one for one in state.durations}
    assert found.keys() == model.durations.keys()
    for key, durations in model.durations.items():
        histogram = found[key]
        positive = [duration for duration in durations if duration > 0]
        assert histogram.events == len(durations)
        assert histogram.zero_events == len(durations) - len(positive)
        assert histogram.sum_ns == sum(positive)
        assert histogram.min_ns == max(min(durations), 0)
        assert histogram.max_ns == max(max(durations), 0)
        assert sum(histogram.buckets.values()) == len(positive)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_commits_restarts_compactions_and_reloads_agree_with_the_model(
    steps: list[tuple[str, object]],
) -> None:
    """Facts, counts, reasons, traffic and exported numbers are those of the dictionary."""
    with tempfile.TemporaryDirectory() as folder:
        _play(Path(folder), steps)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_many_more_histories_agree_with_the_model(steps: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _play(Path(folder), steps)


def _play(folder: Path, steps: list[tuple[str, object]]) -> None:
    clock = FrozenClock(T0)
    store = Store.open(folder, clock=clock)
    model = Model(PLANS[0])
    store.register_plan(model.plan, at_ns=T0)
    touched: set[int] = set()
    for number, (kind, argument) in enumerate(steps):
        if kind == "reopen":
            store.close()
            store = Store.open(folder, clock=clock)
            store.register_plan(model.plan, at_ns=T0)
        elif kind == "compact" and isinstance(argument, int):
            store.compact(argument)
        elif kind == "plan" and isinstance(argument, Plan):
            model.plan = argument
            store.register_plan(argument, at_ns=T0 + number)
        elif isinstance(argument, list):
            given_facts: list[Fact] = argument
            traces = {fact.trace_id for fact in given_facts}
            batch = FactBatch(tuple(given_facts), frozenset(traces & touched), number, T0 + number)
            touched |= traces
            result = store.commit(batch)
            assert (result.new, result.corrected, result.unchanged) == model.commit(batch)
        assert store.position == model.position
    with store.reader() as reader:
        check(reader, model)
    store.close()


@settings(max_examples=5, deadline=None)
@given(
    fact_lists.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))),
    st.integers(1, 4),
)
def test_order_and_batching_do_not_matter(pair: tuple[list[Fact], list[Fact]], parts: int) -> None:
    """The same facts, shuffled and split over commits, give the same facts and the same counts."""
    facts, shuffled = pair
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole = Store.open(Path(one), clock=FrozenClock(T0))
        split = Store.open(Path(other), clock=FrozenClock(T0))
        for store in (whole, split):
            store.register_plan(PLANS[0], at_ns=T0)
        whole.commit(FactBatch(tuple(facts), frozenset(), 1, T0))
        for part in range(parts):
            split.commit(FactBatch(tuple(shuffled[part::parts]), frozenset(), 1, T0))
        window = CountWindow(GOLD_FAST.indicator, T0, END)
        with whole.reader() as left, split.reader() as right:
            assert left.facts() == right.facts()
            assert left.window_counts([window]) == right.window_counts([window])
            assert left.export_state() == replace(
                right.export_state(), start_ns=left.export_state().start_ns
            )
        whole.close()
        split.close()


@settings(max_examples=5, deadline=None)
@given(fact_lists, st.integers(1, 3))
def test_replaying_a_batch_changes_nothing(facts: list[Fact], times: int) -> None:
    """A recheck of what is stored already is no correction, and no second verdict."""
    batch = FactBatch(tuple(facts), frozenset(fact.trace_id for fact in facts), 1, T0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder), clock=FrozenClock(T0))
        store.register_plan(PLANS[0], at_ns=T0)
        model = Model(PLANS[0])
        model.commit(batch)
        store.commit(batch)
        for _ in range(times):
            again = store.commit(batch)
            assert (again.new, again.corrected, again.unchanged) == (0, 0, len(facts))
        with store.reader() as reader:
            check(reader, model)
            assert reader.corrections(0, END) == ()
        store.close()


@settings(max_examples=5, deadline=None)
@given(fact_lists, st.integers(T0, END + 5 * DAY_NS))
def test_every_fact_of_a_transaction_is_counted_once(facts: list[Fact], now_ns: int) -> None:
    """Good + bad + excluded + unknown of an SLO over a whole transaction = its facts."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder), clock=FrozenClock(T0))
        store.register_plan(PLANS[0], at_ns=T0)
        store.commit(FactBatch(tuple(facts), frozenset(), 1, T0))
        store.compact(now_ns)
        with store.reader() as reader:
            window = CountWindow(CHECKOUT.indicator, 0, END)
            counts = reader.window_counts([window])[window]
        store.close()
    of_checkout = Counter(fact.transaction for fact in facts)["checkout"]
    assert counts.total + counts.excluded + counts.unknown == of_checkout
    assert 0 <= counts.good <= counts.total
