"""Budget adjustments: what does not count leaves good and total, and is said."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_facts import fact_at

from sloengine.clock import FrozenClock
from sloengine.definitions import Plan, load_definitions, periods_of
from sloengine.errors import DefinitionsError
from sloengine.evaluate import SloEvaluation, evaluate
from sloengine.report import render_json, render_text
from sloengine.store import FactBatch, Store

HOUR_NS = 3600 * 10**9
START = int(dt.datetime(2026, 3, 20, tzinfo=dt.UTC).timestamp()) * 10**9

TRANSACTION = """
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry: [span.name == "checkout"]
  dimensions:
    tier: {from: 'span.attributes["tier"]', limit: 5}
  promise: {target: 90%, window: 28d}
"""


def adjustment(name: str, period: str, where: str = "") -> str:
    return f"""
---
apiVersion: sloengine/v1
kind: BudgetAdjustment
metadata: {{name: {name}}}
spec:
  reason: agreed with sales
  slos: [checkout-experience]
{period}
{where}
"""


ONE_OFF = '  start: "2026-03-20 02:00:00"\n  end: "2026-03-20 04:00:00"'
OVERLAPPING = '  start: "2026-03-20 03:00:00"\n  end: "2026-03-20 06:00:00"'
GOLD = "  where: transaction.dimensions[\"tier\"] == 'gold'".replace("'", '"')
SUNDAYS = (
    '  start: "2026-03-01 02:00:00"\n  rrule: FREQ=WEEKLY;BYDAY=SU\n  duration: 2h\n'
    "  timeZone: Europe/Berlin"
)


def plan_of(folder: Path, *adjustments: str) -> Plan:
    (folder / "all.yaml").write_text(TRANSACTION + "".join(adjustments), encoding="utf-8")
    return load_definitions(folder).plan


def evaluated(folder: Path, plan: Plan, hours: list[tuple[int, bool, str]]) -> SloEvaluation:
    """Evaluate at noon of the first day over facts that ended `hour` hours after its midnight."""
    facts = tuple(
        fact_at(number + 1, START + hour * HOUR_NS, good=good, tier=tier, plan=plan)
        for number, (hour, good, tier) in enumerate(hours)
    )
    with Store.open_memory(clock=FrozenClock(START)) as store:
        store.register_plan(plan, at_ns=START)
        store.commit(FactBatch(facts, frozenset(), position=1, arrival_ns=START))
        with store.reader() as reader:
            found = evaluate(reader, plan, at_ns=START + 12 * HOUR_NS, course=True)
    assert render_json(found)
    (one,) = found.slos
    for use in one.adjustments:
        assert "agreed with sales" in render_text(found)
        assert use.name in render_text(found)
    return one


def test_events_of_a_period_leave_good_and_total(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, adjustment("night", ONE_OFF))
    one = evaluated(
        tmp_path, plan, [(1, True, "gold"), (2, False, "gold"), (3, True, "gold"), (4, False, "x")]
    )
    assert (one.good, one.total) == (1, 2)
    assert one.sli == Fraction(1, 2)
    assert sum(one.reasons.values()) == 1
    assert sum(step.total for step in one.course) == 2
    (use,) = one.adjustments
    assert (use.good, use.total, use.periods_ns) == (1, 2, 2 * HOUR_NS)


def test_the_end_of_a_period_counts_again(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, adjustment("night", ONE_OFF))
    assert evaluated(tmp_path, plan, [(4, True, "gold")]).total == 1
    assert evaluated(tmp_path, plan, [(2, True, "gold")]).total == 0


def test_a_condition_leaves_out_only_what_it_holds_on(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, adjustment("night", ONE_OFF, GOLD))
    one = evaluated(tmp_path, plan, [(2, False, "gold"), (3, False, "silver")])
    assert (one.good, one.total) == (0, 1)


def test_an_event_leaves_once_however_many_adjustments_name_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, adjustment("b", OVERLAPPING), adjustment("a", ONE_OFF))
    one = evaluated(tmp_path, plan, [(3, True, "gold"), (5, True, "gold"), (7, True, "gold")])
    assert one.total == 1
    assert [(use.name, use.total) for use in one.adjustments] == [("a", 1), ("b", 1)]


def test_without_a_period_in_the_window_nothing_is_said(tmp_path: Path) -> None:
    later = '  start: "2026-05-01 02:00:00"\n  end: "2026-05-01 04:00:00"'
    plan = plan_of(tmp_path, adjustment("later", later))
    one = evaluated(tmp_path, plan, [(3, True, "gold")])
    assert (one.total, one.adjustments) == (1, ())


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.booleans(), st.sampled_from(["gold", "silver"])),
        max_size=12,
    )
)
def test_what_is_left_and_what_is_left_out_are_all_there_was(
    tmp_path_factory: pytest.TempPathFactory, hours: list[tuple[int, bool, str]]
) -> None:
    folder = tmp_path_factory.mktemp("definitions")
    plain = plan_of(folder)
    whole = evaluated(folder, plain, hours)
    plan = plan_of(folder, adjustment("a", ONE_OFF, GOLD), adjustment("b", OVERLAPPING))
    one = evaluated(folder, plan, hours)
    assert one.total + sum(use.total for use in one.adjustments) == whole.total
    assert one.good + sum(use.good for use in one.adjustments) == whole.good
    expected = [
        good
        for hour, good, tier in hours
        if not (2 <= hour < 4 and tier == "gold") and not 3 <= hour < 6
    ]
    assert (one.good, one.total) == (sum(expected), len(expected))


def test_periods_of_which_no_fact_is_kept_leave_out_what_was_counted_in_them(
    tmp_path: Path,
) -> None:
    """Counts outlive facts: only a condition, which facts alone can answer, then says it cannot."""
    longer = TRANSACTION.replace("28d", "60d")
    adjustments = adjustment("a", ONE_OFF), adjustment("b", OVERLAPPING, GOLD)
    (tmp_path / "all.yaml").write_text(longer + "".join(adjustments), encoding="utf-8")
    plan = load_definitions(tmp_path).plan
    hours = [(1, True), (2, True), (3, False), (5, False), (7, True), (40 * 24 - 1, True)]
    facts = tuple(
        fact_at(number, START + hour * HOUR_NS, good=good, tier="gold", plan=plan)
        for number, (hour, good) in enumerate(hours, 1)
    )
    at_ns = START + 40 * 24 * HOUR_NS
    with Store.open_memory(clock=FrozenClock(START)) as store:
        store.register_plan(plan, at_ns=START)
        store.commit(FactBatch(facts, frozenset(), position=1, arrival_ns=START))
        with store.reader() as reader:
            (before,) = evaluate(reader, plan, at_ns=at_ns, course=True).slos
        store.compact(at_ns)
        store.expire(at_ns)
        with store.reader() as reader:
            found = evaluate(reader, plan, at_ns=at_ns, course=True)
    (after,) = found.slos
    assert [use.total for use in before.adjustments] == [2, 1]
    assert [(use.good, use.total) for use in after.adjustments] == [(1, 2), (0, 0)]
    assert [use.unread_ns for use in after.adjustments] == [0, 3 * HOUR_NS]
    assert (before.good, before.total) == (3, 3)
    assert (after.good, after.total) == (3, 4)
    assert sum(after.reasons.values()) == 1
    assert sum(step.total for step in after.course) == 4
    assert "3 h of it are older than the facts" in render_text(found)


def test_a_recurring_period_keeps_its_local_hour_and_its_length_over_a_clock_change(
    tmp_path: Path,
) -> None:
    (sundays,) = plan_of(tmp_path, adjustment("sundays", SUNDAYS)).adjustments
    found = periods_of(sundays, START, START + 18 * 24 * HOUR_NS)
    begins = [dt.datetime.fromtimestamp(begin // 10**9, dt.UTC) for begin, _ in found]
    assert [f"{begin:%d %b %H:%M}" for begin in begins] == [
        "22 Mar 01:00",
        "29 Mar 01:00",
        "05 Apr 00:00",
    ]
    assert {end - begin for begin, end in found} == {2 * HOUR_NS}


@pytest.mark.parametrize(
    ("period", "message"),
    [
        pytest.param(
            SUNDAYS.replace("FREQ=WEEKLY;BYDAY=SU", "FREQ=SECONDLY"),
            "recurs more than once an hour; use a longer period instead",
            id="too often",
        ),
        pytest.param(
            SUNDAYS.replace("FREQ=WEEKLY;BYDAY=SU", "every sunday"),
            "is no RFC 5545 rule",
            id="no rule",
        ),
        pytest.param(
            ONE_OFF.replace("04:00", "01:00"), "end must be after start", id="ends before it begins"
        ),
    ],
)
def test_a_period_that_is_none_is_an_error(tmp_path: Path, period: str, message: str) -> None:
    with pytest.raises(DefinitionsError, match=message):
        plan_of(tmp_path, adjustment("wrong", period))


def test_a_condition_on_a_dimension_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DefinitionsError, match="teir"):
        plan_of(tmp_path, adjustment("night", ONE_OFF, GOLD.replace("tier", "teir")))
