"""By value of a dimension: rows sum to the window, money stays in its currency, nothing is lost."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_facts import fact_at

from sloengine.clock import FrozenClock
from sloengine.definitions import Plan, load_definitions
from sloengine.errors import OperatorError
from sloengine.evaluate import Breakdown, Money, SloEvaluation, evaluate
from sloengine.store import Fact, FactBatch, Store
from sloengine.store.parts import MOST_CURRENCIES

SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
START = int(dt.datetime(2026, 3, 20, tzinfo=dt.UTC).timestamp()) * SECOND_NS
AT = START + 12 * HOUR_NS

CHECKOUT = """
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry: [span.name == "checkout"]
  value: {amount: 'span.attributes["amount"]', currency: 'span.attributes["currency"]'}
  dimensions:
    tier: {from: 'span.attributes["tier"]', limit: 2}
  promise: {target: 90%, window: 28d}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: gold-fast}
spec:
  service: shop
  indicator:
    metadata: {name: gold-fast}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: sloengine
            spec: {transaction: checkout, where: 'transaction.outcome == "good"'}
        total:
          metricSource:
            type: sloengine
            spec:
              transaction: checkout
              where: transaction.dimensions["tier"] != "a"
              unknown: bad
  timeWindow: [{duration: 7d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: strict, target: 0.99}, {displayName: loose, target: 0.5}]
---
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: browse}
spec:
  entry: [span.name == "browse"]
  promise: {target: 90%, window: 28d}
"""
ADJUSTMENT = """
---
apiVersion: sloengine/v1
kind: BudgetAdjustment
metadata: {name: night}
spec:
  reason: agreed
  slos: [checkout-experience]
  start: "2026-03-20 02:00:00"
  end: "2026-03-20 04:00:00"
  where: transaction.dimensions["tier"] == "a"
"""
DEFAULT = {"good": "", "failed": "failed", "slow": "slow", "excluded": "probe", "unknown": "x"}


@dataclass(frozen=True)
class Event:
    """What a fact is made of, and what brute force looks at."""

    ago_ns: int
    outcome: str = "good"
    tier: str | None = "a"
    amount: int | None = None
    currency: str | None = None


def facts_of(events: list[Event], plan: Plan) -> tuple[Fact, ...]:
    return tuple(
        replace(
            fact_at(number + 1, AT - event.ago_ns, good=True, tier="", plan=plan),
            outcome=event.outcome,
            reason=DEFAULT[event.outcome],
            dimensions={} if event.tier is None else {"tier": event.tier},
            amount_micros=event.amount,
            currency=event.currency,
        )
        for number, event in enumerate(events)
    )


def plan_of(folder: Path, text: str = CHECKOUT) -> Plan:
    (folder / "all.yaml").write_text(text, encoding="utf-8")
    return load_definitions(folder).plan


def evaluated(
    plan: Plan,
    events: list[Event],
    *,
    at_ns: int = AT,
    by: str | None = "tier",
    compact_ns: int | None = None,
    expire_ns: int | None = None,
) -> dict[str, SloEvaluation]:
    with Store.open_memory(clock=FrozenClock(AT)) as store:
        store.register_plan(plan, at_ns=AT)
        store.commit(FactBatch(facts_of(events, plan), frozenset(), 1, AT))
        if compact_ns is not None:
            store.compact(compact_ns)
        if expire_ns is not None:
            store.expire(expire_ns)
        with store.reader() as reader:
            found = evaluate(reader, plan, at_ns=at_ns, course=True, by=by)
    return {f"{one.slo}/{one.objective}".rstrip("/"): one for one in found.slos}


def told(slo: SloEvaluation) -> Breakdown:
    """The breakdown, whose rows must sum to the window's own counts."""
    assert slo.by is not None
    rows = [*slo.by.parts, *([slo.by.untold] if slo.by.untold else [])]
    assert sum(row.good for row in rows) == slo.good
    assert sum(row.total for row in rows) == slo.total
    assert sum(row.bad for row in rows) == slo.budget_used
    assert sum(row.excluded for row in rows) == slo.excluded
    assert sum(row.unknown for row in rows) == slo.unknown
    if slo.budget_used:
        assert sum(row.share_of_bad or 0 for row in rows) == 1
    else:
        assert all(row.share_of_bad is None for row in rows)
    if slo.budget_total:
        assert sum(row.budget_used or 0 for row in rows) == slo.budget_used / slo.budget_total
    return slo.by


