"""From stored facts to verdicts, with numbers worked out by hand and against brute force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.clock import FrozenClock
from sloengine.definitions.plan import Objective, Plan, SloRule
from sloengine.errors import OperatorError
from sloengine.evaluate import Coverage, State, TrafficShare, evaluate
from sloengine.evaluate.evaluate import course_step, window_start
from sloengine.ottl import parse_fact_condition
from sloengine.slo import BURN_WINDOWS
from sloengine.store import OTHER, OTHER_SERVICE, OTHER_SPAN, Fact, FactBatch, Store

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
SLOT_NS = 10 * SECOND_NS
AT = 20_000 * DAY_NS
"""Midnight UTC, so a boundary of slots and of minutes."""


def fact(
    number: int, *, ago_ns: int = SECOND_NS, outcome: str = "good", transaction: str = "checkout"
) -> Fact:
    end_ns = AT - ago_ns
    return Fact(
        trace_id=number,
        entry_span_id=1,
        entry_kind=2,
        transaction=transaction,
        definition="d",
        revision="r",
        start_ns=end_ns - SECOND_NS,
        end_ns=end_ns,
        outcome=outcome,
        reason="" if outcome == "good" else "because",
        incomplete=False,
        customer=None,
        session=None,
        intent=None,
        amount_micros=None,
        currency=None,
    )


def slo(name: str = "checkout", *, window_ns: int = 28 * DAY_NS, target: str = "0.9") -> SloRule:
    return SloRule(
        name=name,
        display_name="Orders placed well",
        description="Most orders go through.",
        service="shop",
        transaction=name,
        indicator=f"i-{name}",
        good=parse_fact_condition('transaction.outcome == "good"', ()),
        total=None,
        unknown_is_bad=False,
        window_ns=window_ns,
        window_text="28d",
        objectives=(Objective("", Decimal(target)),),
        position="slo.yaml:7",
        annotations={"owner": "retail"},
    )


def plan(*slos: SloRule) -> Plan:
    return Plan(
        revision="r",
        commit="abc",
        fields=(),
        conditions=(),
        captures=(),
        transactions=(),
        ignore=(),
        slos=slos,
        documents="docs",
        not_evaluated=("a composite",),
    )


PLAN = plan(slo())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path, clock=FrozenClock(AT)) as store:
        store.register_plan(PLAN, at_ns=AT)
        yield store


def commit(store: Store, *facts: Fact, recheck: frozenset[int] = frozenset()) -> None:
    store.commit(FactBatch(facts, recheck, 1, AT))


def test_an_objective_in_full(store: Store) -> None:
    """20 events, 1 bad, at 90%: budget 2 events, half of it left; the last hour burns at 2."""
    old = [fact(n, ago_ns=2 * DAY_NS) for n in range(10)]
    day = [fact(n, ago_ns=7 * HOUR_NS) for n in range(10, 15)]
    hour = [fact(n, ago_ns=50 * MINUTE_NS) for n in range(15, 19)]
    bad = fact(19, ago_ns=40 * MINUTE_NS, outcome="failed")
    aside = [fact(20, outcome="excluded"), fact(21, outcome="unknown")]
    commit(store, *old, *day, *hour, bad, *aside)
    with store.reader() as reader:
        found = evaluate(reader, PLAN, at_ns=AT, course=True)
    (one,) = found.slos
    assert (found.at_ns, found.revision, found.commit) == (AT, "r", "abc")
    assert found.not_evaluated == ("a composite",)
    assert (one.slo, one.objective, one.service, one.position) == (
        "checkout",
        "",
        "shop",
        "slo.yaml:7",
    )
    assert one.annotations == {"owner": "retail"}
    assert (one.start_ns, one.end_ns) == (AT - 28 * DAY_NS, AT)
    assert (one.good, one.total, one.excluded, one.unknown) == (19, 20, 1, 1)
    assert one.sli == Fraction(19, 20)
    assert one.state is State.MET
    assert one.budget_total == 2
    assert one.budget_used == 1
    assert one.budget_remaining == Fraction(1, 2)
    burn = {rate.window: (rate.good, rate.total, rate.rate) for rate in one.burn_rates}
    assert burn == {
        "5m": (0, 0, None),
        "30m": (0, 0, None),
        "1h": (4, 5, Fraction(2)),
        "6h": (4, 5, Fraction(2)),
        "1d": (9, 10, Fraction(1)),
        "3d": (19, 20, Fraction(1, 2)),
    }
    assert one.time_to_exhaustion_ns == 7 * DAY_NS
    assert one.reasons == {"failed: because": 1}
    assert one.observed_since_ns == AT - 2 * DAY_NS
    assert one.corrected == 0
    assert len(one.course) == 48
    assert sum(step.good for step in one.course) == one.good
    assert sum(step.total for step in one.course) == one.total
    assert one.course[0].start_ns == one.observed_since_ns
    assert one.course[-1].end_ns == one.end_ns
    assert found.last_event_ns == AT - SECOND_NS


def test_no_data_is_a_state(store: Store) -> None:
    with store.reader() as reader:
        (one,) = evaluate(reader, PLAN, at_ns=AT).slos
    assert one.state is State.NO_DATA
    assert (one.sli, one.budget_total, one.budget_remaining) == (None, None, None)
    assert (one.good, one.total, one.budget_used) == (0, 0, 0)
    assert one.time_to_exhaustion_ns is None
    assert one.observed_since_ns is None
    assert one.course == ()
    assert all(rate.rate is None for rate in one.burn_rates)


def test_only_excluded_events_are_no_data(store: Store) -> None:
    commit(store, fact(1, outcome="excluded"))
    with store.reader() as reader:
        (one,) = evaluate(reader, PLAN, at_ns=AT).slos
    assert (one.state, one.excluded) == (State.NO_DATA, 1)


def test_an_overspent_budget_is_negative_and_has_no_end(store: Store) -> None:
    commit(store, fact(1), fact(2, outcome="failed"))
    with store.reader() as reader:
        (one,) = evaluate(reader, PLAN, at_ns=AT).slos
    assert one.budget_remaining == -4
    assert one.state is State.MISSED
    assert one.time_to_exhaustion_ns is None


def test_the_running_slot_counts_and_slots_are_not_split(store: Store) -> None:
    """At 00:00:03 the slot from 00:00:00 is in; five minutes reach back to 23:55:00."""
    commit(
        store,
        fact(1, ago_ns=-2 * SECOND_NS),
        fact(2, ago_ns=5 * MINUTE_NS),
        fact(3, ago_ns=5 * MINUTE_NS + 1),
    )
    with store.reader() as reader:
        (one,) = evaluate(reader, PLAN, at_ns=AT + 3 * SECOND_NS).slos
        (before,) = evaluate(reader, PLAN, at_ns=AT).slos
    assert [rate.total for rate in one.burn_rates][:2] == [2, 3]
    assert before.total == 2
    assert one.end_ns == AT + 3 * SECOND_NS


def test_a_window_of_two_definitions_is_known_as_long_as_it_is_counted(store: Store) -> None:
    """Facts are forgotten after 35 days; that numbers mix two meanings must not be."""
    objectives = plan(slo(window_ns=90 * DAY_NS))

    def judged(number: int, days_ago: int, definition: str) -> Fact:
        return replace(fact(number, ago_ns=days_ago * DAY_NS), definition=definition)

    commit(store, judged(1, 60, "old"), judged(2, 20, "new"), judged(3, 20, "new"))
    # The only fact of a third one is corrected: nothing that is counted rests on it.
    commit(store, judged(4, 50, "gone"))
    commit(store, judged(4, 20, "new"), recheck=frozenset({4}))
    for kept in (4, 3):
        with store.reader() as reader:
            found = evaluate(reader, objectives, at_ns=AT, course=True)
            assert len(reader.facts()) == kept
        assert [(use.definition, use.events) for use in found.definitions] == [
            ("old", 1),
            ("new", 3),
        ]
        store.compact(AT)
        store.expire(AT)


@pytest.mark.parametrize(
    ("length_ns", "folded_until_ns", "start_ns"),
    [
        (5 * MINUTE_NS, 0, AT - 5 * MINUTE_NS + 20 * SECOND_NS),
        (DAY_NS, 0, AT - DAY_NS + 20 * SECOND_NS),
        (3 * DAY_NS, 0, AT - 3 * DAY_NS),
        (28 * DAY_NS, 0, AT - 28 * DAY_NS),
        (5 * MINUTE_NS, AT, AT - 5 * MINUTE_NS),
    ],
)
def test_where_a_window_begins(length_ns: int, folded_until_ns: int, start_ns: int) -> None:
    assert window_start(AT + 25 * SECOND_NS, length_ns, folded_until_ns) == start_ns


@pytest.mark.parametrize(
    ("window_ns", "step_ns"),
    [
        (28 * DAY_NS, DAY_NS),
        (90 * DAY_NS, 2 * DAY_NS),
        (7 * DAY_NS, 6 * 60 * MINUTE_NS),
        (2 * DAY_NS, 60 * MINUTE_NS),
        (DAY_NS, 30 * MINUTE_NS),
        (10 * MINUTE_NS, 20 * SECOND_NS),
        (MINUTE_NS, SLOT_NS),
    ],
)
def test_the_steps_of_a_course(window_ns: int, step_ns: int) -> None:
    assert course_step(window_ns) == step_ns


def test_every_objective_of_every_slo_in_order(store: Store) -> None:
    both = plan(
        replace(
            slo(),
            objectives=(Objective("promise", Decimal("0.9")), Objective("hope", Decimal("0.99"))),
        ),
        slo("search"),
    )
    store.register_plan(both, at_ns=AT)
    commit(store, *[fact(n) for n in range(19)], fact(19, outcome="slow"))
    with store.reader() as reader:
        found = evaluate(reader, both, at_ns=AT)
        only = evaluate(reader, both, at_ns=AT, slos=["search"])
    assert [(one.slo, one.objective, one.state) for one in found.slos] == [
        ("checkout", "promise", State.MET),
        ("checkout", "hope", State.MISSED),
        ("search", "", State.NO_DATA),
    ]
    assert [one.slo for one in only.slos] == ["search"]


def test_an_unknown_name_says_which_there_are(store: Store) -> None:
    with store.reader() as reader, pytest.raises(OperatorError, match="there are: checkout"):
        evaluate(reader, PLAN, at_ns=AT, slos=["chekout"])


def test_a_plan_without_objectives_still_shows_traffic(store: Store) -> None:
    commit(store, fact(1), fact(2, outcome="failed"), fact(3, transaction="ignored"))
    with store.reader() as reader:
        found = evaluate(reader, plan(), at_ns=AT)
    assert found.slos == ()
    assert found.traffic == (
        TrafficShare("checkout", 2, {"failed": 1, "good": 1}),
        TrafficShare("ignored", 1, {"good": 1}),
    )


def test_unmapped_names_coverage_and_counters(store: Store) -> None:
    names = {OTHER_SERVICE: "ads", OTHER_SPAN: "GET /ad"}
    unmapped = [replace(fact(n, transaction=OTHER), dimensions=names) for n in range(3)]
    batch = FactBatch(tuple(unmapped), frozenset(), 1, AT, {"processor.late_unverifiable": 4})
    store.commit(batch)
    store.record_coverage(AT - HOUR_NS, AT)
    with store.reader() as reader:
        found = evaluate(reader, PLAN, at_ns=AT)
    assert found.other_names == (("ads", "GET /ad", 3),)
    assert found.coverage == Coverage(covered_minutes=60, minutes=28 * 1440)
    assert found.coverage.share == Fraction(60, 28 * 1440)
    assert found.late_unverifiable == 4
    assert found.counters == {"processor.late_unverifiable": 4}


def test_corrections_of_the_window_are_counted(store: Store) -> None:
    commit(store, fact(1), fact(2))
    commit(store, fact(1, outcome="failed"), recheck=frozenset({1}))
    with store.reader() as reader:
        (one,) = evaluate(reader, PLAN, at_ns=AT).slos
    assert (one.good, one.total, one.corrected) == (1, 2, 1)


events = st.lists(
    st.tuples(
        st.integers(-5, 40 * 86_400).map(lambda seconds: seconds * SECOND_NS)
        | st.sampled_from([0, 1, 5 * MINUTE_NS, HOUR_NS, DAY_NS, 3 * DAY_NS, 28 * DAY_NS]),
        st.sampled_from(["good", "good", "slow", "failed", "excluded", "unknown"]),
    ),
    max_size=30,
)


@settings(max_examples=12, deadline=None)
@given(
    events,
    st.sampled_from(["0.5", "0.9", "0.999"]),
    st.sampled_from([HOUR_NS, 7 * DAY_NS, 28 * DAY_NS]),
    st.integers(0, 70),
)
def test_counting_events_one_by_one_gives_the_same_before_and_after_compaction(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[tuple[int, str]],
    target: str,
    window_ns: int,
    offset_s: int,
) -> None:
    at_ns = AT + offset_s * SECOND_NS
    promise = plan(slo(window_ns=window_ns, target=target))
    facts = [fact(n, ago_ns=ago_ns, outcome=o) for n, (ago_ns, o) in enumerate(events)]
    with Store.open(tmp_path_factory.mktemp("store"), clock=FrozenClock(AT)) as store:
        store.register_plan(promise, at_ns=AT)
        commit(store, *facts)
        with store.reader() as reader:
            before = evaluate(reader, promise, at_ns=at_ns, course=True)
            store.compact(at_ns)
            after = evaluate(reader, promise, at_ns=at_ns, course=True)
    assert after == before
    (one,) = after.slos

    def within(length_ns: int) -> list[str]:
        step_ns = MINUTE_NS if length_ns >= 3 * DAY_NS else SLOT_NS
        start_ns = (at_ns - length_ns) // step_ns * step_ns
        return [
            fact.outcome
            for fact in facts
            if start_ns <= fact.end_ns // SLOT_NS * SLOT_NS < at_ns
            and fact.outcome in {"good", "slow", "failed"}
        ]

    allowed_ratio = 1 - Fraction(target)
    counted = within(window_ns)
    good = counted.count("good")
    assert (one.good, one.total) == (good, len(counted))
    assert one.budget_used == len(counted) - good == sum(one.reasons.values())
    assert sum(step.total for step in one.course) == len(counted)
    if counted:
        allowed = allowed_ratio * len(counted)
        assert one.budget_total == allowed
        assert one.budget_remaining == (allowed - (len(counted) - good)) / allowed
        assert (one.state is State.MET) == (Fraction(good, len(counted)) >= Fraction(target))
    for rate, (_, length_ns) in zip(one.burn_rates, BURN_WINDOWS, strict=True):
        seen = within(length_ns)
        bad = len(seen) - seen.count("good")
        expected = Fraction(bad, len(seen)) / allowed_ratio if seen else None
        assert (rate.total, rate.rate) == (len(seen), expected)
