"""Budget arithmetic, against vectors worked out by hand and against brute force."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.slo import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    State,
    budget_share,
    burn_rate,
    burns_faster,
    error_budget,
    full_budget_lifetime,
    highest_burn_rate,
    percent_up,
    sli,
    state,
    time_to_exhaustion,
)

PERMILLE = Decimal("0.999")
MONTH_NS = 30 * DAY_NS

counts = st.integers(0, 10**9).flatmap(
    lambda total: st.tuples(st.integers(0, total), st.just(total))
)
targets = st.integers(1, 10**6 - 1).map(lambda n: Decimal(n).scaleb(-6))


def test_ten_uneven_slices_at_95_percent_by_occurrences() -> None:
    """Good and total are summed over the window and divided once."""
    good = sum([2, 10, 12, 13, 13, 12, 13, 13, 12, 11])
    total = sum([4, 10, 12, 13, 14, 15, 14, 13, 12, 11])
    target = Decimal("0.95")
    assert sli(good, total) == Fraction(111, 118)
    budget = error_budget(good, total, target)
    assert budget is not None
    assert budget.total == Fraction(59, 10)
    assert budget.used == 7
    assert budget.used_share == Fraction(70, 59)
    assert budget.remaining == Fraction(-11, 59)
    assert state(good, total, target) is State.MISSED


def test_the_same_slices_by_time_are_six_of_ten() -> None:
    """A slice is good where its own ratio meets the target: other numbers, other verdict."""
    good = [2, 10, 12, 13, 13, 12, 13, 13, 12, 11]
    total = [4, 10, 12, 13, 14, 15, 14, 13, 12, 11]
    met = sum(state(g, t, Decimal("0.95")) is State.MET for g, t in zip(good, total, strict=True))
    assert sli(met, len(total)) == Fraction(6, 10)


@pytest.mark.parametrize(
    ("good", "total", "rounded"),
    [(10000, 10080, "0.99206349"), (158, 168, "0.94047619")],
)
def test_slices_of_a_week(good: int, total: int, rounded: str) -> None:
    ratio = sli(good, total)
    assert ratio is not None
    assert f"{float(ratio):.8f}" == rounded


def test_ten_requests_an_hour_and_one_failure() -> None:
    """99.9% over 30 days: 7.2 failures allowed, and one in an hour burns at 100, not at 1000."""
    budget = error_budget(7199, 7200, PERMILLE)
    assert budget is not None
    assert budget.total == Fraction(72, 10)
    rate = burn_rate(9, 10, PERMILLE)
    assert rate == 100
    assert budget.used_share == Fraction(10, 72)
    assert budget_share(Fraction(100), HOUR_NS, MONTH_NS) == Fraction(10, 72)


@pytest.mark.parametrize(
    ("rate", "lifetime_ns"),
    [
        (Fraction(1), MONTH_NS),
        (Fraction(2), 15 * DAY_NS),
        (Fraction(10), 3 * DAY_NS),
        (Fraction(1000), 43 * MINUTE_NS + 12 * 10**9),
        (Fraction(35), MONTH_NS // 35),
    ],
)
def test_how_long_a_whole_budget_lasts(rate: Fraction, lifetime_ns: int) -> None:
    assert full_budget_lifetime(rate, MONTH_NS) == lifetime_ns


def test_burn_35_empties_a_month_in_twenty_and_a_half_hours() -> None:
    lifetime_ns = full_budget_lifetime(Fraction(35), MONTH_NS)
    assert lifetime_ns is not None
    assert round(lifetime_ns / HOUR_NS, 2) == 20.57


def test_full_outages() -> None:
    """An hour at 99.9% uses 138.89%; at 90% it uses 1.389%; 99.999% is gone in 25.92 s."""
    hour = budget_share(highest_burn_rate(PERMILLE), HOUR_NS, MONTH_NS)
    assert hour == Fraction(25, 18)
    hour = budget_share(highest_burn_rate(Decimal("0.9")), HOUR_NS, MONTH_NS)
    assert hour == Fraction(1, 72)
    gone = full_budget_lifetime(highest_burn_rate(Decimal("0.99999")), MONTH_NS)
    assert gone == 25_920_000_000


def test_half_the_budget_lasts_half_as_long() -> None:
    rate = Fraction(10)
    assert time_to_exhaustion(Fraction(1, 2), rate, MONTH_NS) == 36 * HOUR_NS


@pytest.mark.parametrize(
    ("remaining", "rate"),
    [
        (Fraction(1, 2), None),
        (Fraction(1, 2), Fraction(0)),
        (Fraction(0), Fraction(10)),
        (Fraction(-1), Fraction(10)),
    ],
)
def test_no_end_where_nothing_burns_or_all_is_spent(
    remaining: Fraction, rate: Fraction | None
) -> None:
    assert time_to_exhaustion(remaining, rate, MONTH_NS) is None


def test_uneven_traffic_is_not_averaged() -> None:
    """23 quiet clean hours and one busy hour with 10% bad are 9.77% bad, not 0.417%."""
    good = 23 * 60 + 54_000
    total = 23 * 60 + 60_000
    ratio = sli(good, total)
    assert ratio is not None
    assert 1 - ratio == Fraction(100, 1023)
    mean_of_hours = Fraction(1, 10) / 24
    assert percent_up(mean_of_hours, 3) == "0.417%"
    assert 1 - ratio > 23 * mean_of_hours


def test_an_idle_spell_changes_nothing() -> None:
    assert sli(99 + 0, 100 + 0) == sli(99, 100)
    assert burn_rate(0, 0, PERMILLE) is None
    assert not burns_faster(0, 0, PERMILLE, Fraction(0))


def test_no_events_are_a_state() -> None:
    assert state(0, 0, PERMILLE) is State.NO_DATA
    assert sli(0, 0) is None
    assert error_budget(0, 0, PERMILLE) is None


def test_exactly_the_target_is_met() -> None:
    """0.999 has no exact double; the comparison is between fractions."""
    assert state(999, 1000, PERMILLE) is State.MET
    assert state(998, 1000, PERMILLE) is State.MISSED
    budget = error_budget(999, 1000, PERMILLE)
    assert budget is not None
    assert budget.remaining == 0


def test_exactly_the_factor_does_not_fire() -> None:
    """Rules say `greater than`; 14.4 × 0.001 in doubles would fire here."""
    factor = Fraction(144, 10)
    assert burn_rate(10_000 - 144, 10_000, PERMILLE) == factor
    assert not burns_faster(10_000 - 144, 10_000, PERMILLE, factor)
    assert burns_faster(10_000 - 145, 10_000, PERMILLE, factor)
    assert not burns_faster(999, 1000, PERMILLE, Fraction(1))


def test_a_slight_overspend_is_seen() -> None:
    """1.04 is more than 1; rounding before comparing would hide it."""
    assert burns_faster(10**6 - 1040, 10**6, PERMILLE, Fraction(1))
    assert sli(10**7 - 4, 10**7) != 1


@pytest.mark.parametrize("target", ["1", "0", "1.5", "-0.1"])
def test_a_target_without_budget_or_promise_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="target"):
        error_budget(1, 1, Decimal(target))
    with pytest.raises(ValueError, match="target"):
        state(1, 1, Decimal(target))


@pytest.mark.parametrize(("good", "total"), [(2, 1), (-1, 1), (0, -1)])
def test_impossible_counts_are_refused(good: int, total: int) -> None:
    with pytest.raises(ValueError, match="counts"):
        sli(good, total)


@given(st.lists(st.booleans(), max_size=200), targets)
def test_counting_events_one_by_one_gives_the_same(events: list[bool], target: Decimal) -> None:
    good, total = sum(events), len(events)
    allowed = sum((1 - Fraction(target) for _ in events), Fraction(0))
    spent = sum(1 for event in events if not event)
    budget = error_budget(good, total, target)
    if not events:
        assert budget is None
        return
    assert budget is not None
    assert budget.total == allowed
    assert budget.remaining == (allowed - spent) / allowed
    assert (state(good, total, target) is State.MET) == (spent <= allowed)
    assert burn_rate(good, total, target) == spent / allowed


@given(counts, targets)
def test_a_met_promise_has_budget_left_and_burns_at_most_at_one(
    pair: tuple[int, int], target: Decimal
) -> None:
    good, total = pair
    verdict = state(good, total, target)
    budget = error_budget(good, total, target)
    rate = burn_rate(good, total, target)
    if budget is None or rate is None:
        assert verdict is State.NO_DATA
        return
    assert (verdict is State.MET) == (budget.remaining >= 0) == (rate <= 1)
    assert rate <= highest_burn_rate(target)
    assert rate + budget.remaining == 1


@given(st.lists(counts, min_size=1, max_size=5), targets)
def test_parts_of_a_window_add_up(parts: list[tuple[int, int]], target: Decimal) -> None:
    """Budgets in events are additive; ratios are not, and are never added."""
    budgets = [error_budget(good, total, target) for good, total in parts]
    whole = error_budget(sum(g for g, _ in parts), sum(t for _, t in parts), target)
    present = [budget for budget in budgets if budget]
    if whole is None:
        assert not present
        return
    assert whole.total == sum(budget.total for budget in present)
    assert whole.used == sum(budget.used for budget in present)


@given(
    st.fractions(min_value=Fraction(1, 10**6), max_value=1),
    st.fractions(min_value=Fraction(1, 10**6), max_value=1000),
    st.integers(1, 400 * DAY_NS),
)
def test_the_end_is_never_promised_too_late(
    remaining: Fraction, rate: Fraction, window_ns: int
) -> None:
    end_ns = time_to_exhaustion(remaining, rate, window_ns)
    assert end_ns is not None
    assert budget_share(rate, end_ns, window_ns) <= remaining
    assert budget_share(rate, end_ns + 1, window_ns) > remaining