def worth(money: Money | None) -> dict[str | None, tuple[int, int]]:
    assert money is not None
    return {one.currency: (one.total_micros, one.good_micros) for one in money.amounts}


def test_a_window_by_hand(tmp_path: Path) -> None:
    """Ten counted, four bad, at 90%: each bad event is a quarter of the bad, one budget."""
    plan = plan_of(tmp_path)
    events = [
        *[Event(HOUR_NS, tier="b") for _ in range(4)],
        Event(HOUR_NS, "failed", tier="b"),
        Event(HOUR_NS, tier="a"),
        Event(HOUR_NS, "slow", tier="a"),
        Event(HOUR_NS, "failed", tier="a"),
        Event(HOUR_NS, "failed", tier=None),
        Event(HOUR_NS, tier="rare"),
        Event(HOUR_NS, "excluded", tier="bot"),
        Event(HOUR_NS, "unknown", tier="a"),
    ]
    slo = evaluated(plan, events)["checkout-experience"]
    found = told(slo)
    assert (found.dimension, found.limit, found.values, found.untold) == ("tier", 2, 5, None)
    assert [(row.value, row.good, row.total, row.excluded, row.unknown) for row in found.parts] == [
        ("a", 1, 3, 0, 1),
        ("b", 4, 5, 0, 0),
        ("__other__", 1, 2, 1, 0),
    ]
    assert [row.share_of_bad for row in found.parts] == [
        Fraction(1, 2),
        Fraction(1, 4),
        Fraction(1, 4),
    ]
    assert [row.budget_used for row in found.parts] == [2, 1, 1]
    assert slo.dimensions == ("tier",)


def test_the_limit_keeps_values_with_most_events_and_of_equals_the_first(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    events = [Event(HOUR_NS, tier=tier) for tier in ("d", "c", "b", "b", "e")]
    found = told(evaluated(plan, events)["checkout-experience"])
    assert [(row.value, row.total) for row in found.parts] == [
        ("b", 2),
        ("c", 1),
        ("__other__", 2),
    ]


def test_values_beyond_the_stores_bound_join_those_beyond_the_limit(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    events = [Event(HOUR_NS, tier=tier) for tier in (*["__other__"] * 5, "a", "b", "c")]
    found = told(evaluated(plan, events)["checkout-experience"])
    assert [(row.value, row.total) for row in found.parts] == [("a", 1), ("b", 1), ("__other__", 6)]
    assert found.values == 3


def test_a_value_without_counted_events_is_no_data(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    slo = evaluated(plan, [Event(HOUR_NS, "excluded")])["checkout-experience"]
    (row,) = told(slo).parts
    assert (row.total, row.excluded, row.share_of_bad, row.budget_used) == (0, 1, None, None)


def test_each_objective_measures_by_its_own_budget(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    events = [Event(HOUR_NS, tier="b"), Event(HOUR_NS, "unknown", tier="b"), Event(HOUR_NS)]
    found = evaluated(plan, events)
    (strict,) = told(found["gold-fast/strict"]).parts
    (loose,) = told(found["gold-fast/loose"]).parts
    assert (strict.good, strict.total, strict.unknown) == (1, 2, 0)
    assert [strict.budget_used, loose.budget_used] == [50, 1]


@pytest.mark.parametrize(
    ("compact_ns", "ago_s"), [(None, -9), (AT + 10 * DAY_NS, -59)], ids=["slots", "minutes"]
)
def test_parts_end_with_the_slot_in_which_the_window_ends(
    tmp_path: Path, compact_ns: int | None, ago_s: int
) -> None:
    """At 12:00:03 what ends later in the running slot counts; so does it where it is left out."""
    events = [Event(ago_s * SECOND_NS, tier="b"), Event((ago_s - 1) * SECOND_NS, tier="b")]
    for text in (CHECKOUT, CHECKOUT + ADJUSTMENT.replace("02:00", "11:00").replace("04:", "13:")):
        plan = plan_of(tmp_path, text.replace('== "a"', '== "b"'))
        slo = evaluated(plan, events, at_ns=AT + 3 * SECOND_NS, compact_ns=compact_ns)
        found = slo["checkout-experience"]
        assert told(found).untold is None
        assert found.total == sum(row.total for row in told(found).parts)
        assert found.total == (0 if found.adjustments else 1)


def test_adjustments_leave_excluded_and_unknown_events_where_they_are(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, CHECKOUT + ADJUSTMENT)
    events = [Event(9 * HOUR_NS, outcome) for outcome in sorted(DEFAULT)]
    slo = evaluated(plan, events)["checkout-experience"]
    (row,) = told(slo).parts
    assert (row.total, row.excluded, row.unknown) == (0, 1, 1)


def test_slos_of_transactions_without_the_dimension_stay_whole(tmp_path: Path) -> None:
    found = evaluated(plan_of(tmp_path), [Event(HOUR_NS)])
    assert found["browse-experience"].by is None
    assert found["browse-experience"].money is None
    assert found["browse-experience"].dimensions == ()


def test_what_facts_no_longer_tell_stands_apart(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, CHECKOUT.replace("window: 28d", "window: 90d"))
    events = [Event(40 * DAY_NS, "failed"), Event(40 * DAY_NS), Event(HOUR_NS, "failed")]
    slo = evaluated(plan, events, compact_ns=AT, expire_ns=AT)["checkout-experience"]
    found = told(slo)
    assert slo.facts_since_ns == AT - 35 * DAY_NS
    assert slo.start_ns == AT - 90 * DAY_NS
    assert [(row.value, row.total) for row in found.parts] == [("a", 1)]
    assert found.untold is not None
    assert (found.untold.good, found.untold.bad) == (1, 1)
    assert found.untold.share_of_bad == Fraction(1, 2)
    assert found.untold.money is None


def test_where_facts_reach_far_enough_the_window_begins_them(tmp_path: Path) -> None:
    slo = evaluated(plan_of(tmp_path), [], expire_ns=AT)["checkout-experience"]
    assert slo.facts_since_ns == slo.start_ns


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("teir", 'dimension "teir": no SLO has it; did you mean "tier"?'),
        ("zzz", 'dimension "zzz": no SLO has it; known here: tier'),
    ],
)
def test_a_dimension_that_nobody_declares_is_refused(tmp_path: Path, by: str, said: str) -> None:
    with pytest.raises(OperatorError) as refused:
        evaluated(plan_of(tmp_path), [], by=by)
    assert str(refused.value) == said


def test_a_dimension_of_another_transaction_is_refused_where_one_slo_is_asked(
    tmp_path: Path,
) -> None:
    plan = plan_of(tmp_path)
    with (
        Store.open_memory(clock=FrozenClock(AT)) as store,
        store.reader() as reader,
        pytest.raises(OperatorError) as refused,
    ):
        evaluate(reader, plan, at_ns=AT, slos=["browse-experience"], by="tier")
    assert str(refused.value) == (
        'dimension "tier": transaction "browse" does not declare it; '
        "add it under spec.dimensions of the transaction"
    )


def test_money_is_summed_by_currency_and_what_has_no_amount_is_counted(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    events = [
        Event(HOUR_NS, amount=1_500_000, currency="EUR"),
        Event(HOUR_NS, "slow", amount=500_000, currency="EUR"),
        Event(HOUR_NS, "failed", tier="b", amount=7, currency="USD"),
        Event(HOUR_NS, amount=3),
        Event(HOUR_NS, "failed", tier="b"),
        Event(HOUR_NS, "excluded", amount=10**9, currency="EUR"),
        Event(HOUR_NS, "unknown", amount=10**9, currency="EUR"),
    ]
    slo = evaluated(plan, events)["checkout-experience"]
    assert worth(slo.money) == {"EUR": (2_000_000, 1_500_000), None: (3, 3), "USD": (7, 0)}
    assert slo.money is not None
    assert (slo.money.good_without, slo.money.bad_without, slo.money.further) == (0, 1, 0)
    parts = {row.value: row.money for row in told(slo).parts}
    assert worth(parts["a"]) == {"EUR": (2_000_000, 1_500_000), None: (3, 3)}
    assert worth(parts["b"]) == {"USD": (7, 0)}
    assert evaluated(plan, events, by=None)["checkout-experience"].money == slo.money


def test_an_id_in_the_place_of_a_currency_is_bounded(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    events = [
        Event(HOUR_NS, amount=1, currency=f"{number:02d}") for number in range(MOST_CURRENCIES + 3)
    ] + [Event(HOUR_NS, amount=1, currency=f"{MOST_CURRENCIES + 2:02d}")]
    money = evaluated(plan, events)["checkout-experience"].money
    assert money is not None
    assert len(money.amounts) == MOST_CURRENCIES
    assert money.amounts[0].currency == f"{MOST_CURRENCIES + 2:02d}"
    assert money.further == 3


EVENTS = st.lists(
    st.builds(
        Event,
        ago_ns=st.one_of(
            st.integers(-75, 15).map(lambda seconds: seconds * SECOND_NS),
            st.integers(0, 12 * 3600).map(lambda seconds: seconds * SECOND_NS),
            st.integers(0, 30).map(lambda days: days * DAY_NS),
        ),
        outcome=st.sampled_from(sorted(DEFAULT)),
        tier=st.sampled_from(["a", "b", "c", "d", "", "__none__", "__other__", None]),
        amount=st.one_of(st.none(), st.sampled_from([-5, 0, 3, 2**63 - 1])),
        currency=st.sampled_from(["EUR", "", None]),
    ),
    max_size=20,
)


@settings(max_examples=40)
@given(EVENTS, st.integers(1, 4), st.integers(0, 70), st.booleans(), st.booleans())
def test_brute_force_over_facts_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[Event],
    limit: int,
    offset_s: int,
    folded: bool,
    left_out: bool,
) -> None:
    text = CHECKOUT.replace("limit: 2", f"limit: {limit}") + (ADJUSTMENT if left_out else "")
    plan = plan_of(tmp_path_factory.mktemp("definitions"), text)
    at_ns = AT + offset_s * SECOND_NS
    # Folded long after: the window's end, too, stands in minutes then.
    compact_ns = at_ns + 10 * DAY_NS if folded else None
    slo = evaluated(plan, events, at_ns=at_ns, compact_ns=compact_ns)["checkout-experience"]
    found = told(slo)
    assert found.untold is None

    slot_ns = 60 * SECOND_NS if folded else 10 * SECOND_NS
    result: dict[str, Counter[str]] = {}
    sums: dict[str | None, list[int]] = {}
    for event in events:
        end_ns = AT - event.ago_ns
        if not slo.start_ns <= end_ns - end_ns % slot_ns < at_ns:
            continue
        hour = (end_ns - START) / HOUR_NS
        counted = event.outcome in ("good", "slow", "failed")
        if left_out and counted and event.tier == "a" and 2 <= hour < 4:
            continue
        value = "__none__" if event.tier is None else event.tier
        kind = "bad" if event.outcome in ("slow", "failed") else event.outcome
        result.setdefault(value, Counter())[kind] += 1
        if counted and event.amount is not None:
            sums.setdefault(event.currency, [0, 0])[0] += event.amount
            sums[event.currency][1] += event.amount if kind == "good" else 0

    def total(value: str) -> int:
        return result[value]["good"] + result[value]["bad"]

    own = sorted(result.keys() - {"__other__"}, key=lambda value: (-total(value), value))
    rest = {"__other__": Counter[str]()}
    for value in (*own[limit:], *({"__other__"} & result.keys())):
        rest["__other__"].update(result[value])
    expected = {value: result[value] for value in own[:limit]}
    if own[limit:] or "__other__" in result:
        expected |= rest
    assert {row.value for row in found.parts} == expected.keys()
    for row in found.parts:
        counts = expected[row.value]
        assert (row.good, row.bad) == (counts["good"], counts["bad"])
        assert (row.excluded, row.unknown) == (counts["excluded"], counts["unknown"])
    assert found.values == len(own)
    assert worth(slo.money) == {currency: tuple(pair) for currency, pair in sums.items()}
    by_part: dict[str | None, list[int]] = {}
    for row in found.parts:
        for currency, pair in worth(row.money).items():
            both = by_part.setdefault(currency, [0, 0])
            both[0], both[1] = both[0] + pair[0], both[1] + pair[1]
    assert by_part == sums
